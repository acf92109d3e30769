from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api_pattern.fields import TimeField
from api_pattern.serializers import StrictModelSerializer, StrictSerializer
from rules.checks import LIMITS
from rules.models import ActionAttempt, Firing, FiringAction, LogEntry, Rule, RuleVersion
from rules.services import scope_of, sentence_of
from rules.shapes import ACTIONS_SCHEMA, CLEAR_SCHEMA, PATTERN_SCHEMA, SCOPE_SCHEMA


@extend_schema_field(SCOPE_SCHEMA)
class ScopeField(serializers.Field):
    """``{"fleets": […], …}`` or ``{"everything": true}``; looked up by the service."""

    def to_internal_value(self, data: Any) -> Any:
        return {"scope": data}

    def to_representation(self, value: Rule) -> dict[str, Any]:
        return scope_of(value)


@extend_schema_field(PATTERN_SCHEMA)
class PatternField(serializers.JSONField):
    """Checked by the service, which names the very node that is wrong."""


@extend_schema_field(CLEAR_SCHEMA)
class ClearField(serializers.JSONField):
    """Checked by the service, as the pattern is."""


@extend_schema_field(ACTIONS_SCHEMA)
class ActionsField(serializers.JSONField):
    """Checked by the service, which names the very parameter that is wrong."""


class LimitField(serializers.JSONField):
    """A number within the rule's limits; checked by the service."""


def limit_field(name: str) -> LimitField:
    limit = LIMITS[name]
    told = getattr(Rule._meta.get_field(name), "help_text", "")
    field = LimitField(required=False, allow_null=limit.is_optional, help_text=told)
    schema = {"type": "integer", "minimum": limit.least, "maximum": limit.most, "description": str(told)}
    return set_override(field, "field", {**schema, **({"nullable": True} if limit.is_optional else {})})


class RuleSerializer(StrictModelSerializer):
    scope = ScopeField(source="*", required=False)
    pattern = PatternField()
    clear = ClearField(required=False, allow_null=True)
    lateness_s = limit_field("lateness_s")
    repeat_s = limit_field("repeat_s")
    cooldown_s = limit_field("cooldown_s")
    cooldown_rule_s = limit_field("cooldown_rule_s")
    per_day = limit_field("per_day")
    per_day_rule = limit_field("per_day_rule")
    actions = ActionsField(required=False)
    sentence = serializers.SerializerMethodField(help_text=_("The pattern in words."))

    class Meta:
        model = Rule
        fields = (
            "id",
            "name",
            "description",
            "enabled",
            "scope",
            "pattern",
            "clear",
            *LIMITS,
            "actions",
            "skip_current",
            "shipped_as",
            "version",
            "sentence",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("shipped_as", "version", "created_at", "updated_at")
        extra_kwargs = {"description": {"max_length": 10_000}}

    def get_sentence(self, rule: Rule) -> str:
        return sentence_of(rule.pattern, self.context.get("attributes"))


class RuleDraftSerializer(StrictSerializer):
    """A rule to be checked; only its pattern is needed."""

    id = serializers.IntegerField(required=False)
    name = serializers.CharField(required=False, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    enabled = serializers.BooleanField(required=False)
    skip_current = serializers.BooleanField(required=False)
    scope = ScopeField(source="*", required=False)
    pattern = PatternField()
    clear = ClearField(required=False, allow_null=True)
    lateness_s = limit_field("lateness_s")
    repeat_s = limit_field("repeat_s")
    cooldown_s = limit_field("cooldown_s")
    cooldown_rule_s = limit_field("cooldown_rule_s")
    per_day = limit_field("per_day")
    per_day_rule = limit_field("per_day_rule")
    actions = ActionsField(required=False)


class OutlookSerializer(serializers.Serializer):
    watched = serializers.IntegerField(help_text=_("Vehicles in the scope that the caller sees."))
    looked_at = serializers.IntegerField(help_text=_("How many of them were looked at: up to 20,000."))
    true = serializers.IntegerField(help_text=_("For how many of these the pattern is true now."))


class VerdictSerializer(serializers.Serializer):
    valid = serializers.BooleanField(help_text=_("Always true: what is wrong answers 422."))
    sentence = serializers.CharField()
    now = OutlookSerializer(
        allow_null=True, help_text=_("What it would find at once; null where no scope is given.")
    )


class SecretSerializer(serializers.Serializer):
    webhook_secret = serializers.CharField(help_text=_("Base64 of the 32 bytes that calls are signed with."))


class RuleVersionSerializer(StrictModelSerializer):
    cause = serializers.DictField(source="cause.data", help_text=_("Who made it: a person or a key."))
    definition = serializers.DictField(
        help_text=_("The rule as it was then, its scope as far as the caller sees it.")
    )

    class Meta:
        model = RuleVersion
        fields = ("number", "at", "cause", "changed", "definition")


class ActionAttemptSerializer(StrictModelSerializer):
    class Meta:
        model = ActionAttempt
        fields = ("number", "at", "took_ms", "status", "answer")


class FiringActionSerializer(StrictModelSerializer):
    task_id = serializers.IntegerField(allow_null=True)
    alert_id = serializers.IntegerField(allow_null=True)
    tries = ActionAttemptSerializer(many=True, help_text=_("Each attempt, the first one first."))

    class Meta:
        model = FiringAction
        fields = ("type", "status", "attempts", "result", "task_id", "alert_id", "tries")


class FiringSerializer(StrictModelSerializer):
    rule_id = serializers.IntegerField()
    vehicle_id = serializers.CharField(source="vehicle.vehicle_id")
    cause = serializers.DictField(
        help_text=_("The whole way that led to it: file and row, person, key or message.")
    )
    parent_id = serializers.IntegerField(
        allow_null=True, help_text=_("The firing whose action led to this one.")
    )
    actions = FiringActionSerializer(many=True)

    class Meta:
        model = Firing
        fields = (
            "id",
            "rule_id",
            "rule_version",
            "vehicle_id",
            "kind",
            "occurred_at",
            "cleared_at",
            "fired_at",
            "parent_id",
            "hops",
            "explanation",
            "cause",
            "actions",
        )


class LogEntrySerializer(StrictModelSerializer):
    vehicle_id = serializers.CharField(source="vehicle.vehicle_id")
    rule_id = serializers.IntegerField(source="action.firing.rule_id")
    firing_id = serializers.IntegerField(source="action.firing_id")
    created_at = TimeField()

    class Meta:
        model = LogEntry
        fields = ("id", "level", "message", "vehicle_id", "rule_id", "firing_id", "created_at")
