"""Trips for tests, made without their services."""

from datetime import UTC, datetime, timedelta
from typing import Any

from telemetry.models import Trip
from vehicle_management.models import Vehicle

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


def make_trip(vehicle: Vehicle, **values: Any) -> Trip:
    """A completed trip of half an hour over 20 km in 1,800 samples, from Monday, 2 March 2026, 8:00 UTC on."""
    started_at = values.setdefault("started_at", MONDAY)
    values.setdefault("ended_at", started_at + timedelta(minutes=30) if started_at else None)
    told = {
        "status": Trip.Status.COMPLETED,
        "duration_s": 1_800,
        "distance_km": 20,
        "max_speed_kmh": 80,
        "samples": 1_800,
        "safety_score": 100,
        "thresholds": {"harsh_braking_g": -0.4, "rapid_accel_g": 0.4, "penalty": 5},
        "scored_at": MONDAY + timedelta(hours=1),
    }
    return Trip.objects.create(vehicle=vehicle, **{**told, **values})
