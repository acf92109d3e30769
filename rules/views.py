from dataclasses import asdict
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.functional import SimpleLazyObject
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.actors import Actor, sender_of
from accounts.models import Fleet
from api_pattern.views import CrudViewSet, ListRows, RetrieveRow
from customer_management.models import Customer
from rules import services
from rules.filters import FiringFilters, LogEntryFilters, RuleFilters
from rules.models import Firing, LogEntry, Rule
from rules.outlook import outlook
from rules.serializers import (
    FiringSerializer,
    LogEntrySerializer,
    RuleDraftSerializer,
    RuleSerializer,
    VerdictSerializer,
)
from rules.table import attribute_table
from task_management.models import Task
from vehicle_management.models import Vehicle


def told_firings(firings: QuerySet[Firing]) -> QuerySet[Firing]:
    return firings.select_related("vehicle").prefetch_related("actions")


def with_scope_as_seen_by(rules: QuerySet[Rule], actor: Actor) -> QuerySet[Rule]:
    """Prefetches what each rule's scope names, as far as the reader may see it."""
    named: dict[str, Any] = {"fleets": Fleet, "customers": Customer, "vehicles": Vehicle, "tasks": Task}
    seen = [Prefetch(name, model.objects.visible_to(actor)) for name, model in named.items()]
    return rules.prefetch_related(*seen)


class RuleViewSet(CrudViewSet):
    """Rules: what they watch, when they fire, and what they do then."""

    queryset = Rule.objects.all()
    serializer_class = RuleSerializer
    filterset_class = RuleFilters
    search_fields = ("name", "description")
    ordering_fields = ("id", "name", "enabled", "created_at", "updated_at")

    def get_queryset(self) -> Any:
        return with_scope_as_seen_by(super().get_queryset(), sender_of(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "attributes": SimpleLazyObject(attribute_table)}

    def perform_create(self, serializer: BaseSerializer) -> Rule:
        rule = services.create_rule(serializer.validated_data, by=sender_of(self.request))
        return self.get_queryset().get(pk=rule.pk)

    def perform_update(self, instance: Rule, serializer: BaseSerializer) -> Rule:
        services.update_rule(instance, serializer.validated_data, by=sender_of(self.request))
        return self.get_queryset().get(pk=instance.pk)

    def perform_destroy(self, instance: Rule) -> None:
        services.hide_rule(instance, by=sender_of(self.request))

    @extend_schema(request=RuleDraftSerializer, responses={200: VerdictSerializer})
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        """Check a rule without storing it; what is wrong is told with 422, by node."""
        draft = RuleDraftSerializer(data=request.data, context=self.get_serializer_context())
        draft.is_valid(raise_exception=True)
        by, values = sender_of(request), draft.validated_data
        scope = services.check_rule(values, by=by)
        now = asdict(outlook(values["pattern"], scope, by=by)) if scope else None
        return Response({"valid": True, "sentence": services.sentence_of(values["pattern"]), "now": now})


class RuleFiringsViewSet(ListRows):
    """When a rule fired for vehicles that the caller sees, the latest first."""

    queryset = told_firings(Firing.objects.all())
    serializer_class = FiringSerializer
    filterset_class = FiringFilters
    search_fields = ("explanation", "vehicle__vehicle_id")
    ordering_fields = ("id", "fired_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(rule=self.rule())

    def rule(self) -> Rule:
        return self.find(Rule.objects.visible_to(sender_of(self.request)))


class FiringViewSet(RetrieveRow):
    """One time that a rule's pattern became true for a vehicle, and what was done then."""

    queryset = told_firings(Firing.objects.all())
    serializer_class = FiringSerializer


class LogEntryViewSet(ListRows):
    """What the action *store log* stored, the latest first."""

    queryset = LogEntry.objects.select_related("vehicle", "action__firing")
    serializer_class = LogEntrySerializer
    filterset_class = LogEntryFilters
    search_fields = ("message", "vehicle__vehicle_id")
    ordering_fields = ("id", "created_at", "level")
