from datetime import datetime
from typing import Any

import orjson
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import sender_of
from accounts.fleets import named_fleet
from accounts.models import Fleet
from analytics.reports import MEASURES, metrics_of, performance_csv, performance_of, series_json
from analytics.serializers import (
    BucketSerializer,
    DriverScoresSerializer,
    MetricsSerializer,
    PerformanceSerializer,
    ScoreBucketSerializer,
    SummarySerializer,
    VehicleScoresSerializer,
)
from analytics.summaries import summary_of
from api_pattern.ranges import FROM_AND_TO, asked_choice, asked_number, asked_range
from api_pattern.streaming import csv_answer
from api_pattern.times import told_time
from api_pattern.views import tag_of
from telemetry.answers import seen_vehicle
from telemetry.scores import score_series, scores_by_driver, scores_by_vehicle

MOST_MINUTES, MINUTES = 60, 5
BUCKET_MINUTES = OpenApiParameter(
    "bucket_minutes", {"type": "integer", "minimum": 1, "maximum": MOST_MINUTES, "default": MINUTES}
)
FLEET = OpenApiParameter("fleet_id", OpenApiTypes.STR, description="Of this fleet alone.")


def told(data: Any) -> Response:
    return Response(data, headers={"ETag": tag_of(data)})


def asked_fleet(request: Request, fleet_id: str) -> Fleet:
    """Raises FleetForbidden or NotFound."""
    fleet = named_fleet(sender_of(request), fleet_id)
    if fleet is None:
        raise NotFound(_("Fleet %(id)s not found") % {"id": fleet_id[:64].replace("\x00", "␀")})
    return fleet


class FleetSummaryView(APIView):
    """A fleet in one row of numbers."""

    @extend_schema(operation_id="fleet_summary", responses={200: SummarySerializer})
    def get(self, request: Request, fleet_id: str) -> Response:
        return told(summary_of(asked_fleet(request, fleet_id), seen_by=sender_of(request)))


class MetricsView(APIView):
    """A vehicle's span of time in one row of numbers."""

    @extend_schema(
        operation_id="analytics_vehicle_metrics",
        summary="Sum up a vehicle's readings of a span of time",
        parameters=[*FROM_AND_TO],
        responses={200: MetricsSerializer},
    )
    def get(self, request: Request, vehicle_id: str) -> Response:
        start, end = asked_range(request)
        return told(metrics_of(seen_vehicle(sender_of(request), vehicle_id), start, end))


class SpeedSeriesView(APIView):
    """A vehicle's speed over a span of time."""

    @extend_schema(
        operation_id="analytics_vehicle_speed_series",
        summary="Tell a vehicle's speed over a span of time, bucket by bucket",
        description="Buckets begin at multiples of `bucket_minutes` since 1970; those without a speed are left out.",
        parameters=[*FROM_AND_TO, BUCKET_MINUTES],
        responses={200: BucketSerializer(many=True)},
    )
    def get(self, request: Request, vehicle_id: str) -> Response:
        return _series(request, vehicle_id, asked_range(request, "bucket_minutes"), "speed_kmh")


class SeriesView(APIView):
    """A vehicle's speed, battery or engine temperature over a span of time."""

    @extend_schema(
        operation_id="analytics_vehicle_series",
        summary="Tell one of a vehicle's measures over a span of time, bucket by bucket",
        parameters=[*FROM_AND_TO, BUCKET_MINUTES, OpenApiParameter("metric", enum=list(MEASURES))],
        responses={200: BucketSerializer(many=True)},
    )
    def get(self, request: Request, vehicle_id: str) -> Response:
        span = asked_range(request, "bucket_minutes", "metric")
        return _series(request, vehicle_id, span, asked_choice(request, "metric", tuple(MEASURES)))


