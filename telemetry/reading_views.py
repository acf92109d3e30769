"""The latest reading of a vehicle, and those of a span of time."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from accounts.actors import sender_of
from api_pattern.ranges import FROM_AND_TO, asked_choice, asked_number, asked_range
from api_pattern.times import told_time
from api_pattern.views import tag_of
from telemetry.answers import (
    Row,
    after,
    count_readings,
    latest_reading,
    readings_between,
    seen_vehicle,
    told_reading,
)
from telemetry.exports import FORMS, export_readings
from telemetry.reading_serializers import ReadingSerializer, ReadingsSerializer

MOST_READINGS, READINGS = 10_000, 1_000
FILE = OpenApiResponse(OpenApiTypes.BINARY)


class LatestReadingView(APIView):
    """The last thing that a vehicle told."""

    @extend_schema(
        operation_id="telemetry_latest",
        summary="Read a vehicle's last reading",
        responses={200: ReadingSerializer},
    )
    def get(self, request: Request, vehicle_id: str) -> Response:
        told = latest_reading(seen_vehicle(sender_of(request), vehicle_id))
        if told is None:
            raise NotFound(_("Vehicle %(id)s has no reading at hand.") % {"id": vehicle_id})
        return Response(told, headers={"ETag": tag_of(told)})


class ReadingHistoryView(APIView):
    """A vehicle's readings of a span of time, oldest first."""

    @extend_schema(
        operation_id="telemetry_history",
        summary="List a vehicle's readings of a span of time, or take them away as a file",
        description="`format` gives the whole span as a file; `limit` holds for JSON alone.",
        parameters=[
            *FROM_AND_TO,
            OpenApiParameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": MOST_READINGS, "default": READINGS}
            ),
            OpenApiParameter("format", enum=["json", *FORMS]),
        ],
        responses={
            (200, "application/json"): ReadingsSerializer,
            **{(200, content_type.split(";")[0]): FILE for _write, content_type in FORMS.values()},
        },
    )
    def get(self, request: Request, vehicle_id: str) -> Any:
        start, end = asked_range(request, "limit", "format")
        limit = asked_number(request, "limit", least=1, most=MOST_READINGS, default=READINGS)
        form = asked_choice(request, "format", ("json", *FORMS))
        vehicle = seen_vehicle(sender_of(request), vehicle_id)
        if form != "json":
            return export_readings(vehicle, start, end, form=form)
        rows = readings_between(vehicle, start, end, limit=limit + 1)
        told = {
            "vehicle_id": vehicle.vehicle_id,
            "from": told_time(start),
            "to": told_time(end),
            "total_records": len(rows) if len(rows) <= limit else count_readings(vehicle, start, end),
            "data": [told_reading(vehicle.vehicle_id, row) for row in rows[:limit]],
            "next": _next(request, rows[limit - 1], end) if len(rows) > limit else None,
        }
        return Response(told)


def _next(request: Request, last: Row, end: datetime) -> str:
    """The same span from behind the last reading on; its end is told, as “now” would move."""
    here = replace_query_param(request.build_absolute_uri(), "to", told_time(end))
    return replace_query_param(here, "from", told_time(after(last)))
