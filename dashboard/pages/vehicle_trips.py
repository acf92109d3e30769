"""A vehicle's tab *Trips and charts*: what it did in a span of time, and its latest trips."""

from collections.abc import Mapping
from typing import Any

from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.models import User
from dashboard.chart_specs import score_charts, vehicle_charts
from dashboard.exports import exports_of
from dashboard.pages.trips import TRIPS, trips_between, trips_seen_by
from dashboard.report_range import LABELS, range_of
from dashboard.report_tables import VehicleRow, vehicle_row
from dashboard.shown import NOTHING, measure, number
from vehicle_management.models import Vehicle

MOST_TRIPS = 10
COLUMNS = (
    "started_at",
    "driver_id",
    "duration_s",
    "distance_km",
    "max_speed_kmh",
    "safety_score",
    "harsh_events",
)


def trips_and_charts(vehicle: Vehicle, me: User, asked: Mapping[str, Any]) -> dict[str, Any]:
    span = range_of(asked)
    trips = trips_between(trips_seen_by(me).filter(vehicle=vehicle), span.start, span.end)
    of_vehicle = span.parameters | {"vehicle_id": vehicle.vehicle_id}
    return {
        "span": span,
        "ranges": _ranges(),
        "figures": _figures(vehicle_row(vehicle, span.start, span.end), trips.count(), me),
        "charts": vehicle_charts(vehicle, me, span),
        "scores": score_charts(me, None, span, vehicle_id=vehicle.vehicle_id),
        "columns": _columns(),
        "rows": [_cells(trip, me) for trip in trips.order_by("-began_at")[:MOST_TRIPS]],
        "report_query": urlencode(of_vehicle),
        "exports": exports_of(vehicle, span),
    }


def _ranges() -> list[tuple[str, Any]]:
    return [(key, label) for key, label in LABELS.items() if key != "custom"]


def _figures(row: VehicleRow, trips: int, me: User) -> list[tuple[str, str, Any]]:
    """An icon, a label, a value."""
    return [
        ("tabler-road", _("Distance"), measure(row.distance_km, "km", me, 1) if row.readings else NOTHING),
        ("tabler-route", _("Trips"), number(trips)),
        ("tabler-gauge", _("Average speed"), measure(row.avg_speed_kmh, "km/h", me)),
        ("tabler-arrow-up-right", _("Highest speed"), measure(row.max_speed_kmh, "km/h", me)),
        ("tabler-antenna-bars-5", _("Readings"), number(row.readings)),
    ]


def _columns() -> list[Any]:
    return [TRIPS.column(name) for name in COLUMNS]


def _cells(trip: Any, me: User) -> list[tuple[Any, Any]]:
    return [(column, column.show(trip, me)) for column in _columns()]
