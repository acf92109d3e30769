"""What rules do to alerts: raise, touch and close many at once, inside the caller's transaction.

Each is one statement however many there are, and locks alerts in the order of vehicle and origin, as people's doings
do. Who calls several of them in one transaction locks all first (``lock_alerts``), so that nobody waits in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone

from alerts.models import Alert, AlertEvent
from alerts.story import tell_story
from alerts.tasks import ring_for_telling

# Who raises and closes (“rule:12”), and the vehicle's key: of such a pair at most one alert is open.
Pair = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Raise:
    """``at`` is in event time, ``escalate_after_s`` counts from now; ``cause`` is stored once for all who share it."""

    origin: str
    vehicle: int
    at: datetime
    alert_type: str
    severity: str
    message: str
    field: str
    value: float | None
    threshold: float | None
    low_is_worse: bool
    escalate_to: list[str]
    escalate_after_s: int | None
    cause: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Touch:
    """``count`` reports said so again, the last one ``at``; of several values the worst one is given."""

    origin: str
    vehicle: int
    at: datetime
    value: float | None
    count: int = 1


def lock_alerts(pairs: Iterable[Pair]) -> None:
    """Lock the open alerts of ``pairs`` in the order that all keep to."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_packed({"origin": origin, "vehicle": pk} for origin, pk in set(pairs))])


def raise_alerts(raises: Sequence[Raise]) -> list[int]:
    """One key per raise, in order; where one of that origin and vehicle is open, it is touched instead.

    A touched one keeps its type, severity, message and escalation; count, last time and worst value go on.
    """
    if not raises:
        return []
    causes: dict[Pair, dict[str, Any]] = {}
    for one in raises:
        causes.setdefault((one.origin, one.vehicle), one.cause)
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, {"now": timezone.now(), "fresh": _packed(_fresh(raises))})
        found = cursor.fetchall()
    pks = {(origin, vehicle): pk for pk, origin, vehicle, _is_new in found}
    new = {pk: causes[origin, vehicle] for pk, origin, vehicle, is_new in found if is_new}
    if new:
        tell_story(AlertEvent.Kind.RAISED, new)
        ring_for_telling()
    return [pks[one.origin, one.vehicle] for one in raises]


def touch_alerts(touches: Sequence[Touch]) -> None:
    """Of open alerts only: a report that says the same of one that was closed raises nothing."""
    if touches:
        with connection.cursor() as cursor:
            cursor.execute(_TOUCH, [_packed(_said(touches))])


def close_alerts(pairs: Sequence[tuple[str, int, datetime]], *, cause: Mapping[str, Any]) -> list[int]:
    """Close what is open of ``(origin, vehicle, event time)``; answers the keys of those that this call closed."""
    ends: dict[Pair, datetime] = {}
    for origin, vehicle, at in pairs:
        ends[origin, vehicle] = min(at, ends.get((origin, vehicle), at))
    if not ends:
        return []
    said = ({"origin": origin, "vehicle": pk, "at": at} for (origin, pk), at in ends.items())
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, [_packed(said)])
        closed = sorted(pk for (pk,) in cursor.fetchall())
    tell_story(AlertEvent.Kind.CLOSED, dict.fromkeys(closed, cause))
    return closed


def close_alerts_of(
    origin: str, *, at: datetime, cause: Mapping[str, Any], vehicles: Iterable[int] | None = None
) -> list[int]:
    """Close all that ``origin`` has open, as when it is switched off; or those of ``vehicles``, which left it."""
    held = Alert.objects.open().filter(origin=origin).order_by()
    if vehicles is not None:
        held = held.filter(vehicle__in=list(vehicles))
    pks: Iterable[Any] = held.values_list("vehicle_id", flat=True)
    return close_alerts([(origin, pk, at) for pk in pks], cause=cause)


def _fresh(raises: Iterable[Raise]) -> Iterable[dict[str, Any]]:
    """One row per pair: a statement cannot raise and touch one alert; who comes first is told."""
    rows: dict[Pair, dict[str, Any]] = {}
    for one in raises:
        row = rows.get((one.origin, one.vehicle))
        if row is None:
            rows[one.origin, one.vehicle] = _row(one)
            continue
        row["count"] += 1
        row["last_at"] = max(row["last_at"], one.at)
        known = [value for value in (row["worst_value"], one.value) if value is not None]
        row["worst_value"] = (min if one.low_is_worse else max)(known, default=None)
    return rows.values()


