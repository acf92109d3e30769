"""What answers must say, worked out reading by reading in plain Python."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

EARTH_KM = 6_371.0088

Told = tuple[datetime, dict[str, Any]]


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    (lat1, lon1), (lat2, lon2) = ([math.radians(degrees) for degrees in place] for place in (a, b))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1, math.sqrt(half)))


def distance_km(readings: list[Told]) -> float:
    """``readings`` in order of time. By odometer where two have one and it did not run back."""
    odometers = [values["odometer_km"] for _at, values in readings if values.get("odometer_km") is not None]
    if len(odometers) >= 2 and odometers[-1] >= odometers[0]:
        return odometers[-1] - odometers[0]
    fixes = [
        (values["latitude"], values["longitude"])
        for _at, values in readings
        if values.get("latitude") is not None and values.get("longitude") is not None
    ]
    return sum(map(kilometres, fixes, fixes[1:]))


def first_ones(readings: Iterable[Told]) -> list[Told]:
    """In order of time; of several of one time the first that came."""
    first: dict[datetime, dict[str, Any]] = {}
    for at, values in readings:
        first.setdefault(at, values)
    return sorted(first.items(), key=lambda one: one[0])


def metrics(readings: Iterable[Told], start: datetime, end: datetime) -> dict[str, Any]:
    """Unrounded, of the readings from ``start`` (included) to ``end`` (not)."""
    inside = [(at, values) for at, values in first_ones(readings) if start <= at < end]

    def known(name: str) -> list[float]:
        return [values[name] for _at, values in inside if values.get(name) is not None]

    def mean(values: list[float]) -> float | None:
        return sum(values) / len(values) if values else None

    speeds, batteries, temps = known("speed_kmh"), known("battery_pct"), known("engine_temp_c")
    return {
        "total_readings": len(inside),
        "avg_speed_kmh": mean(speeds),
        "max_speed_kmh": max(speeds, default=None),
        "avg_battery_pct": mean(batteries),
        "min_battery_pct": min(batteries, default=None),
        "avg_engine_temp_c": mean(temps),
        "max_engine_temp_c": max(temps, default=None),
        "total_distance_km": distance_km(inside),
    }
