from typing import Any

import orjson
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.fields import FleetField
from api_pattern.fields import TimeField
from api_pattern.serializers import StrictSerializer
from feed_processor.schemas import SCHEMAS
from file_manager.models import Upload, UploadFault

MAPPING_SCHEMA = {
    "type": "object",
    "description": "Column header to field, to attributes.<name>, or to null to leave the column out.",
    "additionalProperties": {"type": "string", "nullable": True},
    "example": {"Base Number": "external_id", "Base Name": "name", "Reason": None},
}


@extend_schema_field(MAPPING_SCHEMA)
class MappingField(serializers.Field):
    """An object, or, in a multipart form, the JSON text of one."""

    default_error_messages = {
        "not_json": _('“{value}” is no JSON; send an object such as {{"Base Name": "name"}}.'),
        "not_mapping": _("A mapping is an object of column headers and fields (texts or null)."),
    }

    def to_internal_value(self, data: Any) -> dict[str, str | None]:
        if isinstance(data, str):
            try:
                data = orjson.loads(data)
            except orjson.JSONDecodeError:
                self.fail("not_json", value=data[:100])
        if not isinstance(data, dict) or not all(
            value is None or isinstance(value, str) for value in data.values()
        ):
            self.fail("not_mapping")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class NewUploadSerializer(StrictSerializer):
    file = serializers.FileField(allow_empty_file=True, max_length=None)
    kind = serializers.ChoiceField(choices=Upload.Kind.choices, default="auto")
    apply = serializers.BooleanField(default=True)
    fleet_id = FleetField(required=False, allow_null=True)
    mapping = MappingField(required=False)


class ApplySerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in SCHEMAS], required=False)
    mapping = MappingField(required=False)


class FaultGroupSerializer(serializers.Serializer):
    column = serializers.CharField()
    message = serializers.CharField(help_text=_("What is wrong, as the first such row was told."))
    code = serializers.CharField()
    count = serializers.IntegerField()


class ColumnSerializer(serializers.Serializer):
    header = serializers.CharField()
    samples = serializers.ListField(child=serializers.CharField())
    field = serializers.CharField(allow_null=True)
    how = serializers.ChoiceField(choices=["matched", "chosen", "attribute", "left out", "unknown"])


class UploadSerializer(serializers.ModelSerializer):
    """A file on its way: the five counts of rows add up to ``rows_total`` when it is applied."""

    fleet_id = serializers.CharField(source="fleet.fleet_id", allow_null=True, default=None)
    uploaded_by = serializers.SerializerMethodField()
    faults = serializers.SerializerMethodField()
    notices = serializers.SerializerMethodField()
    mapping = serializers.SerializerMethodField()
    columns = serializers.SerializerMethodField()
    created_at = TimeField(read_only=True)
    started_at = TimeField(read_only=True, allow_null=True)
    finished_at = TimeField(read_only=True, allow_null=True)

    class Meta:
        model = Upload
        fields = (
            "id", "name", "kind", "status", "fleet_id", "uploaded_by", "size_bytes", "sha256", "apply", "dialect",
            "rows_total", "rows_read", "rows_created", "rows_updated", "rows_unchanged", "rows_repeated",
            "rows_failed", "faults", "notices", "mapping", "columns", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_uploaded_by(self, upload: Upload) -> str | None:
        return upload.by.email if upload.by else upload.by_key.name if upload.by_key else None

    @extend_schema_field(FaultGroupSerializer(many=True))
    def get_faults(self, upload: Upload) -> list[dict[str, Any]]:
        return _groups(upload, UploadFault.Level.FAULT)

    @extend_schema_field(FaultGroupSerializer(many=True))
    def get_notices(self, upload: Upload) -> list[dict[str, Any]]:
        return _groups(upload, UploadFault.Level.NOTICE)

    @extend_schema_field(MAPPING_SCHEMA)
    def get_mapping(self, upload: Upload) -> dict[str, str | None]:
        return {column["header"]: column["field"] for column in upload.columns} or upload.mapping

    @extend_schema_field(ColumnSerializer(many=True))
    def get_columns(self, upload: Upload) -> list[dict[str, Any]]:
        names = ("header", "samples", "field", "how")
        return [{name: column[name] for name in names} for column in upload.columns]


def _groups(upload: Upload, level: str) -> list[dict[str, Any]]:
    return [
        {"column": group.column, "message": group.message, "code": group.code, "count": group.count}
        for group in upload.fault_groups.all()
        if group.level == level
    ]


class RowSerializer(serializers.Serializer):
    row = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=["created", "updated", "unchanged", "repeated", "failed"])
    vehicle_id = serializers.CharField(required=False)
    id = serializers.IntegerField(required=False)
    changes = serializers.DictField(child=serializers.ListField(), help_text=_("{field: [before, after]}"))


class FaultSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text=_("0 is the file itself."))
    column = serializers.CharField()
    value = serializers.CharField()
    message = serializers.CharField()
