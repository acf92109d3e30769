"""What was known of vehicles at a time in the past, and reports that nothing but their statuses tell of.

Main data is walked back from now over the changes since. A status attribute is what it was last said to be: by
now's status where that is old enough, else by the last reading or change before.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from accounts.models import Fleet
from rules.history_columns import STATUS, columns_of
from rules.scope import SCOPE_FIELDS
from rules.values import load_values
from telemetry.readings import from_ms, to_ms
from vehicle_management.advance import as_text

VEHICLES_AT_ONCE = 2_000
# How far back a reading is looked for, step by step: each step reads the tables of its days alone.
STEPS = tuple(timedelta(days=days) for days in (1, 8, 64))

_STATUSES = """
    SELECT vehicle_id, recorded_at, times::text FROM vehicle_management_vehiclestatus WHERE vehicle_id = ANY(%s)
"""
_SINCE = """
    SELECT vehicle_id, changes::text FROM vehicle_management_vehiclechange
    WHERE vehicle_id = ANY(%s) AND at >= %s AND changes ?| %s::text[] ORDER BY id DESC
"""
_LAST_READING = """
    SELECT w.vehicle, date_part('epoch', found.recorded_at) * 1000, found.value
    FROM unnest(%(vehicles)s::int[]) AS w (vehicle) CROSS JOIN LATERAL (
        SELECT r.recorded_at, {value} AS value FROM telemetry_reading r
        WHERE r.vehicle = w.vehicle AND r.recorded_at < %(before)s AND r.recorded_at >= %(after)s
          AND {value} IS NOT NULL
        ORDER BY r.recorded_at DESC LIMIT 1
    ) AS found
"""
_NEAREST_CHANGE = """
    SELECT DISTINCT ON (c.vehicle_id, k.key) c.vehicle_id, k.key, c.at, (c.changes -> k.key)::text
    FROM vehicle_management_vehiclechange c JOIN unnest(%(keys)s::text[]) AS k (key) ON c.changes ? k.key
    WHERE c.vehicle_id = ANY(%(vehicles)s) AND c.at {side} %(at)s
    ORDER BY c.vehicle_id, k.key, c.at {order}, c.id {order}
"""
_LAST_HEARD_BY_CHANGE = """
    SELECT vehicle_id, max(at) FROM vehicle_management_vehiclechange
    WHERE vehicle_id = ANY(%s) AND at < %s
      AND jsonb_path_exists(changes, '$.keyvalue() ? (@.key starts with "status.")')
    GROUP BY vehicle_id
"""
_WITHOUT_READING = """
    SELECT w.vehicle, w.at FROM unnest(%s::int[], %s::timestamptz[]) AS w (vehicle, at)
    WHERE NOT EXISTS (
        SELECT FROM telemetry_reading r WHERE r.vehicle = w.vehicle
          AND r.recorded_at = date_trunc('milliseconds', w.at)
    ) AND NOT EXISTS (
        SELECT FROM vehicle_management_vehiclechange c WHERE c.vehicle_id = w.vehicle AND c.at = w.at
    )
"""


@dataclass(slots=True)
class Known:
    """A vehicle's values by key, and when it was last heard of (milliseconds since 1970, or None)."""

    values: dict[str, Any]
    heard: int | None = None


Told = tuple[datetime, dict[str, datetime]]


def known_at(vehicles: Iterable[int], keys: Collection[str], at: datetime) -> dict[int, Known]:
    """What was known of each of ``vehicles`` just before a time, by ``keys`` and what scopes need."""
    fleet_ids = dict(Fleet.all_objects.values_list("pk", "fleet_id"))
    found: dict[int, Known] = {}
    for pks in _chunks(vehicles):
        values, told = load_values(pks, keys, fleet_ids), _load_times(pks)
        _walk_back(values, keys, at, fleet_ids)
        _look_back(values, told, [key for key in keys if key.startswith(STATUS)], at)
        heard = _heard_before(pks, told, at)
        for pk, held in values.items():
            if "recorded_at" in keys:
                held["recorded_at"] = None if heard.get(pk) is None else as_text(from_ms(heard[pk]))
            found[pk] = Known(held, heard.get(pk))
    return found


