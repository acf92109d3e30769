from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.fields import PersonField
from accounts.models import Cause
from alerts.models import Alert, AlertEvent
from alerts.services import LONGEST_TEXT
from api_pattern.fields import WholeNumberField
from api_pattern.serializers import StrictModelSerializer, StrictSerializer

MOST_AT_ONCE = 1_000
LARGEST_ID = 2**63 - 1


@extend_schema_field(OpenApiTypes.STR)
class WhoField(serializers.Field):
    """A person's e-mail, or a key's name."""

    @staticmethod
    def told(value: Cause) -> str:
        data = value.data
        return str(data.get("email") or data.get("name") or data.get("kind"))

    def to_representation(self, value: Cause) -> str:
        return self.told(value)


@extend_schema_field({"type": "object", "additionalProperties": True})
class CauseField(serializers.Field):
    """Who or what did it, as a vehicle's history tells it."""

    @staticmethod
    def told(value: Cause) -> dict[str, Any]:
        return value.told()

    def to_representation(self, value: Cause) -> dict[str, Any]:
        return self.told(value)


FIRST = {
    "id": 812,
    "vehicle_id": "fleet-001-VH-001",
    "fleet_id": "fleet-001",
    "alert_type": "OVERSPEED",
    "severity": "HIGH",
    "field": "speed_kmh",
    "value": 92.5,
    "threshold": 80.0,
    "message": "fleet-001-VH-001 drives 92.5 km/h.",
    "acknowledged": True,
    "triggered_at": "2026-05-04T09:30:00Z",
}
TOLD = {
    **FIRST,
    "state": "ACKNOWLEDGED",
    "worst_value": 104.0,
    "count": 17,
    "last_at": "2026-05-04T09:34:10Z",
    "raised_at": "2026-05-04T09:30:00.412Z",
    "acknowledged_at": "2026-05-04T09:33:02Z",
    "acknowledged_by": "operator@fleet.example",
    "notes": "Called the driver.",
    "assignee": "operator@fleet.example",
    "escalate_at": "2026-05-04T09:45:00.412Z",
    "escalated_at": None,
    "closed_at": None,
    "origin": "rule:12",
}
STORY = [
    {
        "kind": "RAISED",
        "at": "2026-05-04T09:30:00.412Z",
        "cause": {"kind": "rule", "rule_id": 12, "name": "Overspeed"},
        "text": "",
    },
    {
        "kind": "ACKNOWLEDGED",
        "at": "2026-05-04T09:33:02Z",
        "cause": {"kind": "user", "user_id": 3, "email": "operator@fleet.example"},
        "text": "Called the driver.",
    },
]


class AlertSerializer(StrictModelSerializer):
    """Something about a vehicle that somebody has to know of. ``origin`` is what raised it."""

    vehicle_id = serializers.CharField(source="vehicle.vehicle_id", read_only=True)
    fleet_id = serializers.CharField(source="vehicle.fleet.fleet_id", read_only=True, allow_null=True)
    acknowledged = serializers.BooleanField(source="is_acknowledged", read_only=True)
    state = serializers.ChoiceField(["OPEN", "ACKNOWLEDGED", "CLOSED"], read_only=True)
    acknowledged_by = WhoField(read_only=True, allow_null=True)
    assignee = PersonField(read_only=True, allow_null=True)

    class Meta:
        model = Alert
        fields: tuple[str, ...] = tuple(TOLD)
        read_only_fields = fields


class AlertEventSerializer(StrictModelSerializer):
    """One step of an alert's story; ``text`` holds notes, comments, or to whom it was given or escalated."""

    kind = serializers.CharField(read_only=True)
    cause = CauseField(read_only=True)

    class Meta:
        model = AlertEvent
        fields = ("kind", "at", "cause", "text")
        read_only_fields = fields


@extend_schema_serializer(
    examples=[OpenApiExample("An alert", value={**TOLD, "events": STORY}, response_only=True)]
)
class AlertDetailSerializer(AlertSerializer):
    """An alert with its story, the oldest step first."""

    events = AlertEventSerializer(many=True, read_only=True)

    class Meta(AlertSerializer.Meta):
        fields = (*AlertSerializer.Meta.fields, "events")
        read_only_fields = fields


class NotesSerializer(StrictSerializer):
    notes = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_TEXT)


class ManySerializer(NotesSerializer):
    """Alerts by id; those that one does not see, or that are acknowledged already, are passed over."""

    ids = serializers.ListField(
        child=WholeNumberField(min_value=1, max_value=LARGEST_ID), min_length=1, max_length=MOST_AT_ONCE
    )


class ManyAcknowledgedSerializer(serializers.Serializer):
    acknowledged = serializers.IntegerField(help_text="How many this request acknowledged.")
    ids = serializers.ListField(child=serializers.IntegerField(), help_text="Which ones.")


class AssignSerializer(StrictSerializer):
    assignee = PersonField(allow_null=True)


class AlertCommentSerializer(StrictSerializer):
    text = serializers.CharField(max_length=LONGEST_TEXT)
