"""Scores over time: of drivers, of vehicles, and by day or week.

A score over several trips is the mean of their own scores, each weighted by the trip's kilometres where every
scored trip has a distance, else by its samples: ``sum(score * km) / sum(km)``. A trip belongs to the time at
which it started; one without times to that at which it came. Trips under way and failed ones do not count.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDay, TruncWeek

from accounts.actors import Actor
from accounts.models import Fleet
from telemetry.models import Trip

Bucket = Literal["day", "week"]
TRUNCATE = {"day": TruncDay, "week": TruncWeek}
SCORED = Q(safety_score__isnull=False)
SUMS: Mapping[str, Any] = {
    "trip_count": Count("pk"),
    "scored": Count("pk", filter=SCORED),
    "duration": Sum("duration_s"),
    "distance": Sum("distance_km"),
    "braking": Sum("harsh_braking_count"),
    "accel": Sum("rapid_accel_count"),
    "scored_distance": Sum("distance_km", filter=SCORED),
    "without_distance": Count("pk", filter=SCORED & Q(distance_km__isnull=True)),
    "by_distance": Sum(F("safety_score") * F("distance_km")),
    "scored_samples": Sum("samples", filter=SCORED),
    "by_samples": Sum(F("safety_score") * F("samples")),
    "plain_mean": Avg("safety_score"),
}


def scores_by_driver(
    seen_by: Actor, *, fleet: Fleet | None, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Each driver's trips from ``start`` (included) to ``end`` (not), best score first.

    ``{driver_id, trips, scored_trips, safety_score, harsh_braking_count, rapid_accel_count,
    harsh_per_100_km, distance_km, duration_s}``; None where nothing is known: no trip has a score, a
    distance or times. Harsh samples per 100 km need a distance of every scored trip.
    """
    trips = _trips(seen_by, fleet=fleet, start=start, end=end).exclude(driver_id="")
    rows = trips.order_by().values("driver_id").annotate(**SUMS)
    return _best_first([{"driver_id": row["driver_id"], **_told(row)} for row in rows], "driver_id")


def scores_by_vehicle(
    seen_by: Actor, *, fleet: Fleet | None, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Each vehicle's, as ``scores_by_driver`` tells them, with ``vehicle_id``; hidden vehicles are left out."""
    trips = _trips(seen_by, fleet=fleet, start=start, end=end).filter(vehicle__deleted_at__isnull=True)
    rows = trips.order_by().values("vehicle__vehicle_id").annotate(**SUMS)
    return _best_first(
        [{"vehicle_id": row["vehicle__vehicle_id"], **_told(row)} for row in rows], "vehicle_id"
    )


def score_of_all(seen_by: Actor, *, fleet: Fleet | None, start: datetime, end: datetime) -> dict[str, Any]:
    """The same over all trips together."""
    row = _trips(seen_by, fleet=fleet, start=start, end=end).aggregate(**SUMS)
    return _told({**row, "braking": row["braking"] or 0, "accel": row["accel"] or 0})


def score_series(
    seen_by: Actor,
    *,
    fleet: Fleet | None,
    start: datetime,
    end: datetime,
    bucket: Bucket = "day",
    driver_id: str | None = None,
    vehicle_id: str | None = None,
) -> list[dict[str, Any]]:
    """The same by day or by week (from Monday) of the fleet's time zone, UTC without one; oldest first.

    ``bucket`` of a row is the time at which it begins; one without trips is left out.
    """
    zone = ZoneInfo(fleet.time_zone if fleet else "UTC")
    trips = _trips(seen_by, fleet=fleet, start=start, end=end)
    if driver_id is not None:
        trips = trips.filter(driver_id=driver_id)
    if vehicle_id is not None:
        trips = trips.filter(vehicle__vehicle_id=vehicle_id, vehicle__deleted_at__isnull=True)
    buckets = trips.annotate(bucket=TRUNCATE[bucket]("began_at", tzinfo=zone))
    rows = buckets.order_by("bucket").values("bucket").annotate(**SUMS)
    return [{"bucket": row["bucket"], **_told(row)} for row in rows]


def _trips(seen_by: Actor, *, fleet: Fleet | None, start: datetime, end: datetime) -> QuerySet[Trip]:
    # As the index trip_began has it.
    trips = Trip.objects.visible_to(seen_by).annotate(began_at=Coalesce("started_at", "created_at"))
    trips = trips.filter(began_at__gte=start, began_at__lt=end, status=Trip.Status.COMPLETED)
    return trips if fleet is None else trips.filter(vehicle__fleet=fleet)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    harsh = row["braking"] + row["accel"]
    return {
        "trips": row["trip_count"],
        "scored_trips": row["scored"],
        "safety_score": _rounded(_mean_score(row), 2),
        "harsh_braking_count": row["braking"],
        "rapid_accel_count": row["accel"],
        "harsh_per_100_km": _rounded(100 * harsh / row["scored_distance"], 2) if _has_way(row) else None,
        "distance_km": _rounded(row["distance"], 3),
        "duration_s": _rounded(row["duration"], 3),
    }


def _has_way(row: Mapping[str, Any]) -> bool:
    return row["without_distance"] == 0 and bool(row["scored_distance"])


def _mean_score(row: Mapping[str, Any]) -> float | None:
    if _has_way(row):
        return row["by_distance"] / row["scored_distance"]
    if row["scored_samples"]:
        return row["by_samples"] / row["scored_samples"]
    return row["plain_mean"]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _best_first(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted(
        rows, key=lambda row: (-(-1 if row["safety_score"] is None else row["safety_score"]), row[name])
    )