def _series(request: Request, vehicle_id: str, span: tuple[datetime, datetime], metric: str) -> Response:
    minutes = asked_number(request, "bucket_minutes", least=1, most=MOST_MINUTES, default=MINUTES)
    vehicle = seen_vehicle(sender_of(request), vehicle_id)
    return told(orjson.Fragment(series_json(vehicle, *span, minutes, metric)))


class PerformanceView(APIView):
    """What each vehicle of a fleet did in a span of time."""

    @extend_schema(
        operation_id="analytics_fleet_performance",
        summary="Compare a fleet's vehicles over a span of time, most distance first",
        parameters=[*FROM_AND_TO, OpenApiParameter("format", enum=["json", "csv"])],
        responses={(200, "application/json"): PerformanceSerializer, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, fleet_id: str) -> Any:
        start, end = asked_range(request, "format")
        form = asked_choice(request, "format", ("json", "csv"))
        fleet = asked_fleet(request, fleet_id)
        rows = performance_of(fleet, start, end, sender_of(request))
        if form == "csv":
            return _named(
                csv_answer(performance_csv(rows), "performance"), f"{fleet.fleet_id}-performance.csv"
            )
        return told(
            {"fleet_id": fleet.fleet_id, "from": told_time(start), "to": told_time(end), "vehicles": rows}
        )


def _named(answer: Any, name: str) -> Any:
    """An id may hold what a header cannot."""
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return answer


class DriverScoresView(APIView):
    """How safely drivers drove."""

    @extend_schema(
        operation_id="analytics_drivers",
        summary="Tell drivers' scores over a span of time, best first",
        parameters=[*FROM_AND_TO, FLEET],
        responses={200: DriverScoresSerializer},
    )
    def get(self, request: Request) -> Response:
        start, end = asked_range(request, "fleet_id")
        fleet = _optional_fleet(request)
        rows = scores_by_driver(sender_of(request), fleet=fleet, start=start, end=end)
        return told({**_span(fleet, start, end), "drivers": rows})


class VehicleScoresView(APIView):
    """How safely vehicles were driven."""

    @extend_schema(
        operation_id="analytics_vehicle_scores",
        summary="Tell vehicles' scores over a span of time, best first",
        parameters=[*FROM_AND_TO, FLEET],
        responses={200: VehicleScoresSerializer},
    )
    def get(self, request: Request) -> Response:
        start, end = asked_range(request, "fleet_id")
        fleet = _optional_fleet(request)
        rows = scores_by_vehicle(sender_of(request), fleet=fleet, start=start, end=end)
        return told({**_span(fleet, start, end), "vehicles": rows})


class ScoreSeriesView(APIView):
    """Scores by day or week."""

    @extend_schema(
        operation_id="analytics_score_series",
        summary="Tell the score over time of a driver, a vehicle, a fleet or all",
        description="Days and weeks are those of the fleet's time zone, UTC where none is named.",
        parameters=[
            *FROM_AND_TO,
            FLEET,
            OpenApiParameter("driver_id", OpenApiTypes.STR),
            OpenApiParameter("vehicle_id", OpenApiTypes.STR),
            OpenApiParameter("bucket", enum=["day", "week"]),
        ],
        responses={200: ScoreBucketSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        start, end = asked_range(request, "fleet_id", "driver_id", "vehicle_id", "bucket")
        rows = score_series(
            sender_of(request),
            fleet=_optional_fleet(request),
            start=start,
            end=end,
            bucket="week" if asked_choice(request, "bucket", ("day", "week")) == "week" else "day",
            driver_id=request.query_params.get("driver_id") or None,
            vehicle_id=request.query_params.get("vehicle_id") or None,
        )
        return told([{**row, "bucket": told_time(row["bucket"])} for row in rows])


def _optional_fleet(request: Request) -> Fleet | None:
    fleet_id = request.query_params.get("fleet_id")
    return asked_fleet(request, fleet_id) if fleet_id else None


def _span(fleet: Fleet | None, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "fleet_id": fleet.fleet_id if fleet else None,
        "from": told_time(start),
        "to": told_time(end),
    }
