"""Rules: the list, the editor, and what each firing did."""

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.actors import sender_of
from accounts.models import Fleet
from dashboard.views.access import members, told_errors, writers
from rules import services
from rules.activity import firings_by_day, with_activity
from rules.exceptions import ActionIsNotWaiting, RuleIsNotYours
from rules.mail import read_mail
from rules.models import Firing, Rule
from rules.outbox import retry_action
from rules.patterns import OPERATORS
from rules.table import attribute_table
from rules.tasks import work_actions

BAR_HEIGHT = 24
TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "name": gettext_lazy("Service due"),
        "pattern": {"field": "odometer_km", "operator": "gt", "value": 10_000},
        "actions": [
            {
                "type": "create_task",
                "title": "Service $vehicle_id",
                "description": "$vehicle_id is at $odometer_km km.",
            }
        ],
    },
    {
        "name": gettext_lazy("Low battery"),
        "pattern": {"field": "battery_pct", "operator": "lt", "value": 20},
        "actions": [
            {"type": "store_log", "level": "WARNING", "message": "$vehicle_id has $battery_pct % left"}
        ],
    },
    {
        "name": gettext_lazy("Too fast"),
        "pattern": {"field": "speed_kmh", "operator": "gt", "value": 120},
        "actions": [
            {"type": "store_log", "level": "WARNING", "message": "$vehicle_id drives $speed_kmh km/h"}
        ],
    },
)


@members
def rule_list(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    rules = list(with_activity(Rule.objects.visible_to(user), user).order_by("name"))
    days = firings_by_day(rules, user, zone=user.time_zone)
    table = attribute_table()
    listed = [
        {
            "rule": rule,
            "sentence": services.sentence_of(rule.pattern, table),
            "scope": _scope_words(services.scope_of(rule)),
            "bars": _bars(days[rule.pk]),
            "fired": sum(days[rule.pk]),
        }
        for rule in rules
    ]
    return render(
        request,
        "pages/rules/list.html",
        {"rules": listed, "templates": enumerate(t["name"] for t in TEMPLATES)},
    )


def _bars(counts: list[int]) -> list[tuple[int, int, int, int]]:
    """``(x, y, height, count)`` of a small bar chart."""
    most = max(counts) or 1
    heights = [max(1, round(count * BAR_HEIGHT / most)) for count in counts]
    return [
        (index * 8, BAR_HEIGHT - height, height, count)
        for index, (height, count) in enumerate(zip(heights, counts, strict=True))
    ]


def _scope_words(scope: dict[str, Any]) -> str:
    if scope.get("everything"):
        return _("everything")
    parts = [
        f"{len(names)} {kind}" if len(names) > 2 else ", ".join(map(str, names))
        for kind, names in scope.items()
        if names
    ]
    return "; ".join(parts) or _("nothing yet")


def find_rule(request: HttpRequest, pk: int) -> Rule:
    rule = Rule.objects.visible_to(sender_of(request)).filter(pk=pk).first()
    if rule is None:
        raise Http404(_("Rule %(id)s not found") % {"id": pk})
    return rule


@writers
def rule_new(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("template", "")
    chosen = TEMPLATES[int(asked)] if asked.isdecimal() and int(asked) < len(TEMPLATES) else TEMPLATES[0]
    fleets = list(Fleet.objects.visible_to(sender_of(request)).values_list("fleet_id", flat=True)[:1])
    draft = {
        **chosen,
        "name": str(chosen["name"]),
        "scope": {"fleets": fleets},
        "enabled": True,
        "skip_current": False,
    }
    return _editor(request, None, draft)


@members
def rule_page(request: HttpRequest, pk: int) -> HttpResponse:
    rule = find_rule(request, pk)
    draft = {
        "name": rule.name,
        "description": rule.description,
        "enabled": rule.enabled,
        "skip_current": rule.skip_current,
        "scope": services.scope_of(rule),
        "pattern": rule.pattern,
        "actions": rule.actions,
    }
    return _editor(request, rule, draft)


def _editor(request: HttpRequest, rule: Rule | None, draft: dict[str, Any]) -> HttpResponse:
    user: Any = request.user
    attributes = [
        {
            "name": name,
            "kind": subject.kind,
            "unit": getattr(subject, "unit", ""),
            "choices": list(getattr(subject, "choices", ())),
        }
        for name, subject in sorted(attribute_table().items())
    ]
    firings = (
        Firing.objects.visible_to(user)
        .filter(rule=rule)
        .select_related("vehicle")
        .prefetch_related("actions__task")
    )
    shown = {
        "rule": rule,
        "draft": json.dumps(draft, default=str),
        "attributes": json.dumps(attributes, default=str),
        "operators": json.dumps(list(OPERATORS)),
        "fleets": Fleet.objects.visible_to(user),
        "firings": firings[:50] if rule else [],
        "sentence": services.sentence_of(draft["pattern"], attribute_table()),
    }
    return render(request, "pages/rules/editor.html", shown)


@writers
@require_POST
def rule_do(request: HttpRequest, pk: int, does: str) -> HttpResponse:
    user: Any = request.user
    rule = find_rule(request, pk)
    try:
        if does == "duplicate":
            return redirect(f"/rules/{services.duplicate_rule(rule, by=user).pk}")
        {"enable": services.enable_rules, "disable": services.disable_rules}[does]([rule], by=user)
    except (RuleIsNotYours, ValidationError) as error:
        messages.error(request, " ".join(told_errors(error)))
    return redirect("/rules")


@members
def firing_page(request: HttpRequest, pk: int) -> HttpResponse:
    firings = Firing.objects.visible_to(sender_of(request)).select_related("rule", "vehicle")
    firing = firings.prefetch_related("actions__task").filter(pk=pk).first()
    if firing is None:
        raise Http404(_("Firing %(id)d not found") % {"id": pk})
    actions = [
        (action, read_mail(action) if action.type == "send_email" else None)
        for action in firing.actions.all()
    ]
    return render(request, "pages/rules/firing.html", {"firing": firing, "actions": actions})


@writers
@require_POST
def action_retry(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    user: Any = request.user
    firing = Firing.objects.visible_to(user).filter(pk=pk).first()
    action = firing.actions.filter(index=index).first() if firing else None
    if action is None:
        raise Http404
    try:
        retry_action(action, by=user)
        work_actions.delay_on_commit()  # type: ignore[attr-defined]
    except (ActionIsNotWaiting, RuleIsNotYours) as error:
        messages.error(request, str(error))
    return redirect(f"/firings/{pk}")
