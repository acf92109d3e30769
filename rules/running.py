"""The enabled rules as they run: compiled once, kept until anything that they depend on changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection

from accounts.models import Fleet
from rules.index import Index
from rules.machine import Machine, Terms
from rules.models import Rule
from rules.nodes import Due, During, Silent
from rules.patterns import parse
from rules.scope import Scope, Watches, scopes_of
from rules.table import attribute_table

# One row that differs whenever rules, their makers' rights, the fleets or the attributes' types differ.
STAMP = """
SELECT
  (SELECT ROW(count(*), max(updated_at), sum(version)) FROM rules_rule
    WHERE enabled AND deleted_at IS NULL)::text,
  (SELECT ROW(count(*), sum(hashtext(ROW(id, role, is_active)::text)::bigint)) FROM accounts_user)::text,
  (SELECT ROW(count(*), sum(hashtext(ROW(user_id, fleet_id)::text)::bigint)) FROM accounts_membership)::text,
  (SELECT ROW(count(*), sum(hashtext(ROW(id, vehicle_id)::text)::bigint)) FROM accounts_apikey
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()))::text,
  (SELECT ROW(count(*), count(deleted_at), max(id)) FROM accounts_fleet)::text,
  (SELECT ROW(count(*), sum(hashtext(ROW(name, kind)::text)::bigint))
    FROM vehicle_management_attributetype)::text
"""


@dataclass(eq=False)
class RunningRule:
    """An enabled rule. ``raises`` is its action *raise alert*, where it has one."""

    pk: int
    name: str
    version: int
    epoch: int
    started_at: datetime
    skip_current: bool
    lateness_s: int
    cooldown_s: int
    per_day: int | None
    pattern: Any
    actions: list[dict[str, Any]]
    scope: Scope
    machine: Machine
    watches: Watches

    @cached_property
    def keys(self) -> frozenset[str]:
        return self.machine.keys

    @cached_property
    def raises(self) -> dict[str, Any] | None:
        return next((action for action in self.actions if action["type"] == "raise_alert"), None)

    @cached_property
    def is_limited(self) -> bool:
        """Whether what it does for one vehicle depends on what it did for others."""
        return bool(self.cooldown_s) or self.per_day is not None

    @cached_property
    def goes_by_clock(self) -> bool:
        return bool(self.lateness_s) or self.machine.goes_by_time

    @cached_property
    def silences_s(self) -> list[float]:
        return [node.seconds for node in self.machine.nodes if isinstance(node, Silent)]

    @cached_property
    def asks_all(self) -> bool:
        """Whether time may make it true of any vehicle, whatever is known of it."""
        return any(isinstance(node, During | Due) for node in self.machine.nodes)

    @cached_property
    def counts_services(self) -> bool:
        return any(isinstance(node, Due) for node in self.machine.nodes)

    def cares_for(self, fields: frozenset[str]) -> bool:
        """Whether a change of these fields may change the pattern's truth or the scope."""
        if not fields:
            return bool(self.scope.tasks) or self.counts_services
        if "vehicle_id" in fields or "deleted_at" in fields or not self.keys.isdisjoint(fields):
            return True
        moved = "fleet" in fields and (self.scope.depends_on_fleet or "fleet_id" in self.keys)
        return moved or ("customer" in fields and self.scope.depends_on_customer)


@dataclass
class RuleBook:
    """Every enabled rule; ``prompt`` ones act at once, ``late`` ones wait for late readings."""

    rules: dict[int, RunningRule] = field(default_factory=dict)
    fleet_ids: dict[int, str] = field(default_factory=dict)
    moved: list[tuple[int, str]] = field(default_factory=list)

    @cached_property
    def prompt(self) -> list[RunningRule]:
        return [rule for rule in self.rules.values() if not rule.lateness_s]

    @cached_property
    def late(self) -> list[RunningRule]:
        return [rule for rule in self.rules.values() if rule.lateness_s]

    @cached_property
    def by_clock(self) -> list[RunningRule]:
        return [rule for rule in self.rules.values() if rule.goes_by_clock]

    @cached_property
    def index(self) -> Index[RunningRule]:
        index: Index[RunningRule] = Index()
        for rule in self.prompt:
            index.add(rule, rule.machine.trees)
        index.sort()
        return index

    def concerned(self, fields: Iterable[str]) -> list[RunningRule]:
        """The prompt rules to ask of a batch that begins or nudges vehicles, or moves them between scopes."""
        changed = frozenset(fields)
        return [rule for rule in self.prompt if rule.cares_for(changed)]


_kept: dict[str, tuple[Any, RuleBook]] = {}


def current_book() -> RuleBook:
    """The rules as the current snapshot has them; one cheap query where nothing changed."""
    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        stamp = cursor.fetchone()
    name = str(connection.settings_dict["NAME"])
    kept, book = _kept.get(name, (None, RuleBook()))
    if kept != stamp:
        book = load_book(Rule.objects.enabled())
        _kept[name] = (stamp, book)
    return book


def forget_book() -> None:
    _kept.clear()


def load_book(rules: Iterable[Rule]) -> RuleBook:
    rules = list(rules)
    if not rules:
        return RuleBook()
    table, scopes = attribute_table(), scopes_of(rules)
    fleet_ids = dict(Fleet.all_objects.values_list("pk", "fleet_id"))
    return RuleBook(
        rules={rule.pk: _running(rule, scopes[rule.pk], table) for rule in rules},
        fleet_ids=fleet_ids,
        moved=[
            (rule.pk, scopes[rule.pk].sight.digest)
            for rule in rules
            if rule.watched_as != scopes[rule.pk].sight.digest
        ],
    )


def _running(rule: Rule, scope: Scope, table: Any) -> RunningRule:
    return RunningRule(
        pk=rule.pk,
        name=rule.name,
        version=rule.version,
        epoch=rule.epoch,
        started_at=rule.started_at,
        skip_current=rule.skip_current,
        lateness_s=rule.lateness_s,
        cooldown_s=rule.cooldown_rule_s,
        per_day=rule.per_day_rule,
        pattern=rule.pattern,
        actions=rule.actions,
        scope=scope,
        machine=machine_of(rule, table),
        watches=scope.watcher(),
    )


def machine_of(rule: Rule, table: Any) -> Machine:
    """An attribute's type may have changed since the pattern was saved: what no longer fits is unknown."""
    node, _errors = parse(rule.pattern, table)
    clear = parse(rule.clear, table)[0] if rule.clear is not None else None
    return Machine(node, clear, Terms(rule.repeat_s, rule.cooldown_s, rule.per_day))
