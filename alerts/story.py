"""The steps of alerts' stories, written many at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db import connection

from alerts.models import AlertEvent


def tell_story(
    kind: str, causes: Mapping[int, Mapping[str, Any]], *, texts: Mapping[int, str] | None = None
) -> None:
    """One step of each alert: ``causes`` and ``texts`` are by the alert's key."""
    if not causes:
        return
    pks = cause_pks(list(causes.values()))
    AlertEvent.objects.bulk_create(
        AlertEvent(alert_id=alert, kind=kind, cause_id=pk, text=(texts or {}).get(alert, ""))
        for alert, pk in zip(causes, pks, strict=True)
    )


def cause_pks(told: Sequence[Mapping[str, Any]]) -> list[int]:
    """The key of each cause in order, as ``Cause.of`` finds or makes it, with two queries for all."""
    packed = [orjson.dumps(one, default=str, option=orjson.OPT_SORT_KEYS).decode() for one in told]
    distinct = sorted(set(packed))
    with connection.cursor() as cursor:
        # Asked before it is inserted: what conflicts would use up a key each time.
        cursor.execute(
            """
            INSERT INTO accounts_cause (data) SELECT told::jsonb FROM unnest(%s::text[]) told
            WHERE NOT EXISTS (SELECT FROM accounts_cause cause WHERE cause.data = told::jsonb)
            ON CONFLICT (data) DO NOTHING
            """,
            [distinct],
        )
        cursor.execute(
            "SELECT told, id FROM unnest(%s::text[]) told JOIN accounts_cause ON data = told::jsonb",
            [distinct],
        )
        known = dict(cursor.fetchall())
    return [known[one] for one in packed]