def told_by_status(
    vehicles: Sequence[int], keys: Collection[str], start: datetime, end: datetime
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Reports from ``start`` to ``end`` that are neither readings nor changes: vehicle, time, what it said.

    Such are the first statuses that files create vehicles with, and those that said nothing new.
    """
    found: list[tuple[int, datetime, dict[str, Any]]] = []
    keys = [key for key in keys if key.startswith(STATUS) or key == "recorded_at"]
    for pks in _chunks(vehicles):
        told = _load_times(pks)
        recent = [pk for pk, (recorded_at, _times) in told.items() if recorded_at >= start]
        if recent:
            found += _without_trace(recent, told, keys, start, end)
    for vehicle, at, said in sorted(found, key=lambda one: one[1]):
        yield vehicle, to_ms(at), said


def _chunks(vehicles: Iterable[int]) -> Iterator[list[int]]:
    pks = list(vehicles)
    for start in range(0, len(pks), VEHICLES_AT_ONCE):
        yield pks[start : start + VEHICLES_AT_ONCE]


def _without_trace(
    pks: list[int], told: Mapping[int, Told], keys: Collection[str], start: datetime, end: datetime
) -> list[tuple[int, datetime, dict[str, Any]]]:
    values = load_values(pks, keys, {})
    said: dict[tuple[int, datetime], dict[str, Any]] = defaultdict(dict)
    for pk in pks:
        recorded_at, times = told[pk]
        said[pk, recorded_at].update({"recorded_at": as_text(recorded_at)} if "recorded_at" in keys else {})
        for key, value in values.get(pk, {}).items():
            if key.startswith(STATUS) and value is not None:
                said[pk, times.get(key.removeprefix(STATUS), recorded_at)][key] = value
    pairs = [pair for pair in said if start <= pair[1] < end]
    if not pairs:
        return []
    rows = _rows(_WITHOUT_READING, [[pk for pk, _at in pairs], [at for _pk, at in pairs]])
    return [(pk, at, said[pk, at]) for pk, at in rows]


def _load_times(pks: Iterable[int]) -> dict[int, Told]:
    """By vehicle, the newest time of its status, and the times of what is older."""
    return {
        pk: (at, {name: datetime.fromisoformat(time) for name, time in orjson.loads(times).items()})
        for pk, at, times in _rows(_STATUSES, [list(pks)])
    }


def _walk_back(
    values: Mapping[int, dict[str, Any]], keys: Collection[str], at: datetime, fleet_ids: Mapping[int, str]
) -> None:
    main = {key for key in (*keys, *SCOPE_FIELDS) if not key.startswith(STATUS)} - {"recorded_at", "fleet_id"}
    for pk, changes in _rows(_SINCE, [list(values), at, sorted(main)]):
        for name, (old, _new) in orjson.loads(changes).items():
            if name in main and pk in values:
                values[pk][name] = old
    if "fleet_id" in keys:
        for held in values.values():
            held["fleet_id"] = fleet_ids.get(held["fleet"])


def _look_back(
    values: dict[int, dict[str, Any]], told: Mapping[int, Told], keys: Sequence[str], at: datetime
) -> None:
    newer = {key: [pk for pk in values if _is_newer(values[pk], told.get(pk), key, at)] for key in keys}
    newer = {key: pks for key, pks in newer.items() if pks}
    if not newer:
        return
    touched = sorted({pk for pks in newer.values() for pk in pks})
    before = _nearest_changes(touched, list(newer), at, after=False)
    first = _nearest_changes(touched, list(newer), at, after=True)
    for key, pks in newer.items():
        readings = _last_readings(pks, key, at)
        for pk in pks:
            values[pk][key] = _latest(readings.get(pk), before.get((pk, key)))
        # Said once, with the vehicle's creation, and changed since: the change tells what it was before.
        hinted = [pk for pk in pks if (pk, key) in first and pk not in readings and (pk, key) not in before]
        if hinted:
            until = from_ms(max(first[pk, key][0] for pk in hinted))
            since = _last_readings(hinted, key, until, steps=(until - at,))
            for pk in hinted:
                values[pk][key] = None if pk in since else first[pk, key][1]


def _is_newer(values: Mapping[str, Any], told: Told | None, key: str, at: datetime) -> bool:
    """Whether the value is of a time that had not come yet."""
    if told is None:
        return False
    time = told[1].get(key.removeprefix(STATUS))
    if time is None:
        time = told[0] if values.get(key) is not None else None
    return time is not None and time >= at


def _latest(*found: tuple[int, Any] | None) -> Any:
    """The value of the newest time, where there is one."""
    given = [one for one in found if one is not None]
    return max(given, key=lambda one: one[0])[1] if given else None


def _last_readings(
    pks: Sequence[int], key: str, at: datetime, *, steps: Sequence[timedelta] = STEPS
) -> dict[int, tuple[int, Any]]:
    """By vehicle, when a reading last said something of the key before a time, and what."""
    columns = columns_of([key])
    read = columns.reads[0]
    query = _LAST_READING.format(value=columns.sql[0])
    found: dict[int, tuple[int, Any]] = {}
    for pk, time, value in _by_steps(query, pks, at, columns.params, steps):
        found[pk] = (round(time), value if read is None else read(value))
    return found


def _by_steps(
    query: str, pks: Sequence[int], at: datetime, params: Mapping[str, Any], steps: Sequence[timedelta]
) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    missing, before = list(pks), at
    for step in steps:
        if not missing:
            break
        held = {**params, "vehicles": missing, "before": before, "after": at - step}
        rows = _rows(query, held)
        found += rows
        seen = {row[0] for row in rows}
        missing, before = [pk for pk in missing if pk not in seen], at - step
    return found


def _nearest_changes(
    pks: Sequence[int], keys: Sequence[str], at: datetime, *, after: bool
) -> dict[tuple[int, str], tuple[int, Any]]:
    """The newest change before a time and what it led to, or the first since and what it began with."""
    query = _NEAREST_CHANGE.format(side=">=" if after else "<", order="" if after else "DESC")
    rows = _rows(query, {"keys": list(keys), "vehicles": list(pks), "at": at})
    return {(pk, key): (to_ms(time), orjson.loads(pair)[0 if after else 1]) for pk, key, time, pair in rows}


def _heard_before(pks: Sequence[int], told: Mapping[int, Told], at: datetime) -> dict[int, int]:
    heard = {pk: to_ms(time) for pk, (time, _times) in told.items() if time < at}
    others = [pk for pk in pks if pk in told and pk not in heard]
    if others:
        query = _LAST_READING.format(value="r.vehicle")
        heard |= {pk: round(time) for pk, time, _value in _by_steps(query, others, at, {}, STEPS)}
        for pk, time in _rows(_LAST_HEARD_BY_CHANGE, [others, at]):
            heard[pk] = max(heard.get(pk, 0), to_ms(time))
    return heard


def _rows(query: str, params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()
