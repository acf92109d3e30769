"""The list of rules, firings, and what is done to rules from there."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from dashboard.pages.base import Page
from dashboard.rule_editor import ACTION_ICONS
from dashboard.rule_templates import RULE_TEMPLATES
from dashboard.shown import day
from dashboard.tables import Column, Facet, Listing, Table
from rules.actions import ACTIONS
from rules.activity import firings_by_day, with_activity
from rules.exceptions import RuleIsNotYours
from rules.filters import RuleFilters
from rules.models import Rule
from rules.scope import Scope, is_made_by, scopes_of, why_idle
from rules.services import disable_rules, duplicate_rule, enable_rules, hide_rule, sentence_of
from rules.table import attribute_table

DAYS = 7
BAR_HEIGHT, BAR_STEP = 28, 10


class Rules(Page):
    section = "rules"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = Listing(
            request,
            RULES,
            with_activity(
                Rule.objects.visible_to(self.me).select_related("created_by", "created_by_key"), self.me
            ),
            _facets(),
            RuleFilters,
        )
        context = {
            "listing": listing,
            "cards": self._cards(listing),
            "is_empty": not listing.total and not listing.is_narrowed,
            "templates": RULE_TEMPLATES.values(),
        }
        return self.show("rules/cards.html" if self.part() == "listing" else "rules/list.html", context)

    def _cards(self, listing: Listing) -> list[dict[str, Any]]:
        rules = list(listing.found.rows)
        days = firings_by_day(rules, self.me, days=DAYS, zone=self.me.time_zone)
        named, scopes = scopes_in_words(rules, self.me), scopes_of(rules)
        table = attribute_table()
        return [
            {
                "rule": rule,
                "sentence": sentence_of(rule.pattern, table),
                "scope": named[rule.pk],
                "bars": bars(days[rule.pk]),
                "firings": sum(days[rule.pk]),
                "actions": [_told_action(action) for action in rule.actions],
                "may_switch": may_switch(rule, scopes[rule.pk], self.me),
                "why_idle": why_idle(rule, scopes[rule.pk]),
            }
            for rule in rules
        ]


RULES = Table(
    "rules",
    (
        Column("name", gettext_lazy("Name"), lambda r: r.name, order="name"),
        Column("created_at", gettext_lazy("Created"), lambda r: r.created_at, order="created_at"),
    ),
    ordering="name",
    search_fields=("name", "description"),
    search_hint=gettext_lazy("Search rules"),
)


def _facets() -> tuple[Facet, ...]:
    return (Facet("enabled", _("State"), (("true", _("on")), ("false", _("off")))),)


def _told_action(action: dict[str, Any]) -> tuple[str, Any]:
    kind = ACTIONS.get(action.get("type", ""))
    return ACTION_ICONS.get(action.get("type", ""), "tabler-bolt"), kind.label if kind else _("an action")


def may_switch(rule: Rule, scope: Scope, me: User) -> bool:
    """What can be told without a look at single vehicles; for the rest, the rule's own page tells."""
    if not me.can_write:
        return False
    if me.is_administrator or is_made_by(rule, me):
        return True
    seen_by_maker = scope.sight.fleets
    return not scope.is_empty and seen_by_maker is not None and seen_by_maker <= me.fleet_pks


def bars(counts: list[int]) -> list[dict[str, Any]]:
    """A bar per day for the small chart, today last; a day without firings is a line."""
    most = max(*counts, 1)
    today = timezone.localdate()
    shown = [max(round(count / most * BAR_HEIGHT), 3) if count else 2 for count in counts]
    return [
        {
            "x": index * BAR_STEP,
            "y": BAR_HEIGHT - height,
            "height": height,
            "count": count,
            "day": day(today - timedelta(days=len(counts) - 1 - index)),
        }
        for index, (height, count) in enumerate(zip(shown, counts, strict=True))
    ]


def scopes_in_words(rules: list[Rule], me: User) -> dict[int, str]:
    """“fleet-001, 2 customers”: what each rule watches, in four queries however many rules there are."""
    counts: dict[str, dict[int, int]] = {}
    for name in ("fleets", "customers", "vehicles", "tasks"):
        through = getattr(Rule, name).through
        pks = through.objects.filter(rule__in=rules).values_list("rule_id", flat=True)
        counts[name] = {}
        for pk in pks:
            counts[name][pk] = counts[name].get(pk, 0) + 1
    return {
        rule.pk: _scope(rule, {name: found.get(rule.pk, 0) for name, found in counts.items()})
        for rule in rules
    }


def _scope(rule: Rule, counts: dict[str, int]) -> str:
    if rule.everything:
        return _("everything")
    words = {
        "fleets": (_("fleet"), _("fleets")),
        "customers": (_("customer"), _("customers")),
        "vehicles": (_("vehicle"), _("vehicles")),
        "tasks": (_("task"), _("tasks")),
    }
    told = [f"{count} {words[name][count != 1]}" for name, count in counts.items() if count]
    return ", ".join(told) or _("nothing yet")


class OfRule(Page):
    section = "rules"

    def rule(self, pk: int) -> Rule:
        return get_object_or_404(Rule.objects.visible_to(self.me), pk=pk)


class SwitchRule(OfRule):
    """On or off, from the list or the rule's page."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = self.rule(pk)
        turn_on = request.POST.get("enabled") == "true"
        back = reverse("rule", args=[pk]) if request.POST.get("from") == "rule" else reverse("rules")
        try:
            (enable_rules if turn_on else disable_rules)([rule], by=self.me)
        except RuleIsNotYours as error:
            return self.refuse(back, error)
        told = (
            _("“%(name)s” is on. Vehicles for which it is true already fire at once.")
            if turn_on
            else _("“%(name)s” is off.")
        )
        return self.go(back, told % {"name": rule.name})


class DuplicateRule(OfRule):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        copy = duplicate_rule(self.rule(pk), by=self.me)
        told = _("A copy was made; it is off until you turn it on.")
        return self.go(reverse("rule", args=[copy.pk]), told)


class DeleteRule(OfRule):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rule = self.rule(pk)
        try:
            hide_rule(rule, by=self.me)
        except RuleIsNotYours as error:
            return self.refuse(reverse("rule", args=[pk]), error)
        told = _("“%(name)s” was deleted; an administrator can restore it.")
        return self.go(reverse("rules"), told % {"name": rule.name})
