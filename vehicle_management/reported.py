"""The door for readings: many reports of many vehicles move their statuses in one transaction.

What a vehicle reports leaves no history of its own, for the readings are stored beside; it leaves change
batches, in which a vehicle stands once per report, in event order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
import orjson
from django.db import connection

from accounts.models import Cause
from api_pattern.packing import packed
from vehicle_management.advance import Known, advance, as_text
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.changes import RECORDED_AT_FIELD, lane_of, ring
from vehicle_management.registry import fit, kind_of, kinds, register

COLUMNS = tuple(STATUS_ATTRIBUTES)
_TYPES = {name: "text" if one.kind == "text" else "float8" for name, one in STATUS_ATTRIBUTES.items()}
_LOAD = f"""
    SELECT vehicle_id, recorded_at, times::text, attributes::text, {", ".join(COLUMNS)}
    FROM vehicle_management_vehiclestatus WHERE vehicle_id = ANY(%s)
"""  # noqa: S608
_STORE = f"""
    INSERT INTO vehicle_management_vehiclestatus (vehicle_id, recorded_at, times, attributes, {", ".join(COLUMNS)})
    SELECT * FROM json_to_recordset(%s) AS t (vehicle_id bigint, recorded_at timestamptz, times jsonb,
        attributes jsonb, {", ".join(f"{name} {kind}" for name, kind in _TYPES.items())})
    ON CONFLICT (vehicle_id) DO UPDATE SET recorded_at = EXCLUDED.recorded_at, times = EXCLUDED.times,
        attributes = EXCLUDED.attributes, {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS)}
"""  # noqa: S608
_AT = attrgetter("at_ms")
_LEAVE = """
    INSERT INTO vehicle_management_changebatch
        (lane, cause_id, fields, vehicles, times, old, new, received, senders, created_at)
    VALUES (%s, %s, %s, %s::bigint[], %s::timestamptz[], %s, %s, %s::bigint[],
            ARRAY(SELECT json_array_elements_text(%s)), statement_timestamp())
"""


class Report(msgspec.Struct, gc=False):
    """Attributes of one vehicle at one time, checked; ``received_ms`` and ``sender`` say how it came.

    ``at`` is in UTC, of whole milliseconds, and ``at_ms`` the same since 1970.
    """

    vehicle: int
    at: datetime
    at_ms: int
    values: dict[str, Any]
    received_ms: int = 0
    sender: str = ""


def lock_named(vehicle_ids: Iterable[str]) -> dict[str, int]:
    """Lock the vehicles that there are of these, in the order of their keys; answers their keys."""
    query = """
        SELECT vehicle_id, id FROM vehicle_management_vehicle
        WHERE vehicle_id = ANY(%s) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [list(set(vehicle_ids))])
        return dict(cursor.fetchall())


def load_known(vehicles: Iterable[int]) -> dict[int, Known]:
    """What is known of each of these vehicles, nothing included. Locked before, it stays so."""
    wanted = list(vehicles)
    known = {pk: Known() for pk in wanted}
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [wanted])
        for pk, recorded_at, times, attributes, *columns in cursor:
            values = {name: value for name, value in zip(COLUMNS, columns, strict=True) if value is not None}
            if attributes != "{}":
                values = {**orjson.loads(attributes), **values}
            known[pk] = Known(values, recorded_at, {} if times == "{}" else orjson.loads(times))
    return known


class Moves:
    """What reports make of vehicles that are locked: ``known`` moved on, and every step of it.

    Three steps, for between them the caller may keep the database busy: ``fitted`` asks it about
    attributes, ``move`` only computes, and ``store`` writes.
    """

    def __init__(self, known: dict[int, Known]) -> None:
        self._known = known
        self._groups: dict[tuple[int, frozenset[str]], _Group] = {}
        self._vehicles: set[int] = set()

    def move(self, reports: Sequence[Report]) -> int:
        """Answers how many moved nothing: older than what is known, or the same again."""
        by_vehicle: dict[int, list[Report]] = defaultdict(list)
        for report in sorted(reports, key=_AT):
            by_vehicle[report.vehicle].append(report)
        for pk, told in by_vehicle.items():
            key = (lane_of(pk), frozenset().union(*(report.values for report in told)))
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(tuple(sorted(key[1])))
            group.move(self._known[pk], told)
        self._vehicles.update(by_vehicle)
        return len(reports) - sum(len(group.reports) for group in self._groups.values())

    def store(self, *, cause: Mapping[str, Any]) -> None:
        left = {key: group for key, group in self._groups.items() if group.reports}
        if left:
            pk = Cause.of(dict(cause)).pk
            store_known({vehicle: self._known[vehicle] for vehicle in self._vehicles})
            _leave([group.row(lane, pk) for (lane, _names), group in left.items()])


