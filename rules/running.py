"""The enabled rules as they run: compiled once, kept until anything that they depend on changes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection

from accounts.models import Fleet
from rules.matching import Test, compile_pattern
from rules.models import Rule
from rules.patterns import Node, parse, subjects
from rules.scope import SCOPE_FIELDS, Scope, Watches, scopes_of
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


@dataclass(slots=True)
class RunningRule:
    pk: int
    name: str
    version: int
    epoch: int
    started_at: datetime
    skip_current: bool
    actions: list[dict[str, Any]]
    scope: Scope
    node: Node
    test: Test
    watches: Watches
    keys: frozenset[str]

    def cares_for(self, fields: frozenset[str]) -> bool:
        """Whether a change of these fields may change the pattern's truth or the scope."""
        if not fields:
            return bool(self.scope.tasks)
        if "vehicle_id" in fields or "deleted_at" in fields or not self.keys.isdisjoint(fields):
            return True
        moved = "fleet" in fields and (self.scope.depends_on_fleet or "fleet_id" in self.keys)
        return moved or ("customer" in fields and self.scope.depends_on_customer)


@dataclass
class RuleBook:
    """Every enabled rule, and which of them a change of certain fields concerns."""

    rules: dict[int, RunningRule] = field(default_factory=dict)
    fleet_ids: dict[int, str] = field(default_factory=dict)
    moved: list[tuple[int, str]] = field(default_factory=list)
    _concerned: dict[tuple[str, ...], list[RunningRule]] = field(default_factory=dict)

    def concerned(self, fields: tuple[str, ...]) -> list[RunningRule]:
        if fields not in self._concerned:
            if len(self._concerned) > 10_000:
                self._concerned.clear()
            self._concerned[fields] = self._find(frozenset(fields))
        return self._concerned[fields]

    def _find(self, fields: frozenset[str]) -> list[RunningRule]:
        if not fields or "vehicle_id" in fields or not SCOPE_FIELDS.isdisjoint(fields):
            return [rule for rule in self.rules.values() if rule.cares_for(fields)]
        found = {rule.pk: rule for name in fields for rule in self._by_key.get(name, ())}
        return list(found.values())

    @cached_property
    def _by_key(self) -> dict[str, list[RunningRule]]:
        index: dict[str, list[RunningRule]] = defaultdict(list)
        for rule in self.rules.values():
            for key in rule.keys:
                index[key].append(rule)
        return index


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
    # An attribute's type may have changed since the pattern was saved: what no longer fits is unknown.
    node, _errors = parse(rule.pattern, table)
    return RunningRule(
        pk=rule.pk,
        name=rule.name,
        version=rule.version,
        epoch=rule.epoch,
        started_at=rule.started_at,
        skip_current=rule.skip_current,
        actions=rule.actions,
        scope=scope,
        node=node,
        test=compile_pattern(node),
        watches=scope.watcher(),
        keys=frozenset(key for subject in subjects(node) for key in subject.keys),
    )
