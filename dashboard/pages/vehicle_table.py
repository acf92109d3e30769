"""The columns and filters of vehicles."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters

from accounts.models import Fleet, User
from alerts.models import Alert
from dashboard.alert_words import IS_OPEN
from dashboard.shown import NOTHING, ago, day, link, measure, meter, status_badge
from dashboard.tables import Cell, Column, Facet, Listing, Table
from vehicle_management.filters import VehicleFilters
from vehicle_management.live import told_status
from vehicle_management.models import Vehicle, VehicleStatus


def status_of(vehicle: Any, name: str) -> Any:
    return getattr(getattr(vehicle, "status", None), name, None)


def vehicle_link(vehicle: Vehicle) -> Any:
    return link(reverse("vehicle", args=[vehicle.vehicle_id]), vehicle.vehicle_id, "fw-medium")


def customer_link(vehicle: Vehicle) -> Any:
    customer = vehicle.customer
    if customer is None or customer.deleted_at:
        return NOTHING
    return link(reverse("customer", args=[customer.pk]), customer.name, "link-body")


def customer_name(vehicle: Vehicle) -> str | None:
    return vehicle.customer.name if vehicle.customer and not vehicle.customer.deleted_at else None


def kind_of(vehicle: Vehicle) -> str:
    return " ".join(filter(None, (vehicle.make, vehicle.model)))


def _measured(name: str, unit: str, decimals: int = 0) -> Cell:
    return lambda vehicle, me: measure(status_of(vehicle, name), unit, me, decimals)


def _metered(name: str, label: str) -> Cell:
    return lambda vehicle, me: meter(status_of(vehicle, name), label)


def _text(name: str, label: Any, *, is_shown: bool = False) -> Column:
    return Column(name, label, lambda vehicle: getattr(vehicle, name), order=name, is_shown=is_shown)


def _status(name: str, label: Any, cell: Cell, *, is_shown: bool = True) -> Column:
    return Column(
        name,
        label,
        lambda vehicle: status_of(vehicle, name),
        cell,
        f"status__{name}",
        is_number=True,
        is_shown=is_shown,
    )


TABLE = Table(
    "vehicles",
    (
        Column(
            "vehicle_id",
            gettext_lazy("Vehicle"),
            lambda v: v.vehicle_id,
            lambda v, me: vehicle_link(v),
            "vehicle_id",
        ),
        _text("plate", gettext_lazy("Plate"), is_shown=True),
        Column("make", gettext_lazy("Make and model"), kind_of, order="make"),
        Column(
            "customer",
            gettext_lazy("Customer"),
            customer_name,
            lambda v, me: customer_link(v),
            "customer__name",
        ),
        Column(
            "fleet_id", gettext_lazy("Fleet"), lambda v: v.fleet and v.fleet.fleet_id, order="fleet__fleet_id"
        ),
        Column(
            "status",
            gettext_lazy("Status"),
            lambda v: v.shown_status,
            lambda v, me: status_badge(v.shown_status),
            "shown_status",
        ),
        _status("speed_kmh", gettext_lazy("Speed"), _measured("speed_kmh", "km/h")),
        _status("battery_pct", gettext_lazy("Battery"), _metered("battery_pct", "battery")),
        _status("odometer_km", gettext_lazy("Odometer"), _measured("odometer_km", "km")),
        Column(
            "recorded_at",
            gettext_lazy("Last seen"),
            lambda v: status_of(v, "recorded_at"),
            lambda v, me: ago(status_of(v, "recorded_at")),
            "status__recorded_at",
        ),
        _text("vin", gettext_lazy("VIN")),
        Column(
            "model_year",
            gettext_lazy("Model year"),
            lambda v: v.model_year,
            order="model_year",
            is_number=True,
            is_shown=False,
        ),
        _text("vehicle_type", gettext_lazy("Type")),
        _text("fuel_type", gettext_lazy("Fuel")),
        _text("color", gettext_lazy("Color")),
        Column(
            "in_service_date",
            gettext_lazy("In service since"),
            lambda v: v.in_service_date,
            lambda v, me: day(v.in_service_date) if v.in_service_date else NOTHING,
            "in_service_date",
            is_shown=False,
        ),
        _status("fuel_pct", gettext_lazy("Fuel level"), _metered("fuel_pct", "fuel"), is_shown=False),
        _status("engine_temp_c", gettext_lazy("Engine"), _measured("engine_temp_c", "°C"), is_shown=False),
        _status("load_pct", gettext_lazy("Load"), _measured("load_pct", "%"), is_shown=False),
        Column(
            "updated_at",
            gettext_lazy("Changed"),
            lambda v: v.updated_at,
            lambda v, me: ago(v.updated_at),
            "updated_at",
            is_shown=False,
        ),
    ),
    ordering="vehicle_id",
    search_fields=("vehicle_id", "plate", "vin", "make", "model"),
    search_hint=gettext_lazy("Search id, plate, VIN, make, model"),
)


class PageVehicleFilters(VehicleFilters):
    """As the API's, and by whether an alert is open."""

    has_open_alerts = filters.BooleanFilter(method="filter_open_alerts")

    def filter_open_alerts(self, queryset: Any, name: str, value: bool) -> Any:
        alerts = Alert.objects.filter(IS_OPEN, vehicle=OuterRef("pk"))
        return queryset.filter(Exists(alerts) if value else ~Exists(alerts))


def vehicles_seen_by(me: User) -> QuerySet[Vehicle]:
    seen: QuerySet[Vehicle] = Vehicle.objects.visible_to(me)
    return seen.select_related("fleet", "customer", "status").annotate(shown_status=told_status())


def fleet_choices(me: User) -> list[tuple[str, str]]:
    return [(fleet.fleet_id, fleet.fleet_name) for fleet in Fleet.objects.visible_to(me)[:500]]


def vehicle_listing(request: HttpRequest, me: User, found: QuerySet | None = None) -> Listing:
    facets = (
        Facet("status", _("Status"), VehicleStatus.Status.choices),
        Facet("fleet_id", _("Fleet"), fleet_choices(me)),
        Facet("has_customer", _("Customer"), (("true", _("has one")), ("false", _("has none")))),
        Facet("has_open_alerts", _("Open alerts"), (("true", _("has some")), ("false", _("has none")))),
        Facet("make", _("Make")),
        Facet("model", _("Model")),
        Facet("model_year_min", _("Model year from"), kind="number"),
        Facet("model_year_max", _("Model year to"), kind="number"),
        Facet("vehicle_type", _("Type")),
        Facet("fuel_type", _("Fuel")),
        Facet("color", _("Color")),
    )
    return Listing(
        request, TABLE, vehicles_seen_by(me) if found is None else found, facets, PageVehicleFilters
    )
