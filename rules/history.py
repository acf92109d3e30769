"""What happened to vehicles, in event time: their readings, and the changes that files, people and keys made.

Events come in the order of their times over all vehicles. Between two of them anything else may be asked of the
database, and no more is held than some thousands of readings and a day's changes.

A vehicle's main data counts as it was from its first change on: for the time before, as it was first known.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection

from accounts.models import Fleet
from rules.history_columns import Columns, columns_of
from rules.history_start import told_by_status
from telemetry.models import Rollup
from telemetry.partitions import existing_days
from telemetry.readings import from_ms, to_ms
from telemetry.rollups import DAY, floor_time
from vehicle_management.advance import as_text
from vehicle_management.models import Vehicle, VehicleChange

AT_ONCE = 5_000
ONE_DAY = timedelta(days=1)
# Stands for a VehicleChange where a vehicle's status alone knows of a report.
OF_STATUS = 0

# A vehicle's key, the time (milliseconds since 1970), what it says by key, whether the vehicle was heard of by
# it, and the VehicleChange that tells its cause (None: a reading; ``OF_STATUS``: nothing but the status knows it).
Event = tuple[int, int, dict[str, Any], bool, int | None]
Start = datetime | Mapping[int, datetime]

_READINGS = """
    SELECT r.vehicle, (date_part('epoch', r.recorded_at) * 1000)::bigint{columns}
    FROM telemetry_reading r {begin}
    WHERE r.vehicle = ANY(%(vehicles)s::int[]) AND r.recorded_at >= %(start)s AND r.recorded_at < %(end)s
    ORDER BY r.recorded_at, r.vehicle
"""
_BEGIN = """
    JOIN unnest(%(starting)s::int[], %(starts)s::timestamptz[]) AS begin (vehicle, at)
        ON begin.vehicle = r.{vehicle} AND r.{at} >= begin.at
"""
# A status from a file, a person or a key is a report, whatever it changed.
_CHANGES = """
    SELECT r.id, r.vehicle_id, r.at, r.changes::text
    FROM vehicle_management_vehiclechange r {begin}
    WHERE r.vehicle_id = ANY(%(vehicles)s) AND r.at >= %(start)s AND r.at < %(end)s
      AND (r.changes ?| %(keys)s::text[]
           OR jsonb_path_exists(r.changes, '$.keyvalue() ? (@.key starts with "status.")'))
    ORDER BY r.at, r.id
"""


def events_of(vehicles: Sequence[int], keys: Collection[str], start: Start, end: datetime) -> Iterator[Event]:
    """What happened to ``vehicles`` from ``start`` (included; of all, or of each) to ``end`` (not).

    ``keys`` name the values that are wanted, as change batches name them. At the same time readings come first.
    """
    span = _Span(list(vehicles), start, end)
    if not span.vehicles or span.first >= end:
        return
    held = [
        (vehicle, at, said, True, OF_STATUS)
        for vehicle, at, said in told_by_status(span.vehicles, keys, span.first, end)
        if isinstance(start, datetime) or at >= to_ms(start[vehicle])
    ]
    changes = _Pending(merge(_changes(span, keys), held, key=itemgetter(1)))
    columns = columns_of(keys)
    for first, last in span.days():
        yield from _with_changes(_readings(span, columns, first, last), changes)
        yield from changes.before(to_ms(last))
    yield from changes.before(None)


def count_readings(
    vehicles: Sequence[int], start: datetime, end: datetime, *, most: int | None = None
) -> int:
    """How many readings are at hand; where there are more than ``most``, one more than that."""
    query = """
        SELECT count(*) FROM (
            SELECT FROM telemetry_reading WHERE vehicle = ANY(%s::int[]) AND recorded_at >= %s AND recorded_at < %s
            LIMIT %s
        ) AS found
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles), start, end, None if most is None else most + 1])
        return int(cursor.fetchone()[0])


def archived_days(vehicles: Sequence[int], start: datetime, end: datetime) -> list[date]:
    """Days of which readings of these vehicles lie in archives: their events are not seen."""
    days = Rollup.objects.filter(
        width=DAY, vehicle__in=vehicles, archived=True, bucket__gte=floor_time(start, DAY), bucket__lt=end
    )
    return [bucket.date() for bucket in days.order_by("bucket").values_list("bucket", flat=True).distinct()]


def causes_of(events: Iterable[tuple[int, int, int | None]]) -> list[dict[str, Any]]:
    """What made these events, told whole: of each its vehicle, time and VehicleChange."""
    wanted = list(events)
    changes = VehicleChange.objects.select_related("cause").in_bulk(
        {change for *_event, change in wanted if change is not None}
    )
    received = _received({(vehicle, at) for vehicle, at, change in wanted if change is None})
    first = _first_causes({vehicle for vehicle, _at, change in wanted if change == OF_STATUS})
    told = []
    for vehicle, at, change in wanted:
        if change in changes:
            told.append(changes[change].told_cause())
        else:
            held = first.get(vehicle) if change == OF_STATUS else None
            told.append(held or _of_reading(at, received.get((vehicle, at))))
    return told


