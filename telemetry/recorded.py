"""A vehicle's readings as the samples of a drive."""

from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection

from telemetry.samples import Sample
from telemetry.trip_bodies import told_ignition

EVER = datetime.max.replace(tzinfo=UTC)
READINGS = """
    SELECT recorded_at, latitude_e6, longitude_e6, speed_kmh, odometer_km, g_force_long,
        attributes->>'ignition', attributes->>'driver_id'
    FROM telemetry_reading WHERE vehicle = %s AND recorded_at >= %s AND recorded_at <= %s
    ORDER BY recorded_at LIMIT %s
"""


class Recorded(NamedTuple):
    """Samples in the order of their times (each has one), and who each reading says was driving."""

    samples: list[Sample]
    drivers: list[str | None]


def load_readings(
    vehicle: int, start: datetime, end: datetime = EVER, *, most: int | None = None
) -> Recorded:
    """The readings of the vehicle (by key) from ``start`` to ``end``, both included; the first ``most``."""
    with connection.cursor() as cursor:
        cursor.execute(READINGS, [vehicle, start, end, most])
        rows = cursor.fetchall()
    samples = [
        Sample(at, _degrees(latitude), _degrees(longitude), speed, odometer, g, told_ignition(ignition))
        for at, latitude, longitude, speed, odometer, g, ignition, _driver in rows
    ]
    return Recorded(samples, [row[-1] for row in rows])


def at(sample: Sample) -> datetime:
    """The time of a reading's sample."""
    assert sample.at is not None
    return sample.at


def _degrees(e6: int | None) -> float | None:
    return None if e6 is None else e6 / 1e6