def _row(one: Raise) -> dict[str, Any]:
    return {
        "origin": one.origin,
        "vehicle": one.vehicle,
        "alert_type": one.alert_type,
        "severity": one.severity,
        "message": one.message,
        "field": one.field,
        "value": one.value,
        "threshold": one.threshold,
        "worst_value": one.value,
        "low_is_worse": one.low_is_worse,
        "count": 1,
        "at": one.at,
        "last_at": one.at,
        "escalate_to": one.escalate_to,
        "escalate_after_s": one.escalate_after_s,
    }


def _said(touches: Iterable[Touch]) -> Iterable[dict[str, Any]]:
    """One row per pair with both extremes: only the alert knows which of them is worse."""
    rows: dict[Pair, dict[str, Any]] = {}
    for one in touches:
        begun = {
            "origin": one.origin,
            "vehicle": one.vehicle,
            "at": one.at,
            "count": 0,
            "low": None,
            "high": None,
        }
        row = rows.setdefault((one.origin, one.vehicle), begun)
        row["count"] += one.count
        row["at"] = max(row["at"], one.at)
        if one.value is not None:
            row["low"] = one.value if row["low"] is None else min(row["low"], one.value)
            row["high"] = one.value if row["high"] is None else max(row["high"], one.value)
    return rows.values()


def _packed(rows: Iterable[Mapping[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()


# LEAST and GREATEST pass over what is not known.
_RAISE = """
    INSERT INTO alerts_alert AS held (
        vehicle_id, origin, alert_type, severity, message, field, value, threshold, worst_value, low_is_worse,
        count, triggered_at, last_at, raised_at, notes, escalate_at, escalate_to
    )
    SELECT vehicle, origin, alert_type, severity, message, field, value, threshold, worst_value, low_is_worse,
        count, at, last_at, %(now)s, '', %(now)s + make_interval(secs => escalate_after_s), escalate_to
    FROM jsonb_to_recordset(%(fresh)s::jsonb) AS fresh (
        vehicle bigint, origin text, alert_type text, severity text, message text, field text, value float8,
        threshold float8, worst_value float8, low_is_worse boolean, count integer, at timestamptz,
        last_at timestamptz, escalate_after_s float8, escalate_to jsonb
    )
    ORDER BY vehicle, origin COLLATE "C"
    ON CONFLICT (origin, vehicle_id) WHERE closed_at IS NULL DO UPDATE SET
        count = held.count + EXCLUDED.count,
        last_at = GREATEST(held.last_at, EXCLUDED.last_at),
        worst_value = CASE WHEN held.low_is_worse THEN LEAST(held.worst_value, EXCLUDED.worst_value)
            ELSE GREATEST(held.worst_value, EXCLUDED.worst_value) END
    RETURNING id, origin, vehicle_id, old.id IS NULL
"""

# Locked in order by a step of its own: an UPDATE takes its rows as they come.
_HELD = """
    WITH held AS MATERIALIZED (
        SELECT alert.id, said.* FROM jsonb_to_recordset(%s::jsonb) AS said (
            origin text, vehicle bigint, at timestamptz, count integer, low float8, high float8
        )
        JOIN alerts_alert alert ON alert.vehicle_id = said.vehicle AND alert.origin = said.origin
        WHERE alert.closed_at IS NULL
        ORDER BY alert.vehicle_id, alert.origin COLLATE "C"
        FOR NO KEY UPDATE OF alert
    )
"""
_LOCK = f"{_HELD} SELECT count(*) FROM held"  # noqa: S608
_TOUCH = f"""
    {_HELD}
    UPDATE alerts_alert alert SET
        count = alert.count + held.count,
        last_at = GREATEST(alert.last_at, held.at),
        worst_value = CASE WHEN alert.low_is_worse THEN LEAST(alert.worst_value, held.low)
            ELSE GREATEST(alert.worst_value, held.high) END
    FROM held WHERE alert.id = held.id
"""  # noqa: S608
_CLOSE = f"""
    {_HELD}
    UPDATE alerts_alert alert SET closed_at = GREATEST(held.at, alert.triggered_at)
    FROM held WHERE alert.id = held.id
    RETURNING alert.id
"""  # noqa: S608
