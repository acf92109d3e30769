"""What a rule says, in words: its limits, its scope by names, and what differs between two versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from customer_management.models import Customer
from dashboard.rule_editor import ACTION_ICONS
from dashboard.shown import number, plain
from rules.actions import ACTIONS
from rules.services import sentence_of
from rules.table import attribute_table
from task_management.models import Task

Definition = Mapping[str, Any]
MOST_NAMED = 20


@dataclass(frozen=True)
class Difference:
    """What a version changed; ``before`` and ``after`` are empty where there is nothing more to say."""

    label: str
    before: str = ""
    after: str = ""


def span(seconds: int) -> str:
    """Exactly: “1 h 30 min”, “10 s”."""
    units = ((86_400, _("d")), (3_600, _("h")), (60, _("min")), (1, _("s")))
    told, rest = [], seconds
    for size, unit in units:
        count, rest = divmod(rest, size)
        if count:
            told.append(f"{count} {unit}")
    return " ".join(told) or f"0 {_('s')}"


def limits_in_words(rule: Definition) -> list[str]:
    """When it ends, how long it waits and how often it fires, where that is not the usual."""
    told = []
    if rule.get("clear"):
        told.append(_("It ends %(when)s.") % {"when": _lower(sentence_of(rule["clear"]))})
    for name, text in _sentences().items():
        if value := rule.get(name):
            told.append(text % {"n": number(value) if name.startswith("per_day") else span(value)})
    return told


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _sentences() -> dict[str, str]:
    return {
        "lateness_s": _("It waits %(n)s for late readings."),
        "repeat_s": _("It fires again every %(n)s while it is true."),
        "cooldown_s": _("For one vehicle at least %(n)s pass between two firings."),
        "cooldown_rule_s": _("At least %(n)s pass between two firings, whichever vehicles they are for."),
        "per_day": _("It fires at most %(n)s times a day for one vehicle."),
        "per_day_rule": _("It fires at most %(n)s times a day."),
    }


def told_actions(actions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each action does, parameter by parameter."""
    return [
        {
            "label": _label(action),
            "icon": ACTION_ICONS.get(action["type"], "tabler-bolt"),
            "params": [
                (name.replace("_", " "), _value(value)) for name, value in action.items() if name != "type"
            ],
        }
        for action in actions
    ]


def _label(action: Mapping[str, Any]) -> str:
    return str(ACTIONS[action["type"]].label) if action["type"] in ACTIONS else str(action["type"])


def _value(value: Any) -> str:
    return ", ".join(map(plain, value)) if isinstance(value, list) else plain(value)


class Words:
    """Tells definitions to one person; looks names up once for all of them."""

    def __init__(self, definitions: Iterable[Definition], me: User) -> None:
        scopes = [one.get("scope", {}) for one in definitions]
        self.table = attribute_table()
        self.customers = dict(
            Customer.objects.visible_to(me)
            .filter(pk__in={pk for scope in scopes for pk in scope.get("customers", ())})
            .values_list("pk", "name")
        )
        self.tasks = dict(
            Task.objects.visible_to(me)
            .filter(pk__in={pk for scope in scopes for pk in scope.get("tasks", ())})
            .values_list("pk", "title")
        )

    def scope(self, scope: Mapping[str, Any]) -> str:
        if scope.get("everything"):
            return _("everything")
        named = {
            _("fleets"): list(scope.get("fleets", ())),
            _("customers"): [self.customers.get(pk, f"#{pk}") for pk in scope.get("customers", ())],
            _("vehicles"): list(scope.get("vehicles", ())),
            _("tasks"): [self.tasks.get(pk, f"#{pk}") for pk in scope.get("tasks", ())],
        }
        told = [f"{name}: {_listed(values)}" for name, values in named.items() if values]
        return "; ".join(told) or _("nothing yet")

    def sentence(self, pattern: Any) -> str:
        return sentence_of(pattern, self.table)

    def differences(self, changed: Iterable[str], before: Definition, after: Definition) -> list[Difference]:
        return [self._difference(name, before, after) for name in changed]

    def _difference(self, name: str, before: Definition, after: Definition) -> Difference:
        happened = {
            "deleted": _("was deleted"),
            "restored": _("was restored"),
            "webhook_secret": _("got a new secret for its webhooks"),
        }
        if name in happened:
            return Difference(happened[name])
        label = _labels().get(name, name)
        if name == "actions":
            return _between(label, before.get(name) or (), after.get(name) or ())
        if name not in before:
            return Difference(label, "", self._told(name, after.get(name)))
        return Difference(label, self._told(name, before[name]), self._told(name, after.get(name)))

    def _told(self, name: str, value: Any) -> str:
        if name == "pattern" or (name == "clear" and value):
            return self.sentence(value)
        if name == "clear":
            return _("as soon as the sentence is false")
        if name == "scope":
            return self.scope(value or {})
        if name == "enabled":
            return _("on") if value else _("off")
        if value is None:
            return _("none")
        return span(value) if name.endswith("_s") else plain(value)


def _listed(values: list[Any]) -> str:
    shown = ", ".join(map(str, values[:MOST_NAMED]))
    more = len(values) - MOST_NAMED
    return shown if more <= 0 else _("%(shown)s and %(n)d more") % {"shown": shown, "n": more}


def _between(label: str, before: Iterable[Any], after: Iterable[Any]) -> Difference:
    """Of lists of actions only those that went and those that came; all, where but their order changed."""
    old, new = list(map(_told_action, before)), list(map(_told_action, after))
    gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
    if not gone and not come:
        gone, come = old, new
    return Difference(label, "\n".join(gone), "\n".join(come))


def _told_action(action: Mapping[str, Any]) -> str:
    params = [
        f"{name.replace('_', ' ')}: {_value(value)}" for name, value in action.items() if name != "type"
    ]
    return f"{_label(action)} ({'; '.join(params)})" if params else _label(action)


def _labels() -> dict[str, str]:
    return {
        "name": _("Name"),
        "description": _("Description"),
        "enabled": _("State"),
        "skip_current": _("Skip what is true already"),
        "pattern": _("When"),
        "clear": _("Ends"),
        "lateness_s": _("Waits for late readings"),
        "repeat_s": _("Fires again every"),
        "cooldown_s": _("Pause for a vehicle"),
        "cooldown_rule_s": _("Pause of the rule"),
        "per_day": _("Most a day for a vehicle"),
        "per_day_rule": _("Most a day"),
        "actions": _("Then"),
        "scope": _("Watches"),
    }
