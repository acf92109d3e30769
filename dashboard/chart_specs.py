"""What the charts of a page are told: where their rows come from, in whose units, how they look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from accounts.models import Fleet, User
from api_pattern.times import told_time
from dashboard import units
from dashboard.report_range import Range
from telemetry.scores import score_series
from vehicle_management.models import Vehicle

DAY_S = 86_400


@dataclass(frozen=True)
class Chart:
    """A figure: ``spec`` is what chart-figures.js reads, ``nothing`` what stands there without rows."""

    name: str
    label: str
    unit: str
    spec: dict[str, Any]
    nothing: str


# metric, what it is called, its unit, its colour and the decimals worth telling
MEASURES = (
    ("speed_kmh", lambda: _("Speed"), "km/h", "--blue", 0),
    ("battery_pct", lambda: _("Battery"), "%", "--green", 0),
    ("engine_temp_c", lambda: _("Engine temperature"), "°C", "--orange", 1),
)


def vehicle_charts(
    vehicle: Vehicle,
    me: User,
    span: Range,
    *,
    metrics: Sequence[str] = ("speed_kmh", "battery_pct", "engine_temp_c"),
) -> list[Chart]:
    """Mean, least and most per bucket of each metric, fetched from the API with the person's session."""
    return [
        _measure_chart(vehicle, me, span, metric, str(label()), unit, colour, decimals)
        for metric, label, unit, colour, decimals in MEASURES
        if metric in metrics
    ]


def _measure_chart(
    vehicle: Vehicle, me: User, span: Range, metric: str, label: str, unit: str, colour: str, decimals: int
) -> Chart:
    factor, offset = units.line(unit, me)
    path = f"/api/v1/analytics/vehicle/{quote(vehicle.vehicle_id, safe='')}/series"
    spec: dict[str, Any] = {
        "address": f"{path}?{span.api_query}&metric={metric}&bucket_minutes={span.bucket_minutes}",
        "names": [
            {"name": "max_value", "label": _("most"), "colour": colour, "look": "faint"},
            {"name": "avg_value", "label": _("mean"), "colour": colour},
            {"name": "min_value", "label": _("least"), "colour": colour, "look": "unseen"},
        ],
        "bands": [[0, 2]],
        "unit": units.shown_unit(unit, me),
        "decimals": decimals,
        "scale": factor,
        "offset": offset,
        "step": span.bucket_minutes * 60,
        "range": [span.start.timestamp(), span.end.timestamp()],
        "zone": me.time_zone,
        "group": "vehicle",
        **({"least": 0, "most": 105} if unit == "%" else {}),
        **({"floor": None} if unit == "°C" else {}),
    }
    nothing = {
        "speed_kmh": _("No speed was reported in this time."),
        "battery_pct": _("No battery level was reported in this time."),
        "engine_temp_c": _("No engine temperature was reported in this time."),
    }
    return Chart(metric, label, units.shown_unit(unit, me), spec, nothing[metric])


def score_charts(me: User, fleet: Fleet | None, span: Range, **of: Any) -> list[Chart]:
    """None for a day or less: one point says no more than the number does."""
    return [score_chart(me, fleet, span, **of)] if span.end - span.start > timedelta(days=1) else []


def score_chart(me: User, fleet: Fleet | None, span: Range, **of: Any) -> Chart:
    """The safety score by day, of all trips or of a driver's or vehicle's (``driver_id``, ``vehicle_id``)."""
    rows = score_series(me, fleet=fleet, start=span.start, end=span.end, **of)
    # Days are the fleet's.
    zone = fleet.time_zone if fleet else "UTC"
    spec = {
        "rows": [
            {"bucket": told_time(row["bucket"]), "safety_score": row["safety_score"], "trips": row["trips"]}
            for row in rows
        ],
        "names": [
            {
                "name": "safety_score",
                "label": _("score"),
                "colour": "--green",
                "dots": True,
                "decimals": 1,
                "look": "area",
            },
            {"name": "trips", "label": _("trips"), "colour": "--gray", "look": "unseen", "scale": "trips"},
        ],
        "range": [day_of(span.start, zone), max(day_of(span.end, zone), day_of(span.start, zone) + DAY_S)],
        "step": DAY_S * 400,  # a day without a trip is no gap in how somebody drives
        "least": 0,
        "most": 105,
        "isDay": True,
        "height": 180,
        "zone": zone,
    }
    return Chart("score", _("Safety score by day"), "", spec, _("No trip of this time has a score."))


def day_of(at: datetime, zone: str) -> float:
    """When the day began, in seconds since 1970."""
    return at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
