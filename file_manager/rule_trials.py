"""Rules tried over history, or over the rows of a file that was uploaded. Nothing is applied, stored or done."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.actors import Actor
from file_manager.file_trial import try_over_file
from rules.models import Rule
from rules.trial_serializers import TrialSerializer
from rules.trial_views import RuleTrialViewSet


class FileTrialSerializer(TrialSerializer):
    file = serializers.IntegerField(
        required=False, help_text=_("Id of an upload of statuses or vehicles, whose rows are tried instead.")
    )


class FileTrialViewSet(RuleTrialViewSet):
    """Rules tried over what has happened, or over a file's rows. Nothing is stored or done."""

    serializer_class = FileTrialSerializer

    def tried(self, values: Mapping[str, Any], origin: Rule | None, by: Actor) -> Mapping[str, Any]:
        if values.get("file") is None:
            return super().tried(values, origin, by)
        return try_over_file(values, origin, by=by)
