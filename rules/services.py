"""What people do with rules. Every change tells the listeners by ``version``, a new beginning by ``epoch``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Fleet
from api_pattern.exceptions import FleetForbidden
from customer_management.models import Customer
from rules.actions import check_actions
from rules.exceptions import RuleIsNotYours
from rules.models import Rule
from rules.patterns import Node, parse
from rules.scope import Scope, editable_by, is_made_by, scopes_of, sight_of
from rules.states import begin_scans
from rules.table import attribute_table
from rules.wording import sentence
from task_management.models import Task
from vehicle_management.changes import ring
from vehicle_management.models import LANES, Vehicle
from vehicle_management.services import touch_vehicles

MOST_NAMED = 10_000
PLAIN = ("name", "description", "enabled", "skip_current")
NAMED: dict[str, tuple[type[models.Model], str]] = {
    "fleets": (Fleet, "fleet_id"),
    "customers": (Customer, "pk"),
    "vehicles": (Vehicle, "vehicle_id"),
    "tasks": (Task, "pk"),
}


@dataclass
class NamedScope:
    """A scope as primary keys, after its names were looked up among what somebody sees."""

    everything: bool = False
    pks: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in NAMED})


def create_rule(values: Mapping[str, Any], *, by: Actor) -> Rule:
    """``values`` as the API's body has them. Raises ValidationError by the path of what is wrong."""
    scope = _checked({"name": "", "pattern": None, **values}, by)
    with transaction.atomic():
        rule = Rule(
            **{name: values[name] for name in PLAIN if name in values},
            pattern=values["pattern"],
            actions=values.get("actions") or [],
            created_by=by.user,
            created_by_key=by.key if by.user is None else None,
        )
        rule.watched_as = sight_of(rule).digest
        _write_scope(rule, scope or NamedScope(), is_new=True)
        if rule.enabled:
            _begin(rule)
    return rule


def update_rule(rule: Rule, values: Mapping[str, Any], *, by: Actor) -> Rule:
    """A changed pattern or scope counts as a rule made anew. Raises ValidationError and RuleIsNotYours."""
    scope = _checked(values, by, rule=rule)
    with transaction.atomic():
        rule = _locked(rule, by)
        was_enabled, before = rule.enabled, _meaning(rule)
        for name in (*PLAIN, "pattern", "actions"):
            if name in values:
                setattr(rule, name, values[name])
        if scope is not None:
            _write_scope(rule, scope)
        is_another = _meaning(rule) != before
        _save(rule, anew=rule.enabled and (is_another or not was_enabled))
    return rule


def enable_rules(rules: Iterable[Rule], *, by: Actor) -> int:
    """An enabled rule begins anew: it fires for what is true now, unless it skips that."""
    return _switch(rules, by=by, to=True)


def disable_rules(rules: Iterable[Rule], *, by: Actor) -> int:
    """A disabled rule forgets what it held."""
    return _switch(rules, by=by, to=False)


def hide_rule(rule: Rule, *, by: Actor) -> None:
    with transaction.atomic():
        rule = _locked(rule, by)
        rule.deleted_at = timezone.now()
        _save(rule)


def restore_rule(rule: Rule, *, by: Actor) -> Rule:
    with transaction.atomic():
        rule = _locked(rule, by)
        rule.deleted_at = None
        _save(rule, anew=rule.enabled)
    return rule


def purge_rule(rule: Rule, *, by: Actor) -> None:
    """Delete a hidden rule for good. Raises ValidationError while it is not hidden or has firings."""
    if rule.deleted_at is None:
        raise ValidationError(_("“%(name)s” is in use; delete it before purging it.") % {"name": rule.name})
    try:
        with transaction.atomic():
            _locked(rule, by).delete()
    except models.ProtectedError as error:
        message = _("“%(name)s” cannot be purged: %(n)d firings tell of it.")
        raise ValidationError(message % {"name": rule.name, "n": len(error.protected_objects)}) from error


def duplicate_rule(rule: Rule, *, by: Actor) -> Rule:
    """A disabled copy that belongs to whoever makes it, watching what of the scope its maker sees."""
    scope = scopes_of([rule])[rule.pk]
    with transaction.atomic():
        copy = Rule(
            name=_("Copy of %(name)s") % {"name": rule.name[:180]},
            description=rule.description,
            pattern=rule.pattern,
            actions=rule.actions,
            skip_current=rule.skip_current,
            enabled=False,
            created_by=by.user,
            created_by_key=by.key if by.user is None else None,
        )
        seen = {name: _seen(model, getattr(scope, name), by) for name, (model, _key) in NAMED.items()}
        _write_scope(copy, NamedScope(scope.everything, seen), is_new=True)
    return copy


