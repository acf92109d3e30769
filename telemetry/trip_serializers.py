"""Trips, scores and tracks as they are told; nobody writes them through these."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api_pattern.fields import NumberField, TimeField, WholeNumberField
from api_pattern.serializers import StrictModelSerializer, StrictSerializer
from telemetry.models import Trip
from telemetry.scoring import HARSH_BRAKING, RAPID_ACCEL

UNIT_G = _("Longitudinal acceleration, g.")


@extend_schema_field({"type": "string", "nullable": True})
class NameField(serializers.CharField):
    """A name that may not be known: null then."""

    @staticmethod
    def told(value: str) -> str | None:
        return value or None

    def to_representation(self, value: Any) -> Any:
        return self.told(value)


class EventSerializer(StrictSerializer):
    """An episode of harsh samples in a row."""

    kind = serializers.ChoiceField(choices=(HARSH_BRAKING, RAPID_ACCEL))
    index = WholeNumberField(help_text=_("The place of its first sample, from 0."))
    at = TimeField(allow_null=True)
    g = NumberField(help_text=_("The worst of it."))
    samples = WholeNumberField()
    latitude = NumberField(allow_null=True)
    longitude = NumberField(allow_null=True)


class ThresholdsSerializer(StrictSerializer):
    """What a trip was scored with; empty before."""

    harsh_braking_g = NumberField(required=False, help_text=_("A sample below it costs the penalty."))
    rapid_accel_g = NumberField(required=False, help_text=_("A sample above it costs the penalty."))
    penalty = NumberField(required=False, help_text=_("Points of 100."))


class ListedTripSerializer(StrictModelSerializer):
    """A trip without what is long."""

    trip_id = serializers.UUIDField(source="id")
    vehicle_id = serializers.CharField(source="vehicle.vehicle_id")
    driver_id = NameField()
    reason = NameField(help_text=_("Why it failed."))

    class Meta:
        model = Trip
        fields: tuple[str, ...] = (
            "trip_id",
            "status",
            "vehicle_id",
            "driver_id",
            "origin",
            "reason",
            "started_at",
            "ended_at",
            "duration_s",
            "distance_km",
            "max_speed_kmh",
            "samples",
            "safety_score",
            "harsh_braking_count",
            "rapid_accel_count",
            "harsh_braking_episodes",
            "rapid_accel_episodes",
            "created_at",
            "scored_at",
        )
        read_only_fields = fields


class TripSerializer(ListedTripSerializer):
    """A drive, posted or found. Samples that are harsh are counted, and the episodes that they make up."""

    events = serializers.SerializerMethodField()
    thresholds = serializers.SerializerMethodField()

    class Meta(ListedTripSerializer.Meta):
        fields = (*ListedTripSerializer.Meta.fields, "events", "thresholds")
        read_only_fields = fields

    @extend_schema_field(EventSerializer(many=True))
    def get_events(self, trip: Trip) -> Any:
        return trip.events

    @extend_schema_field(ThresholdsSerializer)
    def get_thresholds(self, trip: Trip) -> Any:
        return trip.thresholds


class ScoreSerializer(serializers.Serializer):
    """``safety_score`` is 100 less the penalty for each harsh sample, and not below 0."""

    trip_id = serializers.UUIDField()
    safety_score = serializers.FloatField(min_value=0, max_value=100)
    harsh_braking_count = serializers.IntegerField(help_text=_("Samples below the threshold."))
    rapid_accel_count = serializers.IntegerField(help_text=_("Samples above the threshold."))
    created_at = serializers.DateTimeField(help_text=_("When it was scored."))
    harsh_braking_episodes = serializers.IntegerField(help_text=_("Runs of such samples."))
    rapid_accel_episodes = serializers.IntegerField(help_text=_("Runs of such samples."))
    thresholds = ThresholdsSerializer()
    penalty = serializers.FloatField(help_text=_("Points of 100 that each such sample costs."))


class PointSerializer(serializers.Serializer):
    at = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    speed_kmh = serializers.FloatField(allow_null=True)
    g_force_long = serializers.FloatField(allow_null=True, help_text=UNIT_G)


class TrackSerializer(serializers.Serializer):
    """A trip's way, for a map or a chart: up to 5,000 points, evenly chosen, with those where events began."""

    trip_id = serializers.UUIDField()
    points = PointSerializer(many=True)
    events = EventSerializer(many=True)
