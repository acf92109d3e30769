"""What is asked of readings: the latest, those of a span of time, and how many these are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from accounts.actors import Actor
from api_pattern.parsers import is_storable_text
from api_pattern.times import AHEAD, told_time
from telemetry.models import MICRODEGREES, Rollup
from telemetry.rollups import DAY, floor_time
from telemetry.spans import Span, sums_of
from vehicle_management.models import Vehicle

KNOWN = (
    "latitude",
    "longitude",
    "speed_kmh",
    "heading_deg",
    "odometer_km",
    "battery_pct",
    "fuel_pct",
    "engine_temp_c",
    "load_pct",
    "g_force_long",
    "status",
)
COLUMNS = ("recorded_at", "received_at", "latitude_e6", "longitude_e6", *KNOWN[2:], "attributes")
SELECT = f"SELECT {', '.join(COLUMNS)} FROM telemetry_reading WHERE vehicle = %s AND recorded_at >= %s"
# How far back the latest reading is looked for, step by step: each step reads the tables of its days alone.
STEPS = tuple(timedelta(days=days) for days in (1, 8, 64, 512))
READ_AT_ONCE = 5_000
MILLISECOND = timedelta(milliseconds=1)

Row = Sequence[Any]


def seen_vehicle(actor: Actor, vehicle_id: str) -> Vehicle:
    """Raises NotFound with a sentence where the actor does not see it."""
    seen = Vehicle.objects.visible_to(actor).filter(vehicle_id=vehicle_id)
    vehicle = seen.first() if is_storable_text(vehicle_id) else None
    if vehicle is None:
        told = _("Vehicle %(id)s not found") % {"id": vehicle_id[:64].replace("\x00", "␀")}
        raise NotFound(told)
    return vehicle


def latest_reading(vehicle: Vehicle) -> dict[str, Any] | None:
    """The reading of the newest time, told; None where there is none at hand."""
    before = timezone.now() + 2 * AHEAD
    now = before
    for step in STEPS:
        rows = _rows(
            f"{SELECT} AND recorded_at < %s ORDER BY recorded_at DESC LIMIT 1", vehicle, now - step, before
        )
        if rows:
            return told_reading(vehicle.vehicle_id, rows[0])
        before = now - step
    return None


def readings_between(vehicle: Vehicle, start: datetime, end: datetime, *, limit: int) -> list[Row]:
    """``COLUMNS`` of the first ``limit`` readings from ``start`` (included) to ``end`` (not), oldest first."""
    return _rows(f"{SELECT} AND recorded_at < %s ORDER BY recorded_at LIMIT {limit:d}", vehicle, start, end)


def all_readings(vehicle: Vehicle, start: datetime, end: datetime) -> Iterator[list[Row]]:
    """All of them, some thousands at a time: nothing is held open between."""
    while rows := readings_between(vehicle, start, end, limit=READ_AT_ONCE):
        yield rows
        if len(rows) < READ_AT_ONCE:
            return
        start = after(rows[-1])


def after(row: Row) -> datetime:
    """The next time that a reading of the vehicle may have: they differ by a millisecond at least."""
    following: datetime = row[0] + MILLISECOND
    return following


def _rows(sql: str, vehicle: Vehicle, start: datetime, end: datetime) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [vehicle.pk, start, end])
        return cursor.fetchall()


def count_readings(vehicle: Vehicle, start: datetime, end: datetime) -> int:
    """How many readings are at hand: by the rollups, but where days were archived, whose rollups stay."""
    total = 0
    for is_archived, (first, last) in _runs(vehicle, start, end):
        if is_archived:
            total += _counted(vehicle, first, last)
        else:
            sums = sums_of([vehicle.pk], first, last).get(vehicle.pk)
            total += sums["readings"] if sums else 0
    return total


def _runs(vehicle: Vehicle, start: datetime, end: datetime) -> Iterator[tuple[bool, Span]]:
    """The span cut where archived days begin and end."""
    days = Rollup.objects.filter(
        width=DAY, vehicle=vehicle.pk, archived=True, bucket__gte=floor_time(start, DAY), bucket__lt=end
    )
    at = start
    for day in days.order_by("bucket").values_list("bucket", flat=True):
        if at < day:
            yield False, (at, day)
        at = min(end, day + timedelta(days=1))
        yield True, (max(start, day), at)
    if at < end:
        yield False, (at, end)


def _counted(vehicle: Vehicle, start: datetime, end: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM telemetry_reading"
            " WHERE vehicle = %s AND recorded_at >= %s AND recorded_at < %s",
            [vehicle.pk, start, end],
        )
        return int(cursor.fetchone()[0])


def told_reading(vehicle_id: str, row: Row) -> dict[str, Any]:
    """A row of ``COLUMNS`` as the API tells it; attributes that have no column of their own stand beside."""
    recorded_at, received_at, latitude, longitude, *known, attributes = row
    told: dict[str, Any] = {
        "vehicle_id": vehicle_id,
        "timestamp": told_time(recorded_at),
        "received_at": told_time(received_at),
        "latitude": degrees(latitude),
        "longitude": degrees(longitude),
        **dict(zip(KNOWN[2:], known, strict=True)),
    }
    for name, value in attributes_of(attributes).items():
        if told.get(name) is None:
            told[name] = value
    return told


def degrees(e6: int | None) -> float | None:
    return None if e6 is None else e6 / MICRODEGREES


def attributes_of(attributes: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    """Django leaves the JSONB of plain queries as text; Python's own reader keeps integers of any size."""
    if not attributes:
        return {}
    loaded: Mapping[str, Any] = json.loads(attributes) if isinstance(attributes, str) else attributes
    return loaded
