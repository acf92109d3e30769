"""Readings into their table: the new ones by COPY, the late ones where nothing stands yet.

The caller holds the vehicles' locks, so that nobody else stores readings of theirs.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db import connection

from api_pattern.packing import packed
from telemetry.models import StaleBuckets
from telemetry.partitions import existing_days, make_days
from telemetry.readings import from_ms
from vehicle_management.reported import Report

BUCKET_MS = 300_000
PACKED_AT_ONCE = 500
# PostgreSQL counts microseconds from 2000.
SINCE_2000_MS = 946_684_800_000

PLAIN = (
    "speed_kmh",
    "heading_deg",
    "battery_pct",
    "fuel_pct",
    "engine_temp_c",
    "load_pct",
    "g_force_long",
)
# Numbers by now, for they are well-known.
CHECKED = PLAIN[:-1]
COLUMNS = (
    "recorded_at",
    "received_at",
    "odometer_km",
    "vehicle",
    "latitude_e6",
    "longitude_e6",
    *PLAIN,
    "status",
    "attributes",
)
STORED_APART = frozenset(("odometer_km", "latitude", "longitude", *PLAIN, "status"))
COPY = f"COPY telemetry_reading ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
BEGIN, END = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
TYPES = (
    "timestamptz",
    "timestamptz",
    "float8",
    "int",
    "int",
    "int",
    *("real",) * len(PLAIN),
    "text",
    "jsonb",
)
INSERT = f"""
    INSERT INTO telemetry_reading ({", ".join(COLUMNS)})
    SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in TYPES)})
    ON CONFLICT DO NOTHING RETURNING vehicle, recorded_at
"""  # noqa: S608
# The numbers from the odometer on: their struct's letters, their bytes, and a bit for each.
KINDS = ("d", "i", "i", "i", *("f",) * len(PLAIN))
SIZES = tuple(struct.calcsize(kind) for kind in KINDS)
BITS = tuple(1 << place for place in range(len(KINDS)))
LARGEST = 1e9
NULL = b"\xff\xff\xff\xff"

_days: set[date] = set()


def make_days_of(times: Iterable[datetime]) -> None:
    """Make the partitions that these times need. Outside their transaction: nobody should wait for it."""
    needed = {at.date() for at in times}
    if not needed <= _days:
        make_days(needed - _days)
        _days.clear()
        _days.update(existing_days())


def forget_days() -> None:
    """After a day's table was taken away, or this process cannot know."""
    _days.clear()


@contextmanager
def storing_readings(
    rows: Sequence[Report], *, newest_ms: Mapping[int, int | None]
) -> Iterator[list[Report]]:
    """Store what is new of ``rows``; yields it, in their order. Of the same vehicle and time the first wins.

    ``newest_ms`` tells of each vehicle the time that no stored reading is later than. PostgreSQL takes the
    readings while the block runs, which must not ask it anything; they are stored at its end.
    """
    first: dict[tuple[int, int], Report] = {}
    for row in rows:
        first.setdefault((row.vehicle, row.at_ms), row)
    late = {key: row for key, row in first.items() if row.at_ms <= (newest_ms.get(row.vehicle) or row.at_ms)}
    stored = _insert(list(late.values())) if late else set()
    for key in late.keys() - stored:
        del first[key]
    _mark_stale(first)
    # Django leaves COPY's errors as psycopg tells them.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(BEGIN)
        fresh = [row for key, row in first.items() if key not in late] if late else list(first.values())
        for start in range(0, len(fresh), PACKED_AT_ONCE):
            copy.write(b"".join(map(_packed, fresh[start : start + PACKED_AT_ONCE])))
        yield list(first.values())
        copy.write(END)


def _insert(rows: Sequence[Report]) -> set[tuple[int, int]]:
    fields = [_fields(row) for row in rows]
    columns = [_of_one_type(column) for column in zip(*fields, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, columns)
        return {(vehicle, round(at.timestamp() * 1000)) for vehicle, at in cursor.fetchall()}


def _of_one_type(column: Sequence[Any]) -> list[Any]:
    """An array's values are all of one type, while JSON tells the same field as 5 and as 5.5."""
    if float not in set(map(type, column)):
        return list(column)
    return [float(value) if isinstance(value, int) else value for value in column]


def _fields(row: Report) -> tuple[Any, ...]:
    values = row.values
    others = _others(values)
    return (
        row.at,
        from_ms(row.received_ms),
        values.get("odometer_km"),
        row.vehicle,
        _e6(values.get("latitude")),
        _e6(values.get("longitude")),
        *map(values.get, CHECKED),
        _number_of(values.get("g_force_long")),
        values.get("status"),
        packed(others).decode() if others else None,
    )


def _others(values: Mapping[str, Any]) -> dict[str, Any]:
    """What has no column of its own; an acceleration that is no number is kept as it came."""
    others = {name: values[name] for name in values.keys() - STORED_APART}
    g = values.get("g_force_long")
    if g is not None and _number_of(g) is None:
        others["g_force_long"] = g
    return others


def _number_of(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and -LARGEST < value < LARGEST else None


def _e6(degrees: float | None) -> int | None:
    return None if degrees is None else round(degrees * 1_000_000)


def _packed(row: Report) -> bytes:
    """A row as COPY's binary format has it: a count of fields, then each with its length (-1: NULL)."""
    values = row.values
    get = values.get
    told: list[Any] = [
        len(COLUMNS),
        8,
        (row.at_ms - SINCE_2000_MS) * 1_000,
        8,
        (row.received_ms - SINCE_2000_MS) * 1_000,
    ]
    latitude, longitude, g = get("latitude"), get("longitude"), get("g_force_long")
    numbers = (
        get("odometer_km"),
        row.vehicle,
        None if latitude is None else round(latitude * 1_000_000),
        None if longitude is None else round(longitude * 1_000_000),
        *map(get, CHECKED),
        None if g is None else _number_of(g),
    )
    known = 0
    for bit, size, number in zip(BITS, SIZES, numbers, strict=True):
        if number is None:
            told.append(-1)
        else:
            known |= bit
            told += (size, number)
    return _numbers(known).pack(*told) + _text(get("status")) + _json(values)


@cache
def _numbers(known: int) -> struct.Struct:
    """The layout up to the last number, where only the fields of these bits are not NULL."""
    fields = (f"i{kind}" if known & bit else "i" for bit, kind in zip(BITS, KINDS, strict=True))
    return struct.Struct(">hiqiq" + "".join(fields))


def _text(status: str | None) -> bytes:
    if status is None:
        return NULL
    text = status.encode()
    return len(text).to_bytes(4) + text


def _json(values: Mapping[str, Any]) -> bytes:
    # Most readings have nothing of their own, and an acceleration that is a number.
    others = None if values.keys() <= STORED_APART - {"g_force_long"} else _others(values)
    if not others:
        return NULL
    json = b"\x01" + packed(others)
    return len(json).to_bytes(4) + json


def _mark_stale(stored: Iterable[tuple[int, int]]) -> None:
    """Tell whoever rolls up which buckets hold something new."""
    buckets = sorted({(vehicle, at_ms // BUCKET_MS) for vehicle, at_ms in stored})
    if not buckets:
        return
    StaleBuckets.objects.create(
        vehicles=[vehicle for vehicle, _bucket in buckets],
        buckets=[from_ms(bucket * BUCKET_MS) for _vehicle, bucket in buckets],
    )