class _Group:
    """Reports of one lane's vehicles that say the same attributes, with the values before and after each."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.reports: list[Report] = []
        self.times: list[str] = []
        self.old: list[list[Any]] = []
        self.new: list[list[Any]] = []

    def move(self, known: Known, reports: Iterable[Report]) -> None:
        """One vehicle's reports, in the order of their times."""
        get, names = known.values.get, self.names
        before = [*map(get, names), _text(known.recorded_at)]
        for report in reports:
            since = known.recorded_at
            changed = advance(known, report.values, report.at)
            if not changed and known.recorded_at is since:
                continue
            at = as_text(report.at)
            after = [*map(get, names), before[-1] if known.recorded_at is since else at]
            self.reports.append(report)
            self.times.append(at)
            self.old.append(before)
            self.new.append(after)
            before = after

    def row(self, lane: int, cause: int) -> tuple[Any, ...]:
        """A change batch: of the attributes those that changed at all, and the time of each report."""
        columns = zip(zip(*self.old, strict=True), zip(*self.new, strict=True), strict=True)
        kept = [place for place, (old, new) in enumerate(columns) if old != new or place == len(self.names)]
        fields = [f"status.{self.names[place]}" for place in kept[:-1]]
        return (
            lane,
            cause,
            [*fields, RECORDED_AT_FIELD],
            _array(str(report.vehicle) for report in self.reports),
            _array(self.times),
            _side(self.old, kept),
            _side(self.new, kept),
            _array(str(report.received_ms) for report in self.reports),
            packed([report.sender for report in self.reports]).decode(),
        )


def _side(side: list[list[Any]], kept: list[int]) -> str:
    if side and len(kept) < len(side[0]):
        side = [[row[place] for place in kept] for row in side]
    return packed(side).decode()


def _array(items: Iterable[str]) -> str:
    """An array of numbers or times as PostgreSQL writes it."""
    return "{" + ",".join(items) + "}"


def _text(at: datetime | None) -> str | None:
    return as_text(at) if at else None


def _leave(rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_LEAVE, rows)
    ring(row[0] for row in rows)


def store_known(known: Mapping[int, Known]) -> None:
    """Write down what is known, one row per vehicle of which anything is."""
    rows = [
        {
            **{name: value for name, value in held.values.items() if name in STATUS_ATTRIBUTES},
            "vehicle_id": pk,
            "recorded_at": as_text(held.recorded_at),
            "times": held.times,
            "attributes": _others(held),
        }
        for pk, held in known.items()
        if held.recorded_at
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [packed(rows).decode()])


def _others(held: Known) -> dict[str, Any]:
    if held.values.keys() <= STATUS_ATTRIBUTES.keys():
        return {}
    return {
        name: value
        for name, value in held.values.items()
        if name not in STATUS_ATTRIBUTES and value is not None
    }


def fitted(reports: Sequence[Report]) -> Sequence[Report]:
    """The attributes that are not well-known as the registry has them."""
    seen: dict[str, Any] = {}
    for report in reports:
        for name in report.values.keys() - STATUS_ATTRIBUTES.keys():
            if report.values[name] is not None:
                seen.setdefault(name, report.values[name])
    if not seen:
        return reports
    held = kinds()
    if seen.keys() - held.keys():
        held = {**held, **register({name: kind_of(value) for name, value in seen.items()})}
    return [
        msgspec.structs.replace(
            one,
            values={
                name: value if name in STATUS_ATTRIBUTES else fit(value, held.get(name, kind_of(value)))
                for name, value in one.values.items()
            },
        )
        for one in reports
    ]
