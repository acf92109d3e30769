"""Readings for tests, stored as whoever stores readings does: with the marks of what went stale."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from telemetry.partitions import make_days
from telemetry.rollups import mark_stale
from vehicle_management.models import Vehicle

COLUMNS = (
    "speed_kmh",
    "heading_deg",
    "battery_pct",
    "fuel_pct",
    "engine_temp_c",
    "load_pct",
    "g_force_long",
    "odometer_km",
    "latitude_e6",
    "longitude_e6",
    "status",
    "attributes",
)
INSERT = f"""
    INSERT INTO telemetry_reading (vehicle, recorded_at, received_at, {", ".join(COLUMNS)})
    VALUES (%s, %s, %s, {", ".join("%s" for _name in COLUMNS)})
    ON CONFLICT DO NOTHING
"""
FIVE_MINUTES = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def store(vehicle: Vehicle | int, readings: Iterable[tuple[datetime, dict[str, Any]]]) -> None:
    """Store these readings of a vehicle (or its key): when, and attributes by name (``latitude`` in degrees)."""
    key = vehicle if isinstance(vehicle, int) else vehicle.pk
    given = list(readings)
    with transaction.atomic():
        make_days({at.astimezone(UTC).date() for at, _values in given})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(INSERT, [_row(key, at, values) for at, values in given])
        mark_stale({(key, bucket(at)) for at, _values in given})


def bucket(at: datetime, width: timedelta = FIVE_MINUTES) -> datetime:
    return EPOCH + (at - EPOCH) // width * width


def _row(vehicle: int, at: datetime, values: dict[str, Any]) -> list[Any]:
    told = dict(values)
    for axis in ("latitude", "longitude"):
        degrees = told.pop(axis, None)
        told[f"{axis}_e6"] = None if degrees is None else round(degrees * 1e6)
    return [vehicle, at, told.pop("received_at", at), *(told.get(name) for name in COLUMNS)]
