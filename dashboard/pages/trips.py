"""The list of trips: posted ones, and those found in readings."""

from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters

from accounts.models import User
from dashboard import shown
from dashboard.exports import csv_of
from dashboard.pages.reports import Report, ReportPage
from dashboard.report_tables import vehicle_link
from dashboard.shown import NOTHING, badge, hours, link, measure, moment
from dashboard.tables import Column, Facet, Listing, Table
from telemetry.models import Trip


class TripFilters(filters.FilterSet):
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    driver_id = filters.CharFilter(field_name="driver_id")
    origin = filters.ChoiceFilter(choices=Trip.Origin.choices)
    status = filters.ChoiceFilter(choices=Trip.Status.choices)
    score_below = filters.NumberFilter(
        field_name="safety_score", lookup_expr="lt", min_value=0, max_value=101
    )
    distance_min = filters.NumberFilter(
        field_name="distance_km", lookup_expr="gte", min_value=0, max_value=1_000_000
    )
    harsh = filters.BooleanFilter(method="filter_harsh")

    class Meta:
        model = Trip
        fields: tuple[str, ...] = ()

    def filter_harsh(self, queryset: Any, name: str, value: bool) -> Any:
        harsh = Q(harsh_braking_count__gt=0) | Q(rapid_accel_count__gt=0)
        return queryset.filter(harsh) if value else queryset.exclude(harsh)


def trip_link(trip: Any, text: Any = None) -> SafeString:
    return link(reverse("trip", args=[trip.pk]), text or moment(trip.began_at), "fw-medium")


def is_under_way(trip: Trip) -> bool:
    """Found in readings that still come: its way and its score grow."""
    return trip.origin == Trip.Origin.FOUND and trip.status == Trip.Status.PROCESSING


def score_cell(trip: Trip) -> SafeString:
    if is_under_way(trip):
        return badge("MOVING", _("under way"))
    if trip.safety_score is None and trip.status != Trip.Status.COMPLETED:
        return badge(trip.status, str(trip.get_status_display()))
    return shown.score(trip.safety_score)


def _number(name: str, label: Any, cell: Any, *, is_shown: bool = True) -> Column:
    return Column(
        name, label, lambda trip: getattr(trip, name), cell, name, is_number=True, is_shown=is_shown
    )


TRIPS = Table(
    "trips",
    (
        Column(
            "started_at",
            gettext_lazy("Start"),
            lambda trip: trip.began_at,
            lambda trip, me: trip_link(trip),
            "began_at",
        ),
        Column(
            "vehicle_id",
            gettext_lazy("Vehicle"),
            lambda trip: trip.vehicle.vehicle_id,
            lambda trip, me: vehicle_link(trip.vehicle.vehicle_id),
            "vehicle__vehicle_id",
        ),
        Column("driver_id", gettext_lazy("Driver"), lambda trip: trip.driver_id or None, order="driver_id"),
        _number("duration_s", gettext_lazy("Duration"), lambda trip, me: hours(trip.duration_s)),
        _number(
            "distance_km", gettext_lazy("Distance"), lambda trip, me: measure(trip.distance_km, "km", me, 1)
        ),
        _number(
            "max_speed_kmh",
            gettext_lazy("Highest speed"),
            lambda trip, me: measure(trip.max_speed_kmh, "km/h", me),
        ),
        _number("safety_score", gettext_lazy("Score"), lambda trip, me: score_cell(trip)),
        Column(
            "harsh_events",
            gettext_lazy("Harsh events"),
            lambda trip: trip.harsh_braking_episodes + trip.rapid_accel_episodes,
            lambda trip, me: shown.harsh(trip),
            "harsh",
            is_number=True,
        ),
        _number("harsh_braking_count", gettext_lazy("Braking samples"), None, is_shown=False),
        _number("rapid_accel_count", gettext_lazy("Acceleration samples"), None, is_shown=False),
        _number("samples", gettext_lazy("Samples"), None, is_shown=False),
        Column(
            "ended_at",
            gettext_lazy("End"),
            lambda trip: trip.ended_at,
            lambda trip, me: moment(trip.ended_at) if trip.ended_at else NOTHING,
            "ended_at",
            is_shown=False,
        ),
        Column(
            "status",
            gettext_lazy("Status"),
            lambda trip: trip.status,
            lambda trip, me: badge(trip.status, str(trip.get_status_display())),
            "status",
            is_shown=False,
        ),
        Column(
            "origin",
            gettext_lazy("Origin"),
            lambda trip: trip.origin,
            lambda trip, me: badge(trip.origin, str(trip.get_origin_display())),
            "origin",
        ),
        Column("id", gettext_lazy("Id"), lambda trip: str(trip.pk), is_shown=False),
    ),
    ordering="-started_at",
    search_fields=("vehicle__vehicle_id", "vehicle__plate", "driver_id"),
    search_hint=gettext_lazy("Search vehicle, plate, driver"),
)


def trips_seen_by(me: User) -> QuerySet[Trip]:
    """Without their bodies, which may be large; those of hidden vehicles are left out."""
    seen: QuerySet[Trip] = Trip.objects.visible_to(me)
    return (
        seen.filter(vehicle__deleted_at__isnull=True)
        .select_related("vehicle")
        .defer("body", "events", "thresholds")
        .annotate(
            began_at=Coalesce("started_at", "created_at"),
            harsh=F("harsh_braking_episodes") + F("rapid_accel_episodes"),
        )
    )


def trips_between(trips: Any, start: datetime, end: datetime) -> Any:
    """Of the trips of ``trips_seen_by``, those that began then; one without times began when it came."""
    return trips.filter(began_at__gte=start, began_at__lt=end)


def trip_listing(request: HttpRequest, report: Report) -> Listing:
    found = trips_between(trips_seen_by(report.me), report.span.start, report.span.end)
    facets = (
        Facet("vehicle_id", _("Vehicle"), suggests="vehicles"),
        Facet("driver_id", _("Driver")),
        Facet("score_below", _("Score below"), kind="number"),
        Facet("distance_min", _("At least so many km"), kind="number"),
        Facet("harsh", _("Harsh events"), (("true", _("has some")), ("false", _("has none")))),
        Facet("origin", _("Origin"), Trip.Origin.choices),
        Facet("status", _("Status"), Trip.Status.choices),
    )
    if report.fleet:
        found = found.filter(vehicle__fleet=report.fleet)
    return Listing(request, TRIPS, found, facets, TripFilters)


class Trips(ReportPage):
    tab = "trips"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = trip_listing(request, self.report)
        is_empty = not listing.total and not listing.is_narrowed
        return self.show_report("trips", {"listing": listing, "is_empty": is_empty})


class TripsCsv(ReportPage):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return csv_of(trip_listing(request, self.report), "trips")
