from rest_framework import serializers


class SummarySerializer(serializers.Serializer):
    fleet_id = serializers.CharField()
    fleet_name = serializers.CharField()
    total_vehicles = serializers.IntegerField()
    active_vehicles = serializers.IntegerField(help_text="Those that are MOVING.")
    idle_vehicles = serializers.IntegerField(help_text="Those that are IDLE.")
    vehicles_in_alert = serializers.IntegerField(help_text="Those that are in ALERT.")
    avg_battery_pct = serializers.FloatField(allow_null=True)
    avg_speed_kmh = serializers.FloatField(allow_null=True)
    active_missions = serializers.IntegerField()
    open_alerts = serializers.IntegerField()
    last_updated = serializers.DateTimeField(allow_null=True, help_text="The newest of the vehicles' times.")
