"""Reports over a span of time: what vehicles did, how safely they were driven, and charts of one vehicle."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.fleets import named_fleet
from accounts.models import Fleet, User
from api_pattern.parsers import is_storable_text
from dashboard.chart_specs import score_charts, vehicle_charts
from dashboard.exports import exports_of
from dashboard.pages.base import Page
from dashboard.pages.vehicle_table import fleet_choices
from dashboard.report_range import BUCKETS, LABELS, Range, range_of
from dashboard.report_tables import DRIVERS, PERFORMANCE, VEHICLES, vehicle_rows
from dashboard.report_tiles import tiles_of
from dashboard.row_tables import RowsListing, csv_of_rows
from telemetry.scores import scores_by_driver, scores_by_vehicle
from vehicle_management.models import Vehicle


@dataclass
class Report:
    """What a report's address asks for, as far as the person may."""

    request: HttpRequest
    me: User
    span: Range

    @cached_property
    def fleet(self) -> Fleet | None:
        """Raises FleetForbidden for a fleet that is not theirs; for an administrator an unknown one is none."""
        fleet_id = self.request.GET.get("fleet_id", "")
        return named_fleet(self.me, fleet_id) if fleet_id else None

    @cached_property
    def fleets(self) -> list[tuple[str, str]]:
        return fleet_choices(self.me)

    @property
    def ranges(self) -> list[tuple[str, Any]]:
        return list(LABELS.items())

    @property
    def buckets(self) -> tuple[int, ...]:
        return BUCKETS

    @property
    def query(self) -> str:
        """What all reports have in common: the range and the fleet."""
        return urlencode(self.span.parameters | self._of_fleet)

    @property
    def link(self) -> str:
        """This page with its times written out: it shows others the same."""
        kept = {name: str(value) for name, value in self.request.GET.items() if name not in ("page", "after")}
        return f"{self.request.path}?{urlencode(kept | self._of_fleet | self.span.absolute)}"

    @property
    def _of_fleet(self) -> dict[str, str]:
        return {"fleet_id": self.fleet.fleet_id} if self.fleet else {}

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        labels = {
            "reports": _("Performance"),
            "score-report": _("Scores"),
            "chart-report": _("Charts"),
            "trips": _("Trips"),
        }
        return [(route, str(label), f"{reverse(route)}?{self.query}") for route, label in labels.items()]


class ReportPage(Page):
    """A report: its filters stand above, and HTMX swaps what they change."""

    section = "reports"
    tab: ClassVar[str] = ""

    @cached_property
    def report(self) -> Report:
        return Report(self.request, self.me, range_of(self.request.GET))

    def show_report(self, name: str, context: dict[str, Any]) -> HttpResponse:
        report = self.report
        context |= {"report": report, "tab": self.tab, "tiles": tiles_of(self.me, report.fleet, report.span)}
        return self.show(
            f"reports/{name}.html" if self.part() == "listing" else f"reports/{name}_page.html", context
        )


# ---------------------------------------------------------------- performance


def performance(request: HttpRequest, report: Report) -> RowsListing:
    span = report.span
    return RowsListing(request, PERFORMANCE, vehicle_rows(report.me, report.fleet, span.start, span.end))


class Performance(ReportPage):
    tab = "reports"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = performance(request, self.report)
        rows = listing.filtered
        totals = {
            "distance_km": sum(row.distance_km for row in rows),
            "readings": sum(row.readings for row in rows),
            "vehicles": sum(1 for row in rows if row.readings),
        }
        has_readings = any(row.readings for row in listing.queryset)
        return self.show_report(
            "performance", {"listing": listing, "totals": totals, "has_readings": has_readings}
        )


class PerformanceCsv(ReportPage):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return csv_of_rows(performance(request, self.report), "performance")


# ---------------------------------------------------------------- scores


def league(request: HttpRequest, report: Report, by: str) -> RowsListing:
    """The best first, with their places; those without a score have none."""
    score, table = (scores_by_vehicle, VEHICLES) if by == "vehicle" else (scores_by_driver, DRIVERS)
    rows = score(report.me, fleet=report.fleet, start=report.span.start, end=report.span.end)
    key = f"{by}_id"
    told = [
        {
            **row,
            "place": place if row["safety_score"] is not None else None,
            "query": f"{report.query}&{urlencode({key: row[key]})}",
        }
        for place, row in enumerate(rows, start=1)
    ]
    return RowsListing(request, table, told)


class Scores(ReportPage):
    tab = "score-report"

    @property
    def by(self) -> str:
        return "vehicle" if self.request.GET.get("by") == "vehicle" else "driver"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = league(request, self.report, self.by)
        charts = score_charts(self.me, self.report.fleet, self.report.span)
        return self.show_report("scores", {"listing": listing, "by": self.by, "charts": charts})


class ScoresCsv(Scores):
    def get(self, request: HttpRequest) -> HttpResponseBase:  # type: ignore[override]
        return csv_of_rows(league(request, self.report, self.by), f"{self.by}-scores")


# ---------------------------------------------------------------- charts


class Charts(ReportPage):
    tab = "chart-report"

    def get(self, request: HttpRequest) -> HttpResponse:
        report, asked = self.report, request.GET.get("vehicle_id", "").strip()
        vehicle = self._named(asked) if asked else self._usual()
        context: dict[str, Any] = {"vehicle": vehicle, "asked": asked}
        if vehicle is not None:
            context["charts"] = vehicle_charts(vehicle, self.me, report.span)
            context["scores"] = score_charts(self.me, None, report.span, vehicle_id=vehicle.vehicle_id)
            context["exports"] = exports_of(vehicle, report.span)
        return self.show_report("charts", context)

    def _seen(self) -> QuerySet[Vehicle]:
        seen: QuerySet[Vehicle] = Vehicle.objects.visible_to(self.me)
        return seen.filter(fleet=self.report.fleet) if self.report.fleet else seen

    def _named(self, vehicle_id: str) -> Vehicle | None:
        return self._seen().filter(vehicle_id=vehicle_id).first() if is_storable_text(vehicle_id) else None

    def _usual(self) -> Vehicle | None:
        """The one that was heard of last: there is something to see of it."""
        heard = self._seen().filter(status__recorded_at__isnull=False)
        return heard.order_by("-status__recorded_at", "vehicle_id").first()
