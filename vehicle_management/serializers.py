from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.fields import FleetField
from api_pattern.fields import NumberField, ObjectField, TimeField
from api_pattern.serializers import StrictModelSerializer
from customer_management.models import Customer
from vehicle_management.advance import as_text
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.models import AttributeType, Vehicle, VehicleStatus


@extend_schema_field(OpenApiTypes.INT)
class CustomerField(serializers.Field):
    """A customer by its id, among those that the caller sees."""

    default_error_messages = {
        "not_id": _("A customer's id is a whole number, such as 12."),
        "unknown": _("There is no customer {id} that you see."),
    }

    def to_internal_value(self, data: Any) -> Customer:
        if isinstance(data, bool) or not isinstance(data, int) or not 0 < data < 2**63:
            self.fail("not_id")
        # What GET answered can be sent back, also where the customer was deleted meanwhile.
        stored = getattr(self.parent.instance, "customer", None)
        if stored is not None and stored.pk == data:
            return stored
        context: dict[str, Any] = self.context  # type: ignore[assignment]
        found: dict[int, Customer | None] = context.setdefault("named_customers", {})
        if data not in found:
            found[data] = Customer.objects.visible_to(self.context["request"].user).filter(pk=data).first()
        if found[data] is None:
            self.fail("unknown", id=data)
        return found[data]  # type: ignore[return-value]

    @staticmethod
    def told(value: Customer) -> int:
        return value.pk

    def to_representation(self, value: Customer) -> int:
        return self.told(value)


WRITTEN = {
    "vehicle_id": "fleet-001-VH-001",
    "fleet_id": "fleet-001",
    "customer_id": 12,
    "vin": "1FTBW2CM9K0000001",
    "plate": "C0FFEE",
    "make": "Ford",
    "model": "Transit 350",
    "model_year": 2020,
    "vehicle_type": "Van",
    "fuel_type": "Diesel",
    "color": "white",
    "in_service_date": "2020-03-01",
    "notes": None,
    "attributes": {"Depot": "A", "Doors": 4},
}
TIMES = {"created_at": "2026-05-04T09:30:00Z", "updated_at": "2026-05-04T09:30:00Z"}
DOING = {
    "latitude": 47.6062,
    "longitude": -122.3321,
    "speed_kmh": 42.0,
    "battery_pct": 81.0,
    "engine_temp_c": 88.5,
}
VEHICLE = [
    OpenApiExample("A new vehicle", value=WRITTEN, request_only=True),
    OpenApiExample("A vehicle", value={**WRITTEN, **TIMES}, response_only=True),
]
STATUS = {
    **DOING, "heading_deg": 270.0, "odometer_km": 10_412.0, "fuel_pct": 63.0, "load_pct": 20.0, "status": "MOVING",
    "tyre_wear": 0.4, "recorded_at": "2026-05-04T09:30:00Z",
}  # fmt: skip
SHOWN = {
    "vehicle_id": "fleet-001-VH-001", "fleet_id": "fleet-001", **DOING, "load_pct": 20.0, "status": "MOVING",
    "active_mission_id": None, "last_seen": "2026-05-04T09:30:00Z",
}  # fmt: skip
CHANGE = {
    "at": "2026-05-04T09:30:00Z",
    "cause": {"kind": "upload", "upload_id": 7, "name": "status.csv", "uploaded_by": "m@fleet.example", "row": 12},
    "changes": {"status.odometer_km": [9_000, 10_412]},
}  # fmt: skip


@extend_schema_serializer(examples=VEHICLE)
class VehicleSerializer(StrictModelSerializer):
    """A vehicle's main data. ``attributes`` holds whatever else is known of it; it is replaced as a whole."""

    fleet_id = FleetField(source="fleet", required=False, allow_null=True)
    customer_id = CustomerField(source="customer", required=False, allow_null=True)
    attributes = ObjectField(required=False)

    class Meta:
        model = Vehicle
        fields = (
            "vehicle_id", "fleet_id", "customer_id", "vin", "plate", "make", "model", "model_year", "vehicle_type",
            "fuel_type", "color", "in_service_date", "notes", "attributes", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "updated_at")
        create_only_fields = ("vehicle_id",)
        extra_kwargs = {"notes": {"max_length": 10_000}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A vehicle without a fleet is the administrators' own."""
        is_kept = self.instance is not None and self.partial and "fleet" not in attrs
        if not self.context["request"].user.is_administrator and not attrs.get("fleet") and not is_kept:
            raise serializers.ValidationError(
                {"fleet_id": [_("Name the fleet that the vehicle belongs to.")]}
            )
        return attrs


def told_status(status: VehicleStatus | None) -> dict[str, Any]:
    """A vehicle's latest attributes, flat: the well-known ones, then whatever else is known."""
    known = {name: getattr(status, name, None) for name in STATUS_ATTRIBUTES}
    others = {
        name: value for name, value in (status.attributes if status else {}).items() if name not in known
    }
    return {**known, **others, "recorded_at": as_text(status.recorded_at) if status else None}


@extend_schema_serializer(examples=[OpenApiExample("A status", value=STATUS)])
class StatusSerializer(serializers.Serializer):
    """Well-known attributes; any others stand beside them by name."""

    latitude = NumberField(allow_null=True, help_text="°, WGS 84")
    longitude = NumberField(allow_null=True, help_text="°, WGS 84")
    speed_kmh = NumberField(allow_null=True)
    heading_deg = NumberField(allow_null=True)
    odometer_km = NumberField(allow_null=True)
    battery_pct = NumberField(allow_null=True)
    fuel_pct = NumberField(allow_null=True)
    engine_temp_c = NumberField(allow_null=True)
    load_pct = NumberField(allow_null=True)
    status = serializers.ChoiceField(choices=VehicleStatus.Status.choices, allow_null=True)
    recorded_at = TimeField(allow_null=True)


@extend_schema_serializer(examples=[OpenApiExample("A vehicle now", value=SHOWN)])
class ShownVehicleSerializer(serializers.Serializer):
    """A vehicle as a list of what a fleet is doing shows it."""

    vehicle_id = serializers.CharField()
    fleet_id = serializers.CharField()
    latitude = NumberField(allow_null=True)
    longitude = NumberField(allow_null=True)
    speed_kmh = NumberField(allow_null=True)
    battery_pct = NumberField(allow_null=True)
    engine_temp_c = NumberField(allow_null=True)
    load_pct = NumberField(allow_null=True)
    status = serializers.ChoiceField(choices=VehicleStatus.Status.choices)
    active_mission_id = serializers.IntegerField(allow_null=True)
    last_seen = TimeField(allow_null=True)


@extend_schema_serializer(examples=[OpenApiExample("From a file's row", value=CHANGE)])
class HistorySerializer(serializers.Serializer):
    """One change: what made it, and each field's value before and after."""

    at = TimeField()
    cause = serializers.DictField(allow_null=True)
    changes = serializers.DictField(child=serializers.ListField(min_length=2, max_length=2))


class AttributeTypeSerializer(StrictModelSerializer):
    class Meta:
        model = AttributeType
        fields = ("name", "kind", "first_seen")
        read_only_fields = ("name", "first_seen")
