"""What people do with rules. Every change is a version; a new beginning counts by ``epoch`` too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from alerts.effects import close_alerts_of
from rules.alert_actions import RAISE_ALERT
from rules.checks import LIMITS, NAMED, NamedScope, check_rule
from rules.exceptions import RuleIsNotYours
from rules.models import Firing, Rule, RuleVersion, new_secret
from rules.patterns import parse
from rules.scope import Scope, editable_by, scopes_of, sight_of
from rules.states import begin_scans
from rules.table import attribute_table
from rules.versions import PLAIN, cut_to_sight, definition_of, differing, keep_present, keep_version, scope_of
from rules.wording import sentence
from task_management.models import Task
from vehicle_management.changes import ring
from vehicle_management.models import LANES
from vehicle_management.services import touch_vehicles

# What decides when a rule fires: a change of it, or of the scope, counts as a rule made anew.
DECIDING = ("pattern", "clear", "lateness_s", "repeat_s")
# What a copy takes over; its scope is cut, and it is off.
COPIED = ("description", "skip_current", "clear", "pattern", "actions", *LIMITS)


def create_rule(values: Mapping[str, Any], *, by: Actor) -> Rule:
    """``values`` as the API's body has them. Raises ValidationError by the path of what is wrong."""
    scope = check_rule({"name": "", "pattern": None, **values}, by=by)
    given = {name: values[name] for name in PLAIN if name in values}
    with transaction.atomic():
        rule = _of_maker(by, pattern=values["pattern"], actions=values.get("actions") or [], **given)
        store_rule(rule, scope or NamedScope(), cause=by.as_cause())
    return rule


def store_rule(rule: Rule, scope: NamedScope, *, cause: dict[str, Any]) -> None:
    """A rule that is checked and not stored yet, within the caller's transaction."""
    rule.watched_as = sight_of(rule).digest
    _write_scope(rule, scope, is_new=True)
    keep_version(rule, cause=cause)
    if rule.enabled:
        _begin(rule)


def update_rule(rule: Rule, values: Mapping[str, Any], *, by: Actor) -> Rule:
    """A change of what decides when it fires counts as a rule made anew; what changes nothing, as nothing.

    Raises ValidationError and RuleIsNotYours.
    """
    scope = check_rule(values, by=by, rule=rule)
    with transaction.atomic():
        rule = _locked(rule, by)
        was_enabled, meant, before = rule.enabled, _meaning(rule), keep_present(rule)
        for name in (*PLAIN, "pattern", "actions"):
            if name in values:
                setattr(rule, name, values[name])
        if scope is not None:
            _write_scope(rule, scope)
        is_another = _meaning(rule) != meant
        changed = differing(before, definition_of(rule))
        if changed or is_another:
            anew = rule.enabled and (is_another or not was_enabled)
            _save(rule, changed or ["scope"], by=by, anew=anew)
            if _raises(before["actions"]) and not _raises(rule.actions):
                # Nothing would ever close what it raised.
                close_alerts_of(f"rule:{rule.pk}", at=timezone.now(), cause=by.as_cause())
    return rule


def return_to_version(rule: Rule, version: RuleVersion, *, by: Actor) -> Rule:
    """Have the rule say again what it said then, as a new version; whether it is on stays as it is.

    Raises ValidationError where that does not fit any more, and RuleIsNotYours.
    """
    told = dict(version.definition)
    cut_to_sight([version], by=by)
    if version.definition != told:
        message = _("Version %(n)d watched more than you may see, so you cannot return to it.")
        raise RuleIsNotYours(message % {"n": version.number})
    told.pop("enabled", None)
    return update_rule(rule, told, by=by)


def renew_secret(rule: Rule, *, by: Actor) -> Rule:
    """What its webhooks are signed with from now on. Raises RuleIsNotYours."""
    with transaction.atomic():
        rule = _locked(rule, by)
        keep_present(rule)
        rule.webhook_secret = new_secret()
        _save(rule, ["webhook_secret"], by=by)
    return rule


def secret_of(rule: Rule, *, by: Actor) -> str:
    """Raises RuleIsNotYours for who may not edit the rule."""
    _refuse_unless_editable(rule, by)
    return rule.webhook_secret


def enable_rules(rules: Iterable[Rule], *, by: Actor) -> int:
    """An enabled rule begins anew: it fires for what is true now, unless it skips that."""
    return _switch(rules, by=by, to=True)


def disable_rules(rules: Iterable[Rule], *, by: Actor) -> int:
    """A disabled rule forgets what it held."""
    return _switch(rules, by=by, to=False)


