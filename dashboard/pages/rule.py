"""One rule: the editor, or the rule in words for who may only read it, and what it did."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from api_pattern.views import tag_of
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.firings import actions_of, firings_seen_by
from dashboard.pages.rules import scopes_in_words
from dashboard.rule_editor import editor_data, labels_of, positions_seen_by
from dashboard.rule_history import limits_in_words, told_actions
from dashboard.rule_templates import RULE_TEMPLATES, Around, offered
from rules.activity import with_activity
from rules.models import FiringAction, Rule
from rules.scope import editable_by, why_idle
from rules.serializers import RuleSerializer
from rules.services import sentence_of
from rules.versions import PLAIN
from rules.views import with_scope_as_seen_by

MOST_FIRINGS = 20
FAILING = ("FAILED", "PARKED")


class RulePage(Page):
    section = "rules"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        seen = with_scope_as_seen_by(Rule.objects.visible_to(self.me), self.me)
        rule = get_object_or_404(
            with_activity(seen.select_related("created_by", "created_by_key"), self.me), pk=pk
        )
        firings = self._firings(rule)
        if self.part() == "firings":
            part = {"rule": rule, "is_editable": editable_by(rule, self.me), "is_part": True}
            return self.show("rules/firings.html", {**part, **firings})
        told = RuleSerializer(rule, context={"request": request}).data
        is_editable = editable_by(rule, self.me)
        context = {
            "rule": rule,
            "is_editable": is_editable,
            "data": editor_data(_body(told), labels_of(rule), tag_of(told), self.me) if is_editable else None,
            "sentence": sentence_of(rule.pattern),
            "scope": scopes_in_words([rule], self.me)[rule.pk],
            "limits": limits_in_words(told),
            "calls": any(action["type"] == "call_webhook" for action in rule.actions),
            "told_actions": told_actions(rule.actions),
            "why_idle": why_idle(rule) if rule.enabled else None,
            "is_saved": request.GET.get("saved") == "1",
            **firings,
        }
        return self.show("rules/page.html", context)

    def _firings(self, rule: Rule) -> dict[str, Any]:
        only_failing = self.request.GET.get("failing") == "1"
        found = firings_seen_by(self.me).filter(rule=rule).order_by("-pk")
        if only_failing:
            found = found.filter(pk__in=FiringAction.objects.filter(status__in=FAILING).values("firing"))
        before = self.request.GET.get("before", "")
        if before.isdecimal() and len(before) < 19:
            found = found.filter(pk__lt=int(before))
        page = list(found[: MOST_FIRINGS + 1])
        shown = page[:MOST_FIRINGS]
        return {
            "firings": [(firing, actions_of(firing, self.me)) for firing in shown],
            "only_failing": only_failing,
            "is_first": not before,
            "older": shown[-1].pk if len(page) > MOST_FIRINGS else None,
        }


class NewRule(Page):
    section = "rules"
    read_by = WRITERS

    def get(self, request: HttpRequest) -> HttpResponse:
        key = request.GET.get("template", "blank")
        template = RULE_TEMPLATES.get(key, RULE_TEMPLATES["blank"])
        around = Around.of(self.me, positions_seen_by(self.me))
        context = {
            "rule": None,
            "is_editable": True,
            "chosen": template,
            "is_chosen": template.key in request.GET.values(),
            "templates": offered(around),
            "data": editor_data(template.draft(around), {}, "", self.me),
        }
        return self.show("rules/page.html", context)


def _body(told: Any) -> dict[str, Any]:
    return {name: told[name] for name in ("id", "version", "scope", "pattern", "actions", *PLAIN)}
