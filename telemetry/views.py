"""``POST telemetry`` in Django: what the hot route leaves to it, and all of it where that is switched off."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import Actor, sender_of
from accounts.authentication import ApiKeyAuthentication
from api_pattern import metrics
from api_pattern.exceptions import Unprocessable
from api_pattern.packing import packed
from api_pattern.parsers import load_json
from telemetry.acceptance import accept, refuse_who_may_not, sender_as
from telemetry.bodies import Body, check_count, read_body
from telemetry.serializers import (
    AcceptedSerializer,
    SentReadingSerializer,
    SentReadingsSerializer,
    SentTripSerializer,
)
from telemetry.trackers import BadTracker, reading_of_osmand, readings_of_traccar_json
from telemetry.trips import submit_trip

READING = {
    "vehicle_id": "fleet-001-VH-001",
    "timestamp": "2026-11-21T10:00:00Z",
    "latitude": 4.711,
    "longitude": -74.0721,
    "speed_kmh": 42.5,
    "battery_pct": 81,
    "engine_temp_c": 88,
    "status": "MOVING",
}
TRIP = {
    "vehicle_id": "fleet-001-VH-001",
    "driver_id": "D-17",
    "data": [{"speed_kmh": 42.5, "g_force_long": -0.12}, {"speed_kmh": 31, "g_force_long": -0.45}],
}
DESCRIPTION = (
    "One reading, an object with 1 to 1,000 `readings`, one reading per line (`application/x-ndjson`), or a "
    "trip with its `data`; gzip with `Content-Encoding: gzip`. It is on disk before the answer. The same "
    "reading (its vehicle and its time to the millisecond) counts once; a trip that is sent again with the "
    "same `Idempotency-Key` is the same trip."
)

SENT = PolymorphicProxySerializer(
    component_name="Telemetry",
    serializers=[SentReadingSerializer, SentReadingsSerializer, SentTripSerializer],
    resource_type_field_name=None,
)


class IngestView(APIView):
    """Who sends is judged here and in the hot route alike; what is refused is counted."""

    permission_classes = ()

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        metrics.readings_refused.labels(str(response.status_code)).inc()
        return response


class TelemetryView(IngestView):
    """Readings and trips."""

    @extend_schema(
        operation_id="telemetry_send",
        summary="Send readings, or a trip",
        description=DESCRIPTION,
        request={"application/json": SENT, "application/x-ndjson": str},
        responses={202: AcceptedSerializer},
        examples=[
            OpenApiExample("One reading", value=READING, request_only=True),
            OpenApiExample("Several", value={"readings": [READING]}, request_only=True),
            OpenApiExample("A trip", value=TRIP, request_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        actor = known_sender(request)
        raw = request.body
        body = read_body(raw, request.content_type or "", request.META.get("HTTP_CONTENT_ENCODING", ""))
        if body.trip is not None:
            return Response(_take_trip(body.trip, body.data, actor, request), status=202)
        count = accept(body, actor)
        metrics.readings_accepted.labels("django").inc(count)
        return Response({"status": "QUEUED", "accepted": count}, status=202)


class TrackerView(IngestView):
    """Phones and trackers that speak OsmAnd's form or Traccar Client's: a key stands in the address."""

    @extend_schema(
        operation_id="telemetry_osmand",
        summary="Report a position as OsmAnd and Traccar Client do",
        description="`?key=…&id=…&lat=…&lon=…&speed=…` (knots); the key may stand in the header as elsewhere.",
        responses={202: AcceptedSerializer},
        request=None,
    )
    def post(self, request: Request) -> Response:
        actor = tracker_of(request)
        try:
            items = _tracked(request, actor.bound_vehicle_id)
        except BadTracker as error:
            raise Unprocessable(str(error), {"body": [str(error)]}) from error
        check_count(items)
        count = accept(Body(items, packed(items), "readings[{}]" if len(items) > 1 else ""), actor)
        metrics.readings_accepted.labels("osmand").inc(count)
        return Response({"status": "QUEUED", "accepted": count}, status=202)

    @extend_schema(
        operation_id="telemetry_osmand_in_the_address",
        summary="Report a position in the address alone",
        responses={202: AcceptedSerializer},
    )
    def get(self, request: Request) -> Response:
        return self.post(request)


def _tracked(request: Request, bound: str | None) -> list[dict[str, Any]]:
    if (request.content_type or "").startswith("application/json"):
        return readings_of_traccar_json(load_json(request.body), vehicle_id=bound)
    told = {**request.query_params.dict(), **request._request.POST.dict()}
    told.pop("key", None)
    return [reading_of_osmand(told, vehicle_id=bound)]


def tracker_of(request: Request) -> Actor:
    """Whoever the header names, or the key in the address, where such apps have room for it."""
    secret = request.query_params.get("key")
    if secret and not request.user.is_authenticated:
        actor, _key = ApiKeyAuthentication().who(secret)
        refuse_who_may_not(sender_as(actor))
        return actor
    return known_sender(request)


def known_sender(request: Request) -> Actor:
    if not request.user.is_authenticated:
        raise NotAuthenticated(_("Log in, or send a key: readings need a sender."))
    actor = sender_of(request)
    refuse_who_may_not(sender_as(actor))
    return actor


def _take_trip(trip: dict[str, Any], raw: bytes, actor: Actor, request: Request) -> dict[str, Any]:
    key = request.headers.get("Idempotency-Key")
    made = submit_trip(trip, raw, actor, key)
    return {"status": "QUEUED", "trip_id": str(made.pk)}
