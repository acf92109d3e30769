"""Trips: one by one with their scores and ways, and as a list."""

from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from api_pattern.schema import ProblemSerializer
from api_pattern.times import told_time
from api_pattern.views import ListRows, RetrieveRow, ScopedViewSet, tag_of
from telemetry.exceptions import TripIsNotScored
from telemetry.models import Trip
from telemetry.tracks import track_of
from telemetry.trip_filters import TripFilters
from telemetry.trip_serializers import (
    ListedTripSerializer,
    ScoreSerializer,
    TrackSerializer,
    TripSerializer,
)

Status = Trip.Status
NOT_YET = OpenApiResponse(
    ProblemSerializer,
    description="CONFLICT",
    examples=[
        OpenApiExample(
            "CONFLICT",
            value={
                "detail": "Trip 8c0a…: no score yet, it is PENDING; ask again.",
                "status_code": 409,
                "error": "CONFLICT",
            },
            response_only=True,
            status_codes=["409"],
        )
    ],
)


class _OneTrip(ScopedViewSet):
    lookup_field = "trip_id"

    def one(self, queryset: models.QuerySet, value: str) -> models.Model | None:
        try:
            return queryset.filter(pk=UUID(value)).first()
        except ValueError:
            return None


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read a trip",
        description="`PENDING` and `PROCESSING` until it is scored; `FAILED` with the `reason`. One that is "
        "found in readings has `origin` `FOUND`; while it is under way it is `PROCESSING`, without `ended_at`.",
    )
)
class TripViewSet(_OneTrip, RetrieveRow):
    """One drive."""

    queryset = Trip.objects.select_related("vehicle").defer("body")
    serializer_class = TripSerializer

    @extend_schema(
        operation_id="trip_score",
        summary="Read a trip's safety score",
        description="409 while there is none yet; the sentence says why.",
        responses={200: ScoreSerializer, 409: NOT_YET},
    )
    def score(self, request: Request, trip_id: str) -> Response:
        told = _told_score(self.get_object())
        return Response(told, headers={"ETag": tag_of(told)})


@extend_schema_view(list=extend_schema(summary="List the trips that one sees"))
class TripsViewSet(_OneTrip, ListRows):
    """Trips, the newest first; those found in readings stand beside those that were posted."""

    queryset = Trip.objects.select_related("vehicle").defer("body", "events", "thresholds")
    serializer_class = ListedTripSerializer
    filterset_class = TripFilters
    ordering_fields = (
        "created_at",
        "started_at",
        "ended_at",
        "duration_s",
        "distance_km",
        "max_speed_kmh",
        "safety_score",
        "harsh_braking_count",
        "rapid_accel_count",
    )

    @extend_schema(
        operation_id="trip_track",
        summary="Read a trip's way",
        description="Up to 5,000 points, evenly chosen, with those where harsh events began.",
        responses={200: TrackSerializer, 409: NOT_YET},
    )
    def track(self, request: Request, trip_id: str) -> Response:
        told = track_of(self.find(self.get_queryset().defer(None).select_related("vehicle")))
        return Response(told, headers={"ETag": tag_of(told)})


def _told_score(trip: Trip) -> dict[str, Any]:
    if trip.status != Status.COMPLETED or trip.safety_score is None:
        raise TripIsNotScored(_why_not(trip))
    return {
        "trip_id": str(trip.pk),
        "safety_score": trip.safety_score,
        "harsh_braking_count": trip.harsh_braking_count,
        "rapid_accel_count": trip.rapid_accel_count,
        "created_at": told_time(trip.scored_at),
        "harsh_braking_episodes": trip.harsh_braking_episodes,
        "rapid_accel_episodes": trip.rapid_accel_episodes,
        "thresholds": trip.thresholds,
        "penalty": trip.thresholds.get("penalty"),
    }


def _why_not(trip: Trip) -> str:
    shown = {"id": trip.pk, "status": trip.status, "reason": trip.reason}
    if trip.status == Status.FAILED:
        return _("Trip %(id)s could not be scored: %(reason)s") % shown
    if trip.status == Status.COMPLETED:
        return _("Trip %(id)s has no score: none of its samples tells g_force_long.") % shown
    if trip.origin == Trip.Origin.FOUND:
        return _("Trip %(id)s is under way; its score comes when it has ended.") % shown
    return _("Trip %(id)s has no score yet, it is %(status)s; ask again.") % shown
