"""Change batches that are not done, as the rules read them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from django.db import connection

from rules.running import RunningRule
from rules.scope import SCOPE_FIELDS
from vehicle_management.changes import RECORDED_AT_FIELD

MOST_VEHICLES = 20_000
MOST_BATCHES = 2_000
_SIDES_AT_ONCE = 20

Side = Sequence[Sequence[Any]]


@dataclass
class Batch:
    """A change batch, with the values before and after of each of its vehicles.

    ``is_first``: the first status of vehicles that the same transaction created, in a batch before. ``asked`` holds
    by position the rules that have to be asked.
    """

    pk: int
    fields: tuple[str, ...]
    vehicles: list[int]
    created_at: datetime | None = None
    is_first: bool = False
    old: Side | None = None
    new: Side | None = None
    asked: Sequence[Collection[RunningRule]] = ()
    columns: list[tuple[int, str]] | None = None

    @cached_property
    def creates(self) -> bool:
        return "vehicle_id" in self.fields

    @cached_property
    def begins(self) -> bool:
        """Nothing was known of these vehicles before."""
        return self.creates or self.is_first

    @cached_property
    def moves_scope(self) -> bool:
        return not SCOPE_FIELDS.isdisjoint(self.fields)

    @cached_property
    def is_report(self) -> bool:
        """It says how vehicles are, and not what they are."""
        return any(name == RECORDED_AT_FIELD or name.startswith("status.") for name in self.fields)


def pending_batches(lane: int) -> list[int]:
    """The next batches of the lane in order, as many as hold ``MOST_VEHICLES`` vehicles, at least one."""
    query = """
        SELECT id, cardinality(vehicles) FROM vehicle_management_changebatch
        WHERE lane = %s AND done_at IS NULL ORDER BY id LIMIT %s
    """
    taken: list[int] = []
    vehicles = 0
    with connection.cursor() as cursor:
        cursor.execute(query, [lane, MOST_BATCHES])
        for pk, count in cursor.fetchall():
            vehicles += count
            if taken and vehicles > MOST_VEHICLES:
                break
            taken.append(pk)
    return taken


def mark_done(pks: list[int]) -> None:
    """First of all writes: whoever comes second with these batches fails here."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE vehicle_management_changebatch SET done_at = now() WHERE id = ANY(%s)", [pks])


def load_batches(pks: list[int]) -> list[Batch]:
    """With their values, but for those of batches that begin, which have none (or need none)."""
    query = """
        SELECT id, fields, vehicles, created_at,
               old IS NULL AND fields <> '{}' AND NOT 'vehicle_id' = ANY(fields),
               CASE WHEN NOT 'vehicle_id' = ANY(fields) THEN old::text END,
               CASE WHEN NOT 'vehicle_id' = ANY(fields) THEN new::text END
        FROM vehicle_management_changebatch WHERE id = ANY(%s) ORDER BY id
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [pks])
        return [_loaded(*row) for row in cursor]


def _loaded(
    pk: int, fields: list[str], vehicles: list[int], at: datetime, is_first: bool, old: str, new: str
) -> Batch:
    before, after = (orjson.loads(side) if side else None for side in (old, new))
    return Batch(pk, tuple(fields), vehicles, at, is_first, before, after)


def pending_since(
    lane: int, *, fields: Iterable[str], vehicles: Iterable[int], after: int | None = None
) -> Iterator[Batch]:
    """Batches that changed ``fields`` of ``vehicles``, with their old values, the latest first.

    Those that are not done, or, given one, all that came after it.
    """
    since = "done_at IS NULL" if after is None else "id > %(after)s"
    query = f"""
        SELECT id FROM vehicle_management_changebatch b
        WHERE lane = %(lane)s AND {since} AND fields && %(fields)s::text[]
          AND EXISTS (SELECT FROM unnest(b.vehicles) AS vehicle WHERE vehicle = ANY(%(vehicles)s))
        ORDER BY id DESC
    """  # noqa: S608
    params = {"lane": lane, "after": after, "fields": list(fields), "vehicles": list(vehicles)}
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        pks = [pk for (pk,) in cursor.fetchall()]
    for start in range(0, len(pks), _SIDES_AT_ONCE):
        yield from _with_old(pks[start : start + _SIDES_AT_ONCE])


def _with_old(pks: list[int]) -> list[Batch]:
    query = """
        SELECT id, fields, vehicles, old::text FROM vehicle_management_changebatch
        WHERE id = ANY(%s) ORDER BY id DESC
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [pks])
        rows = cursor.fetchall()
    return [_later(*row) for row in rows]


def _later(pk: int, fields: list[str], vehicles: list[int], old: str | None) -> Batch:
    is_first = old is None and "vehicle_id" not in fields
    return Batch(pk, tuple(fields), vehicles, old=orjson.loads(old or "null"), is_first=is_first)


def has_pending(lane: int) -> bool:
    query = "SELECT EXISTS (SELECT FROM vehicle_management_changebatch WHERE lane = %s AND done_at IS NULL)"
    with connection.cursor() as cursor:
        cursor.execute(query, [lane])
        return bool(cursor.fetchone()[0])


def has_pending_before(lane: int, moment: datetime) -> bool:
    query = """
        SELECT EXISTS (SELECT FROM vehicle_management_changebatch
                       WHERE lane = %s AND done_at IS NULL AND created_at <= %s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [lane, moment])
        return bool(cursor.fetchone()[0])