def hide_rule(rule: Rule, *, by: Actor) -> None:
    with transaction.atomic():
        rule = _locked(rule, by)
        keep_present(rule)
        rule.deleted_at = timezone.now()
        _save(rule, ["deleted"], by=by)


def restore_rule(rule: Rule, *, by: Actor) -> Rule:
    with transaction.atomic():
        rule = _locked(rule, by)
        keep_present(rule)
        rule.deleted_at = None
        _save(rule, ["restored"], by=by, anew=rule.enabled)
    return rule


def purge_rule(rule: Rule, *, by: Actor) -> None:
    """Delete a hidden rule for good.

    Raises ValidationError while it is not hidden or has firings, and for what would come back by itself.
    """
    if rule.deleted_at is None:
        raise ValidationError(_("“%(name)s” is in use; delete it before purging it.") % {"name": rule.name})
    if rule.shipped_as is not None:
        told = _("“%(name)s” came with the program and stays deleted; purged, it would come back.")
        raise ValidationError(told % {"name": rule.name})
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
        copied = {name: getattr(rule, name) for name in COPIED}
        named = _("Copy of %(name)s") % {"name": rule.name[:180]}
        copy = _of_maker(by, name=named, enabled=False, **copied)
        seen = {name: _seen(model, getattr(scope, name), by) for name, (model, _key) in NAMED.items()}
        store_rule(copy, NamedScope(scope.everything, seen), cause=by.as_cause())
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
        locked = Rule.objects.select_for_update(of=("self",)).filter(pk__in=moved).order_by("pk")
        changed = list(locked)
        for rule in changed:
            _refuse_unless_editable(rule, by)
            keep_present(rule)
        task.rules.add(*wanted - held)
        task.rules.remove(*held - wanted)
        for rule in changed:
            _save(rule, ["scope"], by=by)
        if moved and task.vehicle_id is not None:
            touch_vehicles([task.vehicle_id], cause=by.as_cause())


def sentence_of(pattern: Any, table: Mapping[str, Any] | None = None) -> str:
    node, _errors = parse(pattern, table or attribute_table())
    return sentence(node)


def _switch(rules: Iterable[Rule], *, by: Actor, to: bool) -> int:
    count = 0
    with transaction.atomic():
        for rule in sorted(rules, key=lambda one: one.pk):
            held = _locked(rule, by)
            if held.enabled is not to:
                keep_present(held)
                held.enabled = to
                _save(held, ["enabled"], by=by, anew=to)
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


def _of_maker(by: Actor, **values: Any) -> Rule:
    return Rule(created_by=by.user, created_by_key=by.key if by.user is None else None, **values)


def _save(rule: Rule, changed: Sequence[str], *, by: Actor, anew: bool = False) -> None:
    rule.version += 1
    if anew:
        rule.epoch += 1
        rule.started_at = timezone.now()
        rule.watched_as = sight_of(rule).digest
    rule.save()
    if not rule.enabled or rule.deleted_at is not None:
        _end_all(rule, by=by)
    keep_version(rule, changed, cause=by.as_cause())
    if anew:
        _begin(rule)


def _end_all(rule: Rule, *, by: Actor) -> None:
    """A rule that is off holds nothing: its alerts close, and its firings last no longer."""
    now = timezone.now()
    close_alerts_of(f"rule:{rule.pk}", at=now, cause=by.as_cause())
    Firing.objects.filter(rule=rule, cleared_at__isnull=True).update(cleared_at=now)


def _raises(actions: Iterable[Mapping[str, Any]]) -> bool:
    return any(action["type"] == RAISE_ALERT.type for action in actions)


def _begin(rule: Rule) -> None:
    """Have every lane look through its vehicles, at once where a listener hears it."""
    begin_scans({rule.pk: rule.epoch}, range(LANES))
    ring(range(LANES))


def _meaning(rule: Rule) -> tuple[list[Any], Scope]:
    return [getattr(rule, name) for name in DECIDING], scopes_of([rule])[rule.pk]


def _write_scope(rule: Rule, scope: NamedScope, *, is_new: bool = False) -> None:
    rule.everything = scope.everything
    if is_new:
        rule.save()
    for name, pks in scope.pks.items():
        getattr(rule, name).set(pks)


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
    "purge_rule",
    "renew_secret",
    "restore_rule",
    "return_to_version",
    "scope_of",
    "secret_of",
    "sentence_of",
    "store_rule",
    "update_rule",
]
