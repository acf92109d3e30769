"""Each definition that a rule had, who made it so, and what differs from the one before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Model

from accounts.actors import Actor, actor_of
from accounts.models import Cause
from rules.checks import LIMITS, NAMED
from rules.models import Rule, RuleVersion

Definition = dict[str, Any]

PLAIN = ("name", "description", "enabled", "skip_current", "clear", *LIMITS)
"""Fields of a rule that its body sets as they are; pattern, actions and scope stand beside them."""
UNKNOWN = {"kind": "unknown"}


def definition_of(rule: Rule) -> Definition:
    """What the rule says, as the API tells it; uses what was prefetched."""
    return {
        "name": rule.name,
        "description": rule.description,
        "enabled": rule.enabled,
        "scope": scope_of(rule),
        "pattern": rule.pattern,
        "clear": rule.clear,
        **{name: getattr(rule, name) for name in LIMITS},
        "actions": rule.actions,
        "skip_current": rule.skip_current,
    }


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


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of what differs, in the order of the definition."""
    return [name for name in after if after[name] != before.get(name)]


def keep_present(rule: Rule) -> Definition:
    """What a rule says before it is changed; noted, where it is of a time without versions."""
    if RuleVersion.objects.filter(rule=rule, number=rule.version).exists():
        return definition_of(rule)
    present = _present_version(rule)
    present.cause = Cause.of(present.cause.data)
    present.save()
    # The column notes when it is written.
    RuleVersion.objects.filter(pk=present.pk).update(at=rule.updated_at)
    return present.definition


def keep_version(rule: Rule, changed: Sequence[str] = (), *, cause: dict[str, Any]) -> None:
    """Note what the rule says now, under its present number."""
    RuleVersion.objects.create(
        rule=rule,
        number=rule.version,
        definition=definition_of(rule),
        changed=list(changed),
        cause=Cause.of(cause),
    )


def versions_of(rule: Rule) -> Any:
    """The newest first: a queryset, or the present one alone where none was ever noted."""
    noted = RuleVersion.objects.filter(rule=rule).select_related("cause")
    return noted if noted.exists() else [_present_version(rule)]


def version_of(rule: Rule, number: int) -> RuleVersion | None:
    noted = RuleVersion.objects.filter(rule=rule, number=number).select_related("cause").first()
    return noted or (_present_version(rule) if number == rule.version else None)


def cut_to_sight(versions: Iterable[RuleVersion], *, by: Actor) -> None:
    """Leave out of each scope what ``by`` may not see, in a question per kind however many there are."""
    versions = list(versions)
    if by.is_administrator:
        return
    for name, (model, key) in NAMED.items():
        named = {value for one in versions for value in one.definition.get("scope", {}).get(name, ())}
        seen = _seen(model, key, named, by) if named else set()
        for one in versions:
            scope = one.definition.get("scope", {})
            if name in scope:
                cut = [value for value in scope[name] if value in seen]
                one.definition = {**one.definition, "scope": {**scope, name: cut}}


def _seen(model: type[Model], key: str, values: set[Any], by: Actor) -> set[Any]:
    rows = model.objects.visible_to(by).filter(**{f"{key}__in": values})  # type: ignore[attr-defined]
    return set(rows.values_list(key, flat=True))


def _present_version(rule: Rule) -> RuleVersion:
    cause = Cause(data=_earlier_cause(rule))
    return RuleVersion(
        rule=rule, number=rule.version, definition=definition_of(rule), cause=cause, at=rule.updated_at
    )


def _earlier_cause(rule: Rule) -> dict[str, Any]:
    """Of a version that was not noted: the first is its maker's, of any other nobody knows."""
    maker = actor_of(rule.created_by, rule.created_by_key)
    return maker.as_cause() if maker and rule.version == 1 else UNKNOWN
