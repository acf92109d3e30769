"""What a trial is asked, and what it tells, as the API has it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api_pattern.fields import TimeField
from api_pattern.serializers import StrictSerializer
from rules.checks import LIMITS
from rules.serializers import ActionsField, ClearField, PatternField, ScopeField, limit_field
from rules.trial_draft import MOST_NAMED

VERDICTS = ("FIRED", "HELD_BACK", "STILL_TRUE", "NOT_TRUE", "NOT_KNOWN", "NOT_WATCHED")


class TrialSerializer(StrictSerializer):
    """What to try it on, and any field of the rule as a change to it."""

    vehicles = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        allow_empty=False,
        max_length=MOST_NAMED,
        help_text=_("Ids of vehicles, instead of those that the scope names."),
    )
    name = serializers.CharField(required=False, max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    enabled = serializers.BooleanField(required=False)
    skip_current = serializers.BooleanField(required=False)
    scope = ScopeField(source="*", required=False)
    pattern = PatternField(required=False)
    clear = ClearField(required=False, allow_null=True)
    actions = ActionsField(required=False)

    def get_fields(self) -> Any:
        told = _("Included; needed unless a file is given.")
        return {
            "from": TimeField(required=False, help_text=told),
            "to": TimeField(required=False, help_text=_("Not included. Now unless given.")),
            **super().get_fields(),
            **{name: limit_field(name) for name in LIMITS},
        }


class SpanSerializer(serializers.Serializer):
    def get_fields(self) -> Any:
        return {
            "from": serializers.DateTimeField(),
            "until": serializers.DateTimeField(allow_null=True, help_text=_("Null: it was true still.")),
        }


class TriedDaySerializer(serializers.Serializer):
    day = serializers.DateField(help_text=_("In UTC."))
    firings = serializers.IntegerField()
    repeats = serializers.IntegerField()
    held_back = serializers.IntegerField()
    minutes_true = serializers.FloatField()


class TriedVehicleSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    firings = serializers.IntegerField()
    repeats = serializers.IntegerField()
    held_back = serializers.IntegerField()
    minutes_true = serializers.FloatField()
    true = SpanSerializer(many=True, help_text=_("When the pattern was true: the first 200 spans."))


class ReadingAroundSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    values = serializers.DictField()


class TriedActionSerializer(serializers.Serializer):
    type = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    params = serializers.DictField(help_text=_("With the vehicle's values put into the texts."))
    to = serializers.ListField(
        child=serializers.CharField(), required=False, help_text=_("Whom it would reach now.")
    )
    fault = serializers.CharField(required=False, help_text=_("Why it would reach nobody."))


class TriedFiringSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=["FIRED", "REPEATED"])
    at_start = serializers.BooleanField(help_text=_("It was true already when the trial began."))
    explanation = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    values = serializers.DictField(help_text=_("Of the rule's attributes."))
    around = ReadingAroundSerializer(many=True, help_text=_("Readings before, at and after it."))
    actions = TriedActionSerializer(many=True)


class TriedHeldBackSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    at = serializers.DateTimeField()
    why = serializers.CharField()


class TriedCutSerializer(serializers.Serializer):
    vehicle_id = serializers.CharField()
    at = serializers.DateTimeField()


class TriedSerializer(serializers.Serializer):
    """What a rule would have done; nothing was stored or done."""

    name = serializers.CharField()
    sentence = serializers.CharField()
    vehicles = serializers.IntegerField(help_text=_("How many it was tried on."))
    readings = serializers.IntegerField()
    changes = serializers.IntegerField(help_text=_("By files, people and keys."))
    archived_days = serializers.ListField(
        child=serializers.DateField(),
        help_text=_("Readings of these days lie in archives and were not seen."),
    )
    firings = serializers.IntegerField()
    repeats = serializers.IntegerField()
    held_back = serializers.IntegerField(help_text=_("By cooldowns and limits."))
    vehicles_with_firings = serializers.IntegerField()
    minutes_true = serializers.FloatField(help_text=_("Of all vehicles."))
    attributes = serializers.ListField(
        child=serializers.CharField(), help_text=_("Those that the rule reads.")
    )
    days = TriedDaySerializer(many=True)
    by_vehicle = TriedVehicleSerializer(many=True, help_text=_("The 100 with the most firings."))
    first_firings = TriedFiringSerializer(many=True, help_text=_("The first 1,000, told whole."))
    first_held_back = TriedHeldBackSerializer(many=True, help_text=_("The first 100."))
    first_cut = TriedCutSerializer(
        many=True,
        help_text=_(
            "Where nothing was heard of a vehicle for 10,000 repetitions: none is told from then on until its "
            "next event. The first 100."
        ),
    )
    took_ms = serializers.IntegerField()
    file = serializers.IntegerField(required=False, help_text=_("The upload whose rows were tried."))
    faulty_rows = serializers.IntegerField(required=False, help_text=_("Rows that could not be taken."))

    def get_fields(self) -> Any:
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }


class WhyNodeSerializer(serializers.Serializer):
    node = serializers.CharField(help_text=_("In words."))
    path = serializers.CharField(help_text=_("Where it stands, such as pattern.all[1]."))
    depth = serializers.IntegerField()
    truth = serializers.BooleanField(allow_null=True, help_text=_("Null: not known."))
    told = serializers.CharField(help_text=_("Why it is so, or what is missing."))
    values = serializers.DictField(help_text=_("What it read: the value of each attribute, and its time."))


class WhyCheckSerializer(serializers.Serializer):
    name = serializers.CharField(help_text=_("Such as enabled, scope, cooldown."))
    ok = serializers.BooleanField()
    told = serializers.CharField()


class WhySerializer(serializers.Serializer):
    """Why a rule did, or did not, fire for a vehicle at a time."""

    vehicle_id = serializers.CharField()
    at = serializers.DateTimeField()
    sentence = serializers.CharField()
    verdict = serializers.ChoiceField(
        choices=["FIRED", "HELD_BACK", "STILL_TRUE", "NOT_TRUE", "NOT_KNOWN", "NOT_WATCHED"]
    )
    answer = serializers.CharField(help_text=_("In a sentence."))
    checks = WhyCheckSerializer(many=True)
    nodes = WhyNodeSerializer(many=True)
    heard_at = serializers.DateTimeField(allow_null=True, help_text=_("The last report by then."))
    true_since = serializers.DateTimeField(allow_null=True)
    firing_id = serializers.IntegerField(allow_null=True, help_text=_("The stored firing of that time."))
