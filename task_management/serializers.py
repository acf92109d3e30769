from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.fields import PersonField
from api_pattern.fields import TimeField
from api_pattern.parsers import is_storable_text
from api_pattern.serializers import StrictModelSerializer, StrictSerializer
from task_management.checks import LONGEST_ITEM, MOST_ITEMS
from task_management.models import Task, TaskComment
from vehicle_management.models import Vehicle
from vehicle_management.serializers import CustomerField


@extend_schema_field(OpenApiTypes.STR)
class VehicleField(serializers.Field):
    """A vehicle by its ``vehicle_id``, among those that the caller sees."""

    default_error_messages = {
        "not_text": _("A vehicle's id is a text, such as “fleet-001-VH-001”."),
        "unknown": _("There is no vehicle “{vehicle_id}” that you see."),
    }

    def to_internal_value(self, data: Any) -> Vehicle:
        if not isinstance(data, str) or not is_storable_text(data):
            self.fail("not_text")
        # What GET answered can be sent back, also where the vehicle was deleted meanwhile.
        stored = getattr(self.parent.instance, "vehicle", None)
        if stored is not None and stored.vehicle_id == data:
            return stored
        seen = Vehicle.objects.visible_to(self.context["request"].user)
        vehicle: Vehicle | None = seen.filter(vehicle_id=data).first()
        if vehicle is None:
            self.fail("unknown", vehicle_id=data[:64])
        return vehicle

    @staticmethod
    def told(value: Vehicle) -> str:
        return value.vehicle_id

    def to_representation(self, value: Vehicle) -> str:
        return self.told(value)


@extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
class CauseField(serializers.Field):
    """Who or what made a change, with the row where a file did."""

    @staticmethod
    def told(value: dict[str, Any]) -> dict[str, Any]:
        return value

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return self.told(value)


@extend_schema_field(
    {
        "type": "array",
        "maxItems": MOST_ITEMS,
        "items": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": 1, "maxLength": LONGEST_ITEM},
                "done": {"type": "boolean", "default": False},
            },
            "required": ["text"],
            "additionalProperties": False,
        },
    }
)
class ChecklistField(serializers.JSONField):
    """Checked by the service, which names the very item that is wrong."""


TOLD = {
    "id": 812,
    "external_id": "WO-2026-0142",
    "title": "Service at 10,000 km",
    "description": "Oil, filters, brakes.",
    "status": "created",
    "vehicle_id": "fleet-001-VH-001",
    "customer_id": 12,
    "assignee": "operator@fleet.example",
    "due_at": "2026-05-11T09:30:00Z",
    "checklist": [{"text": "Oil", "done": True}, {"text": "Brakes", "done": False}],
    "created_at": "2026-05-04T09:30:00Z",
    "updated_at": "2026-05-04T09:30:00Z",
    "completed_at": None,
    "canceled_at": None,
    "cause": {"kind": "rule", "rule_id": 3, "firing_id": 99, "name": "Service due"},
    "closed_by": None,
}
WRITTEN = (
    "external_id",
    "title",
    "description",
    "vehicle_id",
    "customer_id",
    "assignee",
    "due_at",
    "checklist",
)
EXAMPLES = [
    OpenApiExample("A new task", value={name: TOLD[name] for name in WRITTEN}, request_only=True),
    OpenApiExample("A task", value=TOLD, response_only=True),
]


@extend_schema_serializer(examples=EXAMPLES)
class TaskSerializer(StrictModelSerializer):
    """Something to do, on a vehicle or for a customer. ``cause`` tells what made it, ``closed_by`` who closed it."""

    vehicle_id = VehicleField(source="vehicle", required=False, allow_null=True)
    customer_id = CustomerField(source="customer", required=False, allow_null=True)
    assignee = PersonField(required=False, allow_null=True)
    checklist = ChecklistField(required=False)
    cause = CauseField(source="told_cause", read_only=True)
    closed_by = CauseField(source="told_closed_by", read_only=True)

    class Meta:
        model = Task
        fields: tuple[str, ...] = (
            "id", "external_id", "title", "description", "status", "vehicle_id", "customer_id", "assignee", "due_at",
            "checklist", "created_at", "updated_at", "completed_at", "canceled_at", "cause", "closed_by",
        )  # fmt: skip
        read_only_fields = ("id", "status", "created_at", "updated_at", "completed_at", "canceled_at")
        extra_kwargs = {"description": {"max_length": 10_000}}


class TickSerializer(StrictSerializer):
    """Which item of the checklist, the first one is 0, and whether it is done."""

    index = serializers.IntegerField(min_value=0, max_value=MOST_ITEMS - 1)
    done = serializers.BooleanField()


class CommentSerializer(StrictSerializer):
    """What someone said of a task; ``by`` tells who."""

    id = serializers.IntegerField(read_only=True)
    by = serializers.SerializerMethodField()
    text = serializers.CharField(max_length=10_000)
    created_at = TimeField(read_only=True)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_by(self, comment: TaskComment) -> Any:
        return comment.by.told()
