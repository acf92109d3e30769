"""Tasks with the rules attached to them and the firing that made them, which ``task_management`` does not know."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.actors import sender_of
from rules.models import FiringAction, Rule
from rules.services import attach_rules_to_task
from task_management.models import Task
from task_management.serializers import TaskSerializer
from task_management.views import TaskViewSet


class RuleIdsField(serializers.ListField):
    """The rules attached to a task, as far as the reader sees them."""

    child = serializers.IntegerField(min_value=1, max_value=2**63 - 1)

    def get_attribute(self, instance: Task) -> list[int]:
        return [rule.pk for rule in getattr(instance, "seen_rules", ())]


class RuledTaskSerializer(TaskSerializer):
    rules = RuleIdsField(required=False, max_length=100)
    firing = serializers.SerializerMethodField(help_text=_("The firing that made the task."))

    class Meta(TaskSerializer.Meta):
        fields = (*TaskSerializer.Meta.fields, "rules", "firing")

    def get_firing(self, task: Task) -> int | None:
        made = getattr(task, "making", None)
        return made[0].firing_id if made else None


class RuledTaskViewSet(TaskViewSet):
    serializer_class = RuledTaskSerializer

    def get_queryset(self) -> Any:
        seen = Rule.objects.visible_to(sender_of(self.request))
        return (
            super()
            .get_queryset()
            .prefetch_related(
                Prefetch("rules", seen, to_attr="seen_rules"),
                Prefetch("made_by", FiringAction.objects.making().order_by("pk"), to_attr="making"),
            )
        )

    def perform_create(self, serializer: serializers.BaseSerializer) -> Task:
        rules = self._named_rules(serializer)
        with transaction.atomic():
            task = super().perform_create(serializer)
            self._attach(task, rules)
        return self._fresh(task)

    def perform_update(self, instance: Task, serializer: serializers.BaseSerializer) -> Task:
        rules = self._named_rules(serializer)
        with transaction.atomic():
            task = super().perform_update(instance, serializer)
            self._attach(task, rules)
        return self._fresh(task)

    def _named_rules(self, serializer: serializers.BaseSerializer) -> list[Rule] | None:
        """The rules that the body names, taken out of it. Raises ValidationError for one that is not seen."""
        pks: Sequence[int] | None = serializer.validated_data.pop("rules", None)
        if pks is None:
            return None
        found = list(Rule.objects.visible_to(sender_of(self.request)).filter(pk__in=pks))
        unseen = sorted(set(pks) - {rule.pk for rule in found})
        if unseen:
            raise ValidationError({"rules": [_("There is no rule %(id)d that you see.") % {"id": unseen[0]}]})
        return found

    def _attach(self, task: Task, rules: list[Rule] | None) -> None:
        if rules is not None:
            attach_rules_to_task(task, rules, by=sender_of(self.request))
