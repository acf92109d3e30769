"""The tables of reports: what vehicles did, how safely drivers and vehicles drove, and the trips."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.models import Fleet, User
from analytics.reports import alerts_raised, distance_km
from dashboard import shown
from dashboard.shown import NOTHING, hours, link, measure, meter, number
from dashboard.tables import Cell, Column, Table
from telemetry.spans import sums_of
from vehicle_management.models import Vehicle

Scores = Mapping[str, Any]


@dataclass(frozen=True)
class VehicleRow:
    """What a vehicle did in a span of time; speeds are km/h, levels %, temperatures °C. None is not known."""

    vehicle_id: str
    kind: str
    fleet_id: str | None
    distance_km: float
    longest_km: float
    avg_speed_kmh: float | None
    max_speed_kmh: float | None
    avg_battery_pct: float | None
    min_battery_pct: float | None
    max_engine_temp_c: float | None
    readings: int
    alerts: int


def vehicle_rows(me: User, fleet: Fleet | None, start: datetime, end: datetime) -> list[VehicleRow]:
    """Every vehicle that is seen, of one fleet or of all; those that reported nothing too."""
    seen = Vehicle.objects.visible_to(me).select_related("fleet").order_by("vehicle_id")
    seen = seen.filter(fleet=fleet) if fleet else seen
    vehicles = list(seen)
    sums = sums_of([vehicle.pk for vehicle in vehicles], start, end)
    alerts = alerts_raised(seen.order_by().values("pk"), start, end)
    longest = max((distance_km(one) for one in sums.values()), default=0.0)
    return [
        _vehicle_row(vehicle, sums.get(vehicle.pk, {}), longest, alerts.get(vehicle.pk, 0))
        for vehicle in vehicles
    ]


def vehicle_row(vehicle: Vehicle, start: datetime, end: datetime) -> VehicleRow:
    sums = sums_of([vehicle.pk], start, end).get(vehicle.pk, {})
    alerts = alerts_raised([vehicle.pk], start, end).get(vehicle.pk, 0)
    return _vehicle_row(vehicle, sums, distance_km(sums), alerts)


def _vehicle_row(vehicle: Vehicle, sums: dict[str, Any], longest: float, alerts: int) -> VehicleRow:
    return VehicleRow(
        vehicle_id=vehicle.vehicle_id,
        kind=" ".join(filter(None, (vehicle.make, vehicle.model))),
        fleet_id=vehicle.fleet.fleet_id if vehicle.fleet else None,
        distance_km=distance_km(sums),
        longest_km=longest,
        avg_speed_kmh=_mean(sums, "speed"),
        max_speed_kmh=sums.get("speed_max"),
        avg_battery_pct=_mean(sums, "battery"),
        min_battery_pct=sums.get("battery_min"),
        max_engine_temp_c=sums.get("temp_max"),
        readings=sums.get("readings", 0),
        alerts=alerts,
    )


def _mean(sums: dict[str, Any], name: str) -> float | None:
    count = sums.get(f"{name}_count")
    return round(sums[f"{name}_sum"] / count, 2) if count else None


def vehicle_link(vehicle_id: str) -> Any:
    return link(reverse("vehicle", args=[vehicle_id]), vehicle_id, "fw-medium")


def alerts_link(row: VehicleRow) -> Any:
    """How many were raised in the span, with a way to all of the vehicle's."""
    address = f"{reverse('alerts')}?{urlencode({'state': 'all', 'vehicle_id': row.vehicle_id})}"
    return link(address, number(row.alerts), "link-body") if row.alerts else number(row.alerts)


def distance_bar(row: VehicleRow, me: User) -> Any:
    """The distance with its share of the longest."""
    if not row.readings:
        return NOTHING
    share = 100 * row.distance_km / row.longest_km if row.longest_km else 0
    return format_html(
        '<span class="bar-cell"><span>{}</span>'
        '<progress class="bar" max="100" value="{}" aria-hidden="true"></progress></span>',
        measure(row.distance_km, "km", me, 1 if row.distance_km < 100 else 0),
        f"{share:.0f}",
    )


def _measured(name: str, unit: str, decimals: int = 0) -> Cell:
    return lambda row, me: measure(getattr(row, name), unit, me, decimals)


def _of_row(name: str, label: Any, cell: Cell | None = None, *, is_shown: bool = True) -> Column:
    return Column(name, label, lambda row: getattr(row, name), cell, name, is_number=True, is_shown=is_shown)


