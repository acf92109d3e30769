from rest_framework import serializers


class SummarySerializer(serializers.Serializer):
    fleet_id = serializers.CharField()
    fleet_name = serializers.CharField()
    total_vehicles = serializers.IntegerField()
    active_vehicles = serializers.IntegerField(help_text="Those that are MOVING.")
    idle_vehicles = serializers.IntegerField(help_text="Those that are IDLE.")
    vehicles_in_alert = serializers.IntegerField(help_text="Those that are in ALERT or have an open alert.")
    avg_battery_pct = serializers.FloatField(allow_null=True)
    avg_speed_kmh = serializers.FloatField(allow_null=True)
    active_missions = serializers.IntegerField()
    open_alerts = serializers.IntegerField()
    last_updated = serializers.DateTimeField(allow_null=True, help_text="The newest of the vehicles' times.")


class WithFrom(serializers.Serializer):
    """A span of time: ``from`` is a word of Python's own."""

    to = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class MetricsSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    total_readings = serializers.IntegerField()
    avg_speed_kmh = serializers.FloatField(allow_null=True)
    max_speed_kmh = serializers.FloatField(allow_null=True)
    avg_battery_pct = serializers.FloatField(allow_null=True)
    min_battery_pct = serializers.FloatField(allow_null=True)
    avg_engine_temp_c = serializers.FloatField(allow_null=True)
    max_engine_temp_c = serializers.FloatField(allow_null=True)
    total_distance_km = serializers.FloatField(
        help_text="By odometer where two readings have one and it did not run back, else along the positions."
    )
    alert_count = serializers.IntegerField(help_text="Alerts that began in the span.")


class BucketSerializer(serializers.Serializer):
    bucket = serializers.DateTimeField(help_text="When it begins.")
    avg_value = serializers.FloatField()
    max_value = serializers.FloatField()
    min_value = serializers.FloatField()


class VehiclePerformanceSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    avg_speed = serializers.FloatField(allow_null=True, help_text="km/h")
    avg_battery = serializers.FloatField(allow_null=True, help_text="%")
    distance_km = serializers.FloatField()
    alerts = serializers.IntegerField(help_text="Those that began in the span.")


class PerformanceSerializer(WithFrom):
    fleet_id = serializers.CharField()
    vehicles = VehiclePerformanceSerializer(many=True)


class ScoreSerializer(serializers.Serializer):
    trips = serializers.IntegerField()
    scored_trips = serializers.IntegerField()
    safety_score = serializers.FloatField(allow_null=True)
    harsh_braking_count = serializers.IntegerField()
    rapid_accel_count = serializers.IntegerField()
    harsh_per_100_km = serializers.FloatField(allow_null=True)
    distance_km = serializers.FloatField(allow_null=True)
    duration_s = serializers.FloatField(allow_null=True)


class ScoreBucketSerializer(ScoreSerializer):
    bucket = serializers.DateTimeField(help_text="When it begins.")


class DriverScoreSerializer(ScoreSerializer):
    driver_id = serializers.CharField()


class VehicleScoreSerializer(ScoreSerializer):
    vehicle_id = serializers.CharField()


class DriverScoresSerializer(WithFrom):
    fleet_id = serializers.CharField(allow_null=True)
    drivers = DriverScoreSerializer(many=True)


class VehicleScoresSerializer(WithFrom):
    fleet_id = serializers.CharField(allow_null=True)
    vehicles = VehicleScoreSerializer(many=True)
