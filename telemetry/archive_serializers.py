"""Archives and retention as they are told and asked for."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api_pattern.fields import TimeField, WholeNumberField
from api_pattern.serializers import StrictModelSerializer, StrictSerializer
from telemetry.models import Archive

LEAST_DAYS, MOST_DAYS = 1, 4_000


class ArchiveSerializer(StrictModelSerializer):
    """A fleet's readings of one day (UTC) in a Parquet file."""

    fleet_id = serializers.CharField(source="fleet.fleet_id", allow_null=True)
    bytes = WholeNumberField(source="size")

    class Meta:
        model = Archive
        fields = (
            "id",
            "fleet_id",
            "day",
            "name",
            "readings",
            "bytes",
            "sha256",
            "status",
            "created_at",
            "restored_until",
            "reason",
        )
        read_only_fields = fields


class RestoreSerializer(StrictSerializer):
    until = TimeField(required=False, help_text=_("Until when the readings stay; a week unless given."))


class RetentionSerializer(StrictSerializer):
    fleet_id = serializers.CharField(read_only=True)
    days = WholeNumberField(
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        allow_null=True,
        help_text=_("For how long readings are kept; null for as long as the installation's setting says."),
    )
