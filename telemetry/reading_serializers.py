"""How readings are told, for the API's description; ``telemetry.answers`` tells them."""

from rest_framework import serializers

from vehicle_management.models import VehicleStatus


class ReadingSerializer(serializers.Serializer):
    """Attributes that have no field here stand beside them, as they came."""

    vehicle_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    speed_kmh = serializers.FloatField(allow_null=True)
    heading_deg = serializers.FloatField(allow_null=True)
    odometer_km = serializers.FloatField(allow_null=True)
    battery_pct = serializers.FloatField(allow_null=True)
    fuel_pct = serializers.FloatField(allow_null=True)
    engine_temp_c = serializers.FloatField(allow_null=True)
    load_pct = serializers.FloatField(allow_null=True)
    g_force_long = serializers.FloatField(allow_null=True, help_text="Acceleration ahead, g.")
    status = serializers.ChoiceField(VehicleStatus.Status.choices, allow_null=True)


class ReadingsSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    to = serializers.DateTimeField()
    total_records = serializers.IntegerField(help_text="Of the whole span.")
    data = ReadingSerializer(many=True)  # type: ignore[assignment]
    next = serializers.URLField(allow_null=True, help_text="Where the span goes on; null at its end.")

    def get_fields(self) -> dict[str, serializers.Field]:
        """With ``from``, which is a word of Python's own."""
        fields = super().get_fields()
        return {"vehicle_id": fields.pop("vehicle_id"), "from": serializers.DateTimeField(), **fields}
