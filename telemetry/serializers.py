"""The shapes of readings, for the API's description; what comes in is checked by ``telemetry.readings``."""

from rest_framework import serializers

from vehicle_management.attributes import STATUS_ATTRIBUTES, STATUSES


def _number(name: str) -> serializers.FloatField:
    attribute = STATUS_ATTRIBUTES[name]
    return serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=attribute.least,
        max_value=attribute.most,
        help_text=f"{attribute.label}, {attribute.unit}",
    )


class SentReadingSerializer(serializers.Serializer):
    """Any other fields beside these are kept as attributes."""

    vehicle_id = serializers.CharField(max_length=64)
    fleet_id = serializers.CharField(max_length=64, required=False, allow_null=True)
    timestamp = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With an offset; the time of receipt where there is none."
    )
    latitude = _number("latitude")
    longitude = _number("longitude")
    speed_kmh = _number("speed_kmh")
    heading_deg = _number("heading_deg")
    odometer_km = _number("odometer_km")
    battery_pct = _number("battery_pct")
    fuel_pct = _number("fuel_pct")
    engine_temp_c = _number("engine_temp_c")
    load_pct = _number("load_pct")
    status = serializers.ChoiceField(STATUSES, required=False, allow_null=True)


class SentReadingsSerializer(serializers.Serializer):
    readings = SentReadingSerializer(many=True)


class SampleSerializer(serializers.Serializer):
    """Any attributes of a reading; its time and position are optional."""

    speed_kmh = _number("speed_kmh")
    g_force_long = serializers.FloatField(required=False, allow_null=True, help_text="Acceleration ahead, g")
    timestamp = serializers.DateTimeField(required=False, allow_null=True)
    latitude = _number("latitude")
    longitude = _number("longitude")


class SentTripSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField(max_length=64)
    driver_id = serializers.CharField(max_length=64, required=False, allow_null=True)
    data = SampleSerializer(many=True)  # type: ignore[assignment]


class AcceptedSerializer(serializers.Serializer):
    status = serializers.ChoiceField(("QUEUED",))
    accepted = serializers.IntegerField(required=False, help_text="How many readings; not for a trip.")
    trip_id = serializers.UUIDField(required=False, help_text="Of a trip alone.")
