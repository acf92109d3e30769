"""Firings: the list, one with its actions, and running a failed action again."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters

from accounts.models import User
from alerts.models import Alert
from dashboard.pages.base import Page
from dashboard.rule_editor import ACTION_ICONS
from dashboard.shown import NOTHING, ago, icon, link
from dashboard.tables import Column, Facet, Listing, Table
from rules.actions import ACTIONS
from rules.exceptions import ActionIsNotWaiting
from rules.mail import WrittenMail, read_mail
from rules.models import Firing, FiringAction, LogEntry, Rule
from rules.outbox import retry_action
from rules.tasks import ring_for_actions
from rules.versions import version_of
from task_management.models import Task


class FiringFilters(filters.FilterSet):
    rule = filters.NumberFilter(field_name="rule", min_value=1, max_value=2**63 - 1)
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    kind = filters.ChoiceFilter(choices=Firing.Kind.choices)
    failing = filters.BooleanFilter(method="filter_failing")

    class Meta:
        model = Firing
        fields: tuple[str, ...] = ()

    def filter_failing(self, queryset: Any, name: str, value: bool) -> Any:
        bad = FiringAction.objects.filter(status__in=("FAILED", "PARKED")).values("firing")
        return queryset.filter(pk__in=bad) if value else queryset.exclude(pk__in=bad)


def action_icons(firing: Firing) -> Any:
    """What the firing did, one mark per action, red where it failed."""
    tones = {"DONE": "text-green", "FAILED": "text-red", "PARKED": "text-red"}
    marks = [
        (icon(ACTION_ICONS.get(one.type, "tabler-bolt"), tones.get(one.status, "text-secondary")),)
        for one in firing.actions.all()
    ]
    return format_html_join("", "{}", marks) or NOTHING


@dataclass
class ShownAction:
    """An action with what it did: the mail, the log entry, the task or the alert, as far as the reader sees it."""

    action: FiringAction
    icon: str
    label: str
    mail: WrittenMail | None
    log: LogEntry | None
    task: Task | None
    alert: Alert | None

    @property
    def note(self) -> str:
        """What the action says beyond its last attempt."""
        tries = list(self.action.tries.all())
        return "" if tries and tries[-1].answer == self.action.result else self.action.result


def actions_of(firing: Firing, me: User) -> list[ShownAction]:
    actions = list(firing.actions.all())
    logs = {entry.action_id: entry for entry in LogEntry.objects.visible_to(me).filter(action__in=actions)}
    tasks = Task.objects.visible_to(me).in_bulk([one.task_id for one in actions if one.task_id])
    alerts = Alert.objects.visible_to(me).in_bulk([one.alert_id for one in actions if one.alert_id])
    return [
        ShownAction(
            action=one,
            icon=ACTION_ICONS.get(one.type, "tabler-bolt"),
            label=ACTIONS[one.type].label if one.type in ACTIONS else one.type,
            mail=read_mail(one) if one.type == "send_email" else None,
            log=logs.get(one.pk),
            task=tasks.get(one.task_id) if one.task_id else None,
            alert=alerts.get(one.alert_id) if one.alert_id else None,
        )
        for one in actions
    ]


def _occurred(firing: Firing, me: User) -> Any:
    """In the vehicle's time."""
    return ago(firing.occurred_at)


FIRINGS = Table(
    "firings",
    (
        Column(
            "fired_at",
            gettext_lazy("When"),
            lambda f: f.fired_at,
            lambda f, me: link(reverse("firing", args=[f.pk]), ago(f.fired_at), "fw-medium"),
            "id",
        ),
        Column(
            "rule",
            gettext_lazy("Rule"),
            lambda f: f.rule.name,
            lambda f, me: link(reverse("rule", args=[f.rule_id]), f.rule.name, "link-body"),
        ),
        Column(
            "vehicle_id",
            gettext_lazy("Vehicle"),
            lambda f: f.vehicle.vehicle_id,
            lambda f, me: link(
                reverse("vehicle", args=[f.vehicle.vehicle_id]), f.vehicle.vehicle_id, "link-body"
            ),
        ),
        Column("explanation", gettext_lazy("Because"), lambda f: f.explanation),
        Column("kind", gettext_lazy("Kind"), lambda f: f.get_kind_display(), is_shown=False),
        Column("occurred_at", gettext_lazy("Since"), lambda f: f.occurred_at, _occurred, is_shown=False),
        Column("actions", gettext_lazy("Actions"), lambda f: None, lambda f, me: action_icons(f)),
    ),
    ordering="-fired_at",
    search_fields=("explanation", "vehicle__vehicle_id", "rule__name"),
    search_hint=gettext_lazy("Search reason, vehicle, rule"),
)


def firings_seen_by(me: User) -> QuerySet[Firing]:
    seen: QuerySet[Firing] = Firing.objects.visible_to(me)
    return seen.select_related("rule", "vehicle").prefetch_related("actions")


class Firings(Page):
    section = "rules"

    def get(self, request: HttpRequest) -> HttpResponse:
        facets = (
            Facet("rule", _("Rule (number)"), kind="number"),
            Facet("vehicle_id", _("Vehicle"), suggests="vehicles"),
            Facet("kind", _("Kind"), Firing.Kind.choices),
            Facet("failing", _("Failed actions"), (("true", _("has some")), ("false", _("has none")))),
        )
        listing = Listing(request, FIRINGS, firings_seen_by(self.me), facets, FiringFilters)
        context = {"listing": listing, "is_empty": not listing.total and not listing.is_narrowed}
        return self.show("firings/listing.html" if self.part() == "listing" else "firings/list.html", context)


class FiringPage(Page):
    section = "rules"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        seen = firings_seen_by(self.me).select_related("parent__rule")
        firing = get_object_or_404(seen.prefetch_related("actions__tries"), pk=pk)
        context = {
            "firing": firing,
            "actions": actions_of(firing, self.me),
            "sees_rule": Rule.objects.visible_to(self.me).filter(pk=firing.rule_id).exists(),
            "has_version": version_of(firing.rule, firing.rule_version) is not None,
            "sees_parent": Firing.objects.visible_to(self.me).filter(pk=firing.parent_id or 0).exists(),
        }
        return self.show("firings/page.html", context)


class RetryAction(Page):
    """Run a failed action again."""

    def post(self, request: HttpRequest, pk: int, index: int) -> HttpResponse:
        action = get_object_or_404(FiringAction.objects.visible_to(self.me), firing=pk, index=index)
        back = reverse("firing", args=[pk])
        try:
            retry_action(action, by=self.me)
        except ActionIsNotWaiting as error:
            return self.refuse(back, error)
        ring_for_actions()
        return self.go(back, _("The action is tried again."))
