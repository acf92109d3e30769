from dataclasses import asdict
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.actors import Actor, sender_of
from accounts.models import Fleet
from api_pattern.views import CrudViewSet, ListRows, RetrieveRow, ScopedViewSet
from customer_management.models import Customer
from rules import services
from rules.filters import FiringFilters, LogEntryFilters, RuleFilters
from rules.models import Firing, LogEntry, Rule, RuleVersion
from rules.outbox import retry_action
from rules.outlook import outlook
from rules.serializers import (
    FiringSerializer,
    LogEntrySerializer,
    RuleDraftSerializer,
    RuleSerializer,
    RuleVersionSerializer,
    SecretSerializer,
    VerdictSerializer,
)
from rules.table import attribute_table
from rules.tasks import ring_for_actions
from rules.versions import cut_to_sight, version_of, versions_of
from task_management.models import Task
from vehicle_management.models import Vehicle


def told_firings(firings: QuerySet[Firing]) -> QuerySet[Firing]:
    return firings.select_related("vehicle").prefetch_related("actions__tries")


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

    @extend_schema(request=None, responses={200: SecretSerializer})
    @action(detail=True, methods=["get"], url_path="webhook-secret")
    def webhook_secret(self, request: Request, pk: str) -> Response:
        """What the rule's webhooks are signed with, for those who may edit it."""
        return _told_secret(services.secret_of(self.get_object(), by=sender_of(request)))

    @extend_schema(request=None, responses={200: SecretSerializer})
    @webhook_secret.mapping.post
    def renew_webhook_secret(self, request: Request, pk: str) -> Response:
        """Make a new secret; calls are signed with it from now on."""
        return _told_secret(services.renew_secret(self.get_object(), by=sender_of(request)).webhook_secret)


def _told_secret(secret: str) -> Response:
    return Response({"webhook_secret": secret}, headers={"Cache-Control": "no-store"})


class OfRule(ScopedViewSet):
    """What belongs to the rule that the address names, for whoever reads the rule."""

    def rule(self) -> Rule:
        rules = Rule.objects.visible_to(sender_of(self.request))
        return self.find(rules.select_related("created_by", "created_by_key"))


class RuleVersionsViewSet(OfRule):
    """What a rule said at each time, and who made it say so; the newest first."""

    queryset = RuleVersion.objects.all()
    serializer_class = RuleVersionSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(versions_of(self.rule())) or []
        cut_to_sight(page, by=sender_of(request))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        number = int(self.kwargs["number"])
        version = version_of(self.rule(), number)
        if version is None:
            raise NotFound(_("The rule has no version {number}.").format(number=number))
        cut_to_sight([version], by=sender_of(request))
        return self.answer(version)


class RuleFiringsViewSet(OfRule, ListRows):
    """When a rule fired for vehicles that the caller sees, the latest first."""

    queryset = told_firings(Firing.objects.all())
    serializer_class = FiringSerializer
    filterset_class = FiringFilters
    search_fields = ("explanation", "vehicle__vehicle_id")
    ordering_fields = ("id", "fired_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(rule=self.rule())


class FiringViewSet(RetrieveRow):
    """One time that a rule's pattern became true for a vehicle, and what was done then."""

    queryset = told_firings(Firing.objects.all())
    serializer_class = FiringSerializer

    @extend_schema(request=None, responses={200: FiringSerializer})
    @action(detail=True, methods=["post"], url_path="actions/(?P<index>[0-9]{1,4})/retry")
    def retry(self, request: Request, pk: str, index: str) -> Response:
        """Run again an action that failed or was given up; 409 for any other."""
        firing = self.get_object()
        found = next((one for one in firing.actions.all() if one.index == int(index)), None)
        if found is None:
            raise NotFound(_("The firing has no action {index}.").format(index=index))
        retry_action(found, by=sender_of(request))
        ring_for_actions()
        return self.answer(self.get_object())


class LogEntryViewSet(ListRows):
    """What the action *store log* stored, the latest first."""

    queryset = LogEntry.objects.select_related("vehicle", "action__firing")
    serializer_class = LogEntrySerializer
    filterset_class = LogEntryFilters
    search_fields = ("message", "vehicle__vehicle_id")
    ordering_fields = ("id", "created_at", "level")
