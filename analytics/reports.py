"""Reports over spans of time: a vehicle's metrics and series, and the performance of a fleet's vehicles."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Count

from accounts.actors import Actor
from accounts.models import Fleet
from alerts.models import Alert
from api_pattern.streaming import safe_cell
from telemetry.spans import series_of, sums_of
from vehicle_management.models import Vehicle

# What a series may be of, and the name of its sums.
MEASURES = {"speed_kmh": "speed", "battery_pct": "battery", "engine_temp_c": "temp"}
PERFORMANCE = ("vehicle_id", "avg_speed", "avg_battery", "distance_km", "alerts")

Sums = dict[str, Any]


def metrics_of(vehicle: Vehicle, start: datetime, end: datetime) -> dict[str, Any]:
    """From ``start`` (included) to ``end`` (not). Means, least and most are None where nothing is known."""
    sums = sums_of([vehicle.pk], start, end).get(vehicle.pk, {})
    return {
        "vehicle_id": vehicle.vehicle_id,
        "total_readings": sums.get("readings", 0),
        "avg_speed_kmh": _mean(sums, "speed"),
        "max_speed_kmh": _rounded(sums.get("speed_max")),
        "avg_battery_pct": _mean(sums, "battery"),
        "min_battery_pct": _rounded(sums.get("battery_min")),
        "avg_engine_temp_c": _mean(sums, "temp"),
        "max_engine_temp_c": _rounded(sums.get("temp_max")),
        "total_distance_km": distance_km(sums),
        "alert_count": alerts_raised([vehicle.pk], start, end).get(vehicle.pk, 0),
    }


def speed_series_of(
    vehicle: Vehicle, start: datetime, end: datetime, bucket_minutes: int, metric: str = "speed_kmh"
) -> list[dict[str, Any]]:
    """``{bucket, avg_value, max_value, min_value}``, oldest first; buckets without a value are left out.

    ``metric`` is one of ``MEASURES``. Buckets begin at multiples of their minutes since 1970, UTC.
    """
    told: list[dict[str, Any]] = orjson.loads(series_json(vehicle, start, end, bucket_minutes, metric))
    return told


def series_json(
    vehicle: Vehicle, start: datetime, end: datetime, bucket_minutes: int, metric: str = "speed_kmh"
) -> str:
    """The same as JSON."""
    return series_of(vehicle.pk, start, end, seconds=bucket_minutes * 60, measure=MEASURES[metric])


def performance_of(fleet: Fleet, start: datetime, end: datetime, seen_by: Actor) -> list[dict[str, Any]]:
    """``PERFORMANCE`` of each vehicle of the fleet that is seen, most distance first."""
    seen = Vehicle.objects.visible_to(seen_by).filter(fleet=fleet)
    vehicles = dict(seen.order_by("vehicle_id").values_list("pk", "vehicle_id"))
    sums = sums_of(list(vehicles), start, end)
    alerts = alerts_raised(seen.values("pk"), start, end)
    told = [
        _performance(vehicle_id, sums.get(pk, {}), alerts.get(pk, 0)) for pk, vehicle_id in vehicles.items()
    ]
    return sorted(told, key=lambda one: -one["distance_km"])


def _performance(vehicle_id: str, sums: Sums, alerts: int) -> dict[str, Any]:
    return {
        "vehicle_id": vehicle_id,
        "avg_speed": _mean(sums, "speed"),
        "avg_battery": _mean(sums, "battery"),
        "distance_km": distance_km(sums),
        "alerts": alerts,
    }


def performance_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(PERFORMANCE)
    lines.writerows([safe_cell(row[name]) for name in PERFORMANCE] for row in rows)
    yield text.getvalue()


def distance_km(sums: Sums) -> float:
    """By odometer where two readings have one and it did not run back, else along the positions."""
    if sums.get("odometer_count", 0) >= 2:
        driven: float = sums["odometer_last"] - sums["odometer_first"]
        if driven >= 0:
            return round(driven, 3)
    return round(sums.get("distance_km", 0.0), 3)


def alerts_raised(vehicles: Any, start: datetime, end: datetime) -> dict[int, int]:
    """How many alerts began in the span, by the vehicle's key; ``vehicles`` is a list of keys, or a query for them."""
    began = Alert.objects.filter(vehicle__in=vehicles, triggered_at__gte=start, triggered_at__lt=end)
    return dict(began.order_by().values_list("vehicle").annotate(Count("pk")))


def _mean(sums: Sums, name: str) -> float | None:
    count = sums.get(f"{name}_count")
    return round(sums[f"{name}_sum"] / count, 2) if count else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