PERFORMANCE = Table(
    "performance",
    (
        Column(
            "vehicle_id",
            _("Vehicle"),
            lambda row: row.vehicle_id,
            lambda row, me: vehicle_link(row.vehicle_id),
            "vehicle_id",
        ),
        Column("kind", _("Make and model"), lambda row: row.kind or None, order="kind"),
        Column("fleet_id", _("Fleet"), lambda row: row.fleet_id, order="fleet_id", is_shown=False),
        _of_row("distance_km", _("Distance"), distance_bar),
        _of_row("avg_speed_kmh", _("Average speed"), _measured("avg_speed_kmh", "km/h")),
        _of_row("max_speed_kmh", _("Highest speed"), _measured("max_speed_kmh", "km/h")),
        _of_row(
            "avg_battery_pct", _("Average battery"), lambda row, me: meter(row.avg_battery_pct, "battery")
        ),
        _of_row("min_battery_pct", _("Lowest battery"), _measured("min_battery_pct", "%"), is_shown=False),
        _of_row(
            "max_engine_temp_c", _("Hottest engine"), _measured("max_engine_temp_c", "°C"), is_shown=False
        ),
        _of_row("alerts", _("Alerts"), lambda row, me: alerts_link(row)),
        _of_row("readings", _("Readings"), lambda row, me: number(row.readings)),
    ),
    ordering="-distance_km",
    search_fields=("vehicle_id", "kind"),
    search_hint=_("Search vehicle, make, model"),
)


# ---------------------------------------------------------------- scores


def per_100_km(row: Scores, name: str) -> float | None:
    """The share of the harsh samples per 100 km that is of one kind."""
    all_of_them = row["harsh_braking_count"] + row["rapid_accel_count"]
    if row["harsh_per_100_km"] is None:
        return None
    return round(row["harsh_per_100_km"] * row[name] / all_of_them, 2) if all_of_them else 0.0


def _rate(name: str) -> Cell:
    def cell(row: Scores, me: User) -> Any:
        rate = per_100_km(row, name)
        if rate is None:
            return format_html(
                '<span class="text-secondary">{}</span>', _("%(n)s in all") % {"n": number(row[name])}
            )
        told = number(rate, 0 if rate >= 100 else 1)
        return format_html('<span title="{}">{}</span>', number(row[name]), told)

    return cell


def _score_columns() -> tuple[Column, ...]:
    return (
        Column(
            "safety_score",
            _("Safety score"),
            lambda row: row["safety_score"],
            lambda row, me: shown.score(row["safety_score"]),
            "safety_score",
            is_number=True,
        ),
        Column(
            "trips",
            _("Trips"),
            lambda row: row["trips"],
            lambda row, me: number(row["trips"]),
            "trips",
            is_number=True,
        ),
        Column(
            "brakings_per_100_km",
            _("Harsh brakings / 100 km"),
            lambda row: per_100_km(row, "harsh_braking_count"),
            _rate("harsh_braking_count"),
            "brakings",
            is_number=True,
        ),
        Column(
            "accels_per_100_km",
            _("Rapid accelerations / 100 km"),
            lambda row: per_100_km(row, "rapid_accel_count"),
            _rate("rapid_accel_count"),
            "accels",
            is_number=True,
        ),
        Column(
            "distance_km",
            _("Distance"),
            lambda row: row["distance_km"],
            lambda row, me: measure(row["distance_km"], "km", me, 1),
            "distance_km",
            is_number=True,
        ),
        Column(
            "duration_s",
            _("Time driven"),
            lambda row: row["duration_s"],
            lambda row, me: hours(row["duration_s"]),
            "duration_s",
            is_number=True,
        ),
    )


def _place(row: Scores, me: User) -> Any:
    return format_html('<span class="place place-{}">{}</span>', row["place"], row["place"])


PLACE = Column("place", _("Place"), lambda row: row["place"], _place, "place")

DRIVERS = Table(
    "driver-scores",
    (
        PLACE,
        Column(
            "driver_id",
            _("Driver"),
            lambda row: row["driver_id"],
            lambda row, me: link(f"{reverse('trips')}?{row['query']}", row["driver_id"], "fw-medium"),
            "driver_id",
        ),
        *_score_columns(),
    ),
    ordering="place",
    search_fields=("driver_id",),
    search_hint=_("Search driver"),
)
VEHICLES = Table(
    "vehicle-scores",
    (
        PLACE,
        Column(
            "vehicle_id",
            _("Vehicle"),
            lambda row: row["vehicle_id"],
            lambda row, me: link(f"{reverse('trips')}?{row['query']}", row["vehicle_id"], "fw-medium"),
            "vehicle_id",
        ),
        *_score_columns(),
    ),
    ordering="place",
    search_fields=("vehicle_id",),
    search_hint=_("Search vehicle"),
)
