from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.fields import PersonField
from api_pattern.fields import TimeField
from api_pattern.parsers import is_storable_text
from api_pattern.serializers import StrictModelSerializer, StrictSerializer
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
        seen = Vehicle.objects.visible_to(self.context["request"].user)
        vehicle = seen.filter(vehicle_id=data).first()
        if vehicle is None:
            self.fail("unknown", vehicle_id=data[:64])
        return vehicle  # type: ignore[return-value]

    def to_representation(self, value: Vehicle) -> str:
        return value.vehicle_id


class TaskSerializer(StrictModelSerializer):
    """Something to do, on a vehicle or for a customer."""

    vehicle_id = VehicleField(source="vehicle", required=False, allow_null=True)
    customer_id = CustomerField(source="customer", required=False, allow_null=True)
    assignee = PersonField(required=False, allow_null=True)

    class Meta:
        model = Task
        fields: tuple[str, ...] = (
            "id", "external_id", "title", "description", "status", "vehicle_id", "customer_id", "assignee", "due_at",
            "created_at", "completed_at", "canceled_at",
        )  # fmt: skip
        read_only_fields = ("status", "created_at", "completed_at", "canceled_at")
        extra_kwargs = {"description": {"max_length": 10_000}}


class CommentSerializer(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    by = serializers.SerializerMethodField()
    text = serializers.CharField(max_length=10_000)
    created_at = TimeField(read_only=True)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_by(self, comment: TaskComment) -> Any:
        return comment.by.told()
