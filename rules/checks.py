"""What is wrong with a rule, told by the path of the very thing, before anything is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Fleet
from api_pattern.exceptions import FleetForbidden
from customer_management.models import Customer
from rules.actions import check_actions
from rules.models import Rule
from rules.patterns import parse, quoted
from rules.table import attribute_table
from task_management.models import Task
from vehicle_management.models import Vehicle

Errors = dict[str, list[str]]

MOST_NAMED = 10_000
NAMED: dict[str, tuple[type[models.Model], str]] = {
    "fleets": (Fleet, "fleet_id"),
    "customers": (Customer, "pk"),
    "vehicles": (Vehicle, "vehicle_id"),
    "tasks": (Task, "pk"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a number of a rule may be. ``is_optional``: null, which means none, is allowed."""

    least: int
    most: int
    is_optional: bool = False
    is_seconds: bool = True


DAY_S, YEAR_S = 86_400, 31_536_000
LIMITS = {
    "lateness_s": Limit(0, DAY_S),
    "repeat_s": Limit(10, YEAR_S, is_optional=True),
    "cooldown_s": Limit(0, YEAR_S),
    "cooldown_rule_s": Limit(0, YEAR_S),
    "per_day": Limit(1, 1_000_000, is_optional=True, is_seconds=False),
    "per_day_rule": Limit(1, 1_000_000, is_optional=True, is_seconds=False),
}


@dataclass
class NamedScope:
    """A scope as primary keys, after its names were looked up among what somebody sees."""

    everything: bool = False
    pks: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in NAMED})


def check_rule(values: Mapping[str, Any], *, by: Actor, rule: Rule | None = None) -> NamedScope | None:
    """The scope, where one is given. Raises ValidationError that tells everything that is wrong at once.

    ``values`` as the API's body has them; what ``rule`` holds already is not checked again.
    """
    errors: Errors = {}
    if "name" in values and not str(values["name"] or "").strip():
        errors["name"] = [_("A rule needs a name.")]
    if "pattern" in values and (rule is None or values["pattern"] != rule.pattern):
        errors.update(parse(values["pattern"], attribute_table())[1])
    errors.update(_check_clear(values, rule))
    errors.update(_check_limits(values))
    errors.update(_check_lateness(values, rule))
    if "actions" in values and (rule is None or values["actions"] != rule.actions):
        errors.update(check_actions(values["actions"], by=by))
    scope = None
    if "scope" in values:
        scope, faults = check_scope(values["scope"], by=by, rule=rule)
        errors.update(faults)
    if errors:
        raise ValidationError(errors)
    return scope


def _check_clear(values: Mapping[str, Any], rule: Rule | None) -> Errors:
    clear = values.get("clear", rule.clear if rule else None)
    if clear is None:
        return {}
    if rule is None or clear != rule.clear:
        _node, errors = parse(clear, attribute_table(), path="clear")
        if errors:
            return errors
    pattern = values.get("pattern", rule.pattern if rule else None)
    if _is_of_maintenance(pattern) or _is_of_maintenance(clear):
        told = _(
            "What is due ends when its task is completed, so “due” and a clear pattern do not go together."
        )
        return {"clear": [told]}
    return {}


def _check_lateness(values: Mapping[str, Any], rule: Rule | None) -> Errors:
    lateness = values.get("lateness_s", rule.lateness_s if rule else 0)
    if lateness and _is_of_maintenance(values.get("pattern", rule.pattern if rule else None)):
        return {"lateness_s": [_("Maintenance waits for no late readings; leave the lateness at 0.")]}
    return {}


def _is_of_maintenance(pattern: Any) -> bool:
    """Whether a node of it is ``{"due": …}``."""
    waiting = [pattern]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "due" in node:
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


def _check_limits(values: Mapping[str, Any]) -> Errors:
    errors: Errors = {}
    for name, limit in LIMITS.items():
        if name not in values or (values[name] is None and limit.is_optional):
            continue
        value = values[name]
        if type(value) is not int or not limit.least <= value <= limit.most:
            errors[name] = [_limit_fault(value, limit)]
    return errors


def _limit_fault(value: Any, limit: Limit) -> str:
    given = {"value": quoted(value), "least": f"{limit.least:,}", "most": f"{limit.most:,}"}
    told = (
        _("%(value)s is not a whole number of seconds from %(least)s to %(most)s")
        if limit.is_seconds
        else _("%(value)s is not a whole number from %(least)s to %(most)s")
    )
    end = _("; null means none.") if limit.is_optional else "."
    return told % given + end


def check_scope(scope: Any, *, by: Actor, rule: Rule | None = None) -> tuple[NamedScope, Errors]:
    """Look up what the scope names among what ``by`` sees, and what the rule names already."""
    checked = NamedScope()
    if not isinstance(scope, dict):
        return checked, {"scope": [_("A scope is an object, such as {“fleets”: [“fleet-001”]}.")]}
    errors: Errors = {}
    for name in scope.keys() - {*NAMED, "everything"}:
        told = _("“%(name)s” means nothing here; everything, fleets, customers, vehicles and tasks do.")
        errors[f"scope.{name[:50]}"] = [told % {"name": name[:50]}]
    everything = scope.get("everything", False)
    if not isinstance(everything, bool):
        errors["scope.everything"] = [_("Everything is true or false.")]
    checked.everything = everything is True
    for name in NAMED:
        _look_up(name, scope.get(name) or [], checked, errors, by=by, rule=rule)
    if checked.everything and any(checked.pks.values()):
        errors["scope.everything"] = [_("A scope is everything or names something; leave out one of both.")]
    return checked, errors


def _look_up(
    name: str,
    values: Any,
    checked: NamedScope,
    errors: Errors,
    *,
    by: Actor,
    rule: Rule | None,
) -> None:
    model, key = NAMED[name]
    if not isinstance(values, list) or len(values) > MOST_NAMED:
        errors[f"scope.{name}"] = [_("It is a list of up to %(most)d ids.") % {"most": MOST_NAMED}]
        return
    good = [value for value in values if _is_key(value, key)]
    seen = dict(_rows(model, by, rule, name).filter(**{f"{key}__in": good}).values_list(key, "pk"))
    for index, value in enumerate(values):
        if _is_key(value, key) and value in seen:
            checked.pks[name].add(seen[value])
        elif name == "fleets" and not by.is_administrator:
            raise FleetForbidden(_("Fleet %(id)s is not one of yours.") % {"id": str(value)[:64]})
        else:
            told = _("There is no %(thing)s %(value)s that you may see.")
            thing = {"thing": name[:-1], "value": str(value)[:64]}
            errors[f"scope.{name}[{index}]"] = [told % thing]


def _is_key(value: Any, key: str) -> bool:
    if key == "pk":
        return type(value) is int and 0 < value < 2**63
    return isinstance(value, str)


def _rows(model: type[models.Model], by: Actor, rule: Rule | None, name: str) -> models.QuerySet:
    rows = model.objects.visible_to(by)  # type: ignore[attr-defined]
    if rule is None:
        return rows
    held = getattr(rule, name).values("pk")
    return model.all_objects.filter(models.Q(pk__in=rows.values("pk")) | models.Q(pk__in=held))  # type: ignore[attr-defined]