def attach_rules_to_task(task: Task, rules: Sequence[Rule], *, by: Actor) -> None:
    """Make exactly these, of those that ``by`` sees, the task's rules.

    No rule begins anew for it: the task's vehicle comes or goes. Raises RuleIsNotYours for a rule that is
    attached or detached and that one may not edit.
    """
    with transaction.atomic():
        held = set(Rule.objects.visible_to(by).filter(tasks=task).values_list("pk", flat=True))
        wanted = {rule.pk for rule in rules}
        moved = sorted(held ^ wanted)
        for rule in Rule.objects.select_for_update(of=("self",)).filter(pk__in=moved).order_by("pk"):
            _refuse_unless_editable(rule, by)
            _save(rule)
        task.rules.add(*wanted - held)
        task.rules.remove(*held - wanted)
        if moved and task.vehicle_id is not None:
            touch_vehicles([task.vehicle_id], cause=by.as_cause())


def check_rule(values: Mapping[str, Any], *, by: Actor, rule: Rule | None = None) -> NamedScope | None:
    """Raises ValidationError by the path of what is wrong; answers the scope, where one is given."""
    return _checked(values, by, rule=rule)


def sentence_of(pattern: Any, table: Mapping[str, Any] | None = None) -> str:
    node, _errors = parse(pattern, table or attribute_table())
    return sentence(node)


def scope_of(rule: Rule) -> dict[str, Any]:
    """The scope as the API tells it; uses what was prefetched."""
    if rule.everything:
        return {"everything": True}
    return {
        "fleets": sorted(fleet.fleet_id for fleet in rule.fleets.all()),
        "customers": sorted(customer.pk for customer in rule.customers.all()),
        "vehicles": sorted(vehicle.vehicle_id for vehicle in rule.vehicles.all()),
        "tasks": sorted(task.pk for task in rule.tasks.all()),
    }


def _switch(rules: Iterable[Rule], *, by: Actor, to: bool) -> int:
    count = 0
    with transaction.atomic():
        for rule in sorted(rules, key=lambda one: one.pk):
            held = _locked(rule, by)
            if held.enabled is not to:
                held.enabled = to
                _save(held, anew=to)
                count += 1
    return count


def _locked(rule: Rule, by: Actor) -> Rule:
    held = Rule.all_objects.select_for_update(of=("self",)).get(pk=rule.pk)
    _refuse_unless_editable(held, by)
    return held


def _refuse_unless_editable(rule: Rule, by: Actor) -> None:
    if not editable_by(rule, by):
        told = _("“%(name)s” watches more than you may see, so you may not change it.")
        raise RuleIsNotYours(told % {"name": rule.name})


def _save(rule: Rule, *, anew: bool = False) -> None:
    rule.version += 1
    if anew:
        rule.epoch += 1
        rule.started_at = timezone.now()
        rule.watched_as = sight_of(rule).digest
    rule.save()
    if anew:
        _begin(rule)


def _begin(rule: Rule) -> None:
    """Have every lane look through its vehicles, at once where a listener hears it."""
    begin_scans({rule.pk: rule.epoch}, range(LANES))
    ring(range(LANES))


def _meaning(rule: Rule) -> tuple[Any, Scope]:
    return rule.pattern, scopes_of([rule])[rule.pk]


def _write_scope(rule: Rule, scope: NamedScope, *, is_new: bool = False) -> None:
    rule.everything = scope.everything
    if is_new:
        rule.save()
    for name, pks in scope.pks.items():
        getattr(rule, name).set(pks)


def _checked(values: Mapping[str, Any], by: Actor, rule: Rule | None = None) -> NamedScope | None:
    """Raises ValidationError that tells everything that is wrong at once."""
    errors: dict[str, list[str]] = {}
    if "name" in values and not str(values["name"] or "").strip():
        errors["name"] = [_("A rule needs a name.")]
    if "pattern" in values and (rule is None or values["pattern"] != rule.pattern):
        errors.update(check_pattern(values["pattern"])[1])
    if "actions" in values and (rule is None or values["actions"] != rule.actions):
        errors.update(check_actions(values["actions"], by=by))
    scope = None
    if "scope" in values:
        scope, faults = check_scope(values["scope"], by=by, rule=rule)
        errors.update(faults)
    if errors:
        raise ValidationError(errors)
    return scope


def check_pattern(pattern: Any) -> tuple[Node, dict[str, list[str]]]:
    return parse(pattern, attribute_table())


def check_scope(
    scope: Any, *, by: Actor, rule: Rule | None = None
) -> tuple[NamedScope, dict[str, list[str]]]:
    """Look up what the scope names among what ``by`` sees, and what the rule names already."""
    checked = NamedScope()
    if not isinstance(scope, dict):
        return checked, {"scope": [_("A scope is an object, such as {“fleets”: [“fleet-001”]}.")]}
    errors: dict[str, list[str]] = {}
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
    errors: dict[str, list[str]],
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


def _seen(model: type[models.Model], pks: Iterable[int], by: Actor) -> set[int]:
    rows = model.objects.visible_to(by).filter(pk__in=pks)  # type: ignore[attr-defined]
    return set(rows.values_list("pk", flat=True))


__all__ = [
    "attach_rules_to_task",
    "check_rule",
    "create_rule",
    "disable_rules",
    "duplicate_rule",
    "enable_rules",
    "hide_rule",
    "is_made_by",
    "purge_rule",
    "restore_rule",
    "scope_of",
    "sentence_of",
    "update_rule",
]