def _first_causes(vehicles: set[int]) -> dict[int, dict[str, Any]]:
    """What created these vehicles: their first status came with it."""
    created = Vehicle.all_objects.filter(pk__in=vehicles, cause__isnull=False).select_related("cause")
    return {one.pk: one.cause.told(one.cause_row) for one in created if one.cause is not None}


def _received(wanted: set[tuple[int, int]]) -> dict[tuple[int, int], datetime]:
    query = """
        SELECT r.vehicle, r.recorded_at, r.received_at
        FROM unnest(%s::int[], %s::timestamptz[]) AS w (vehicle, at)
        JOIN telemetry_reading r ON r.vehicle = w.vehicle AND r.recorded_at = w.at
    """
    if not wanted:
        return {}
    vehicles, times = zip(*sorted(wanted), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles), [from_ms(at) for at in times]])
        return {(vehicle, to_ms(at)): received for vehicle, at, received in cursor.fetchall()}


def _of_reading(at: int, received: datetime | None) -> dict[str, Any]:
    told = {"kind": "reading", "recorded_at": as_text(from_ms(at))}
    return told if received is None else {**told, "received_at": as_text(received)}


@dataclass
class _Span:
    vehicles: list[int]
    start: Start
    end: datetime
    first: datetime = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime):
            self.first = self.start
        else:
            self.vehicles = [pk for pk in self.vehicles if pk in self.start]
            self.first = min((self.start[pk] for pk in self.vehicles), default=self.end)

    def days(self) -> Iterator[tuple[datetime, datetime]]:
        """The parts of the span that have a table."""
        for day in sorted(existing_days()):
            begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
            first, last = max(begin, self.first), min(begin + ONE_DAY, self.end)
            if first < last:
                yield first, last

    def begin(self, vehicle: str, at: str) -> str:
        """A join that leaves out what was before each vehicle's own start."""
        return "" if isinstance(self.start, datetime) else _BEGIN.format(vehicle=vehicle, at=at)

    def params(self, start: datetime, end: datetime) -> dict[str, Any]:
        starts = {} if isinstance(self.start, datetime) else self.start
        return {
            "vehicles": self.vehicles,
            "start": start,
            "end": end,
            "starting": [pk for pk in self.vehicles if pk in starts],
            "starts": [starts[pk] for pk in self.vehicles if pk in starts],
        }


class _Pending:
    """Changes in order, taken as far as readings have come."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._next = next(events, None)

    @property
    def at(self) -> float:
        return self._next[1] if self._next else float("inf")

    def before(self, at: int | None) -> Iterator[Event]:
        while self._next is not None and (at is None or self._next[1] < at):
            yield self._next
            self._next = next(self._events, None)


def _with_changes(readings: Iterator[Event], changes: _Pending) -> Iterator[Event]:
    next_at = changes.at
    for event in readings:
        if next_at < event[1]:
            yield from changes.before(event[1])
            next_at = changes.at
        yield event


def _readings(span: _Span, columns: Columns, first: datetime, last: datetime) -> Iterator[Event]:
    listed = "".join(f", {sql}" for sql in columns.sql)
    query = _READINGS.format(columns=listed, begin=span.begin("vehicle", "recorded_at"))
    params = {**span.params(first, last), **columns.params}
    said = columns.reader()
    # A cursor that stays with the server: COPY is no quicker, and keeps the connection to itself.
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, params)
        while rows := cursor.fetchmany(AT_ONCE):
            for vehicle, at, *values in rows:
                yield vehicle, at, said(at, values), True, None


def _changes(span: _Span, keys: Collection[str]) -> Iterator[Event]:
    query = _CHANGES.format(begin=span.begin("vehicle_id", "at"))
    wanted = {*keys, *(["fleet"] if "fleet_id" in keys else [])}
    read = _change_reader(keys)
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, {**span.params(span.first, span.end), "keys": sorted(wanted)})
        for pk, vehicle, at, changes in chain.from_iterable(iter(lambda: cursor.fetchmany(AT_ONCE), [])):
            told = orjson.loads(changes)
            is_report = any(name.startswith("status.") for name in told)
            yield vehicle, to_ms(at), read(at, told, is_report), is_report, pk


def _change_reader(keys: Collection[str]) -> Callable[[datetime, dict[str, Any], bool], dict[str, Any]]:
    plain = [key for key in keys if key not in ("fleet_id", "recorded_at")]
    fleet_ids = dict(Fleet.all_objects.values_list("pk", "fleet_id")) if "fleet_id" in keys else None
    tells_time = "recorded_at" in keys

    def read(at: datetime, changes: dict[str, Any], is_report: bool) -> dict[str, Any]:
        said = {key: changes[key][1] for key in plain if key in changes}
        if fleet_ids is not None and "fleet" in changes:
            said["fleet_id"] = fleet_ids.get(changes["fleet"][1])
        if tells_time and is_report:
            said["recorded_at"] = as_text(at)
        return said

    return read
