"""One rule: the editor's data, and what it did."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Fleet
from accounts.people import assignable_people
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.firings import actions_of, firings_seen_by
from dashboard.picks import customer_text
from dashboard.rule_templates import RULE_TEMPLATES
from rules.actions import ACTIONS, LEVELS
from rules.models import Rule
from rules.patterns import OPERATORS, operators_of
from rules.scope import editable_by, why_idle
from rules.services import sentence_of
from rules.table import attribute_table
from rules.views import with_scope_as_seen_by
from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES

MOST_FIRINGS = 20
KINDS = ("number", "text", "boolean", "time", "date")


def operator_labels() -> dict[str, str]:
    return {
        "eq": _("is"),
        "ne": _("is not"),
        "gt": _("is over"),
        "ge": _("is at least"),
        "lt": _("is under"),
        "le": _("is at most"),
        "between": _("is between"),
        "in": _("is one of"),
        "not_in": _("is none of"),
        "contains": _("contains"),
        "starts_with": _("starts with"),
        "ends_with": _("ends with"),
        "is_set": _("is known"),
        "is_not_set": _("is not known"),
    }


def editor_data(rule: dict[str, Any], page: Page) -> dict[str, Any]:
    """Everything that the editor's script needs to know."""
    labels = operator_labels()
    return {
        "rule": rule,
        "fields": fields(),
        "operators": {
            kind: [
                {"name": name, "label": labels[name], "shape": OPERATORS[name].shape}
                for name in operators_of(kind)
            ]
            for kind in KINDS
        },
        "levels": LEVELS,
        "actions": {kind.type: kind.label for kind in ACTIONS.values()},
        "people": list(assignable_people(page.me).order_by("email").values_list("email", flat=True)[:200]),
        "fleets": [
            {"id": fleet.fleet_id, "label": fleet.fleet_name}
            for fleet in Fleet.objects.visible_to(page.me)[:500]
        ],
        "api": "/api/v1/rules",
        "address": reverse("rules"),
    }


def fields() -> list[dict[str, Any]]:
    known = {**VEHICLE_ATTRIBUTES, **STATUS_ATTRIBUTES}
    return [
        {
            "name": name,
            "kind": subject.kind,
            "choices": subject.choices,
            "label": str(known[name].label) if name in known else "",
            "unit": known[name].unit if name in known else "",
        }
        for name, subject in sorted(attribute_table().items(), key=lambda item: _order(item[0]))
    ]


def _order(name: str) -> tuple[int, str]:
    """What vehicles report first, then what they are, then the rest."""
    return (0 if name in STATUS_ATTRIBUTES else 1 if name in VEHICLE_ATTRIBUTES else 2, name)


def draft_of(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "name": rule.name,
        "description": rule.description,
        "enabled": rule.enabled,
        "skip_current": rule.skip_current,
        "pattern": rule.pattern,
        "actions": rule.actions,
        "scope": {
            "everything": rule.everything,
            "fleets": [{"id": fleet.fleet_id, "label": fleet.fleet_name} for fleet in rule.fleets.all()],
            "customers": [{"id": one.pk, "label": customer_text(one)} for one in rule.customers.all()],
            "vehicles": [{"id": one.vehicle_id, "label": one.vehicle_id} for one in rule.vehicles.all()],
            "tasks": [{"id": one.pk, "label": f"{one.title} (#{one.pk})"} for one in rule.tasks.all()],
        },
    }


class RulePage(Page):
    section = "rules"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        seen = with_scope_as_seen_by(Rule.objects.visible_to(self.me), self.me)
        rule = get_object_or_404(seen.select_related("created_by", "created_by_key"), pk=pk)
        firings = firings_seen_by(self.me).filter(rule=rule).order_by("-pk")[:MOST_FIRINGS]
        context = {
            "rule": rule,
            "data": editor_data(draft_of(rule), self),
            "sentence": sentence_of(rule.pattern),
            "is_editable": editable_by(rule, self.me),
            "why_idle": why_idle(rule) if rule.enabled else None,
            "firings": [(firing, actions_of(firing, self.me)) for firing in firings],
        }
        return self.show("rules/page.html", context)


class NewRule(Page):
    section = "rules"
    read_by = WRITERS

    def get(self, request: HttpRequest) -> HttpResponse:
        template = RULE_TEMPLATES.get(request.GET.get("template", ""), RULE_TEMPLATES["blank"])
        draft = template.draft()
        context = {"rule": None, "data": editor_data(draft, self), "sentence": "", "is_editable": True}
        return self.show("rules/page.html", context)
