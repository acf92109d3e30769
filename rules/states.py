"""Rows of RuleState and RuleScan, read and written by the thousand."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from rules.machine import State
from rules.models import RuleScan
from rules.moments import ms_of, time_of
from rules.running import RunningRule

Pair = tuple[int, int]
# What is stored of a state: whether it is true, since when, what it remembers, and what it waits for.
Row = tuple[bool, int | None, bytes, bool, int | None]


@dataclass
class States:
    """What rules remember of vehicles, by rule and vehicle; ``late_wakes`` are those of rules that wait."""

    rules: Mapping[int, RunningRule] = field(default_factory=dict)
    late_wakes: dict[Pair, int | None] = field(default_factory=dict)
    _held: dict[Pair, State] = field(default_factory=dict)
    _stored: dict[Pair, Row] = field(default_factory=dict)
    # True when the rule last began, before it began anew.
    former: set[Pair] = field(default_factory=set)
    _touched: set[Pair] = field(default_factory=set)

    def get(self, rule: int, vehicle: int) -> State | None:
        return self._held.get((rule, vehicle))

    def begin(self, rule: int, vehicle: int) -> State:
        """What is remembered, to be changed; nothing yet where there is no row."""
        state = self._held.get((rule, vehicle))
        if state is None:
            state = self._held[rule, vehicle] = State()
        self._touched.add((rule, vehicle))
        return state

    def forget(self, rule: int, vehicle: int) -> None:
        self._held.pop((rule, vehicle), None)
        self._touched.add((rule, vehicle))

    def revert(self, rule: int, vehicle: int) -> None:
        """As it is stored: what was done to it does not count."""
        held = self._stored.get((rule, vehicle))
        if held is None:
            self._held.pop((rule, vehicle), None)
        else:
            self._held[rule, vehicle] = State(held[0], held[1], orjson.loads(held[2]))

    def changes(self) -> dict[Pair, Row | None]:
        """What differs from what is stored, in the order of vehicles; None: nothing is remembered any more."""
        moved: dict[Pair, Row | None] = {}
        for pair in sorted(self._touched, key=lambda pair: (pair[1], pair[0])):
            row = self._row(pair)
            if row != self._stored.get(pair) or (row is None and pair in self.former):
                moved[pair] = row
        return moved

    def hold(self, pair: Pair, state: State) -> None:
        """As it is stored."""
        self._held[pair] = state
        row = self._row(pair)
        if row is not None:
            self._stored[pair] = row

    def _row(self, pair: Pair) -> Row | None:
        state = self._held.get(pair)
        if state is None or (state.is_empty and pair not in self.late_wakes):
            return None
        rule = self.rules[pair[0]]
        attentive = attends(rule, state)
        wake = self.late_wakes[pair] if pair in self.late_wakes else rule.machine.wakes_at(state)
        return (state.is_true, state.since, orjson.dumps(state.memory), attentive, wake)


def attends(rule: RunningRule, state: State) -> bool:
    """Whether the rule wants to see whatever the vehicle reports next."""
    return rule.machine.attends(state) or (state.is_true and rule.raises is not None)


def load_states(vehicles: Iterable[int], rules: Iterable[RunningRule]) -> States:
    """What these rules, as they are, remember of these vehicles."""
    by_pk = {rule.pk: rule for rule in rules}
    states = States(by_pk)
    query = """
        SELECT rule_id, vehicle_id, epoch, is_true, since, memory::text, wake_at
        FROM rules_rulestate WHERE vehicle_id = ANY(%s) AND rule_id = ANY(%s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles), list(by_pk)])
        for rule, vehicle, epoch, is_true, since, memory, wake_at in cursor:
            if by_pk[rule].epoch != epoch:
                if is_true:
                    states.former.add((rule, vehicle))
                continue
            if by_pk[rule].lateness_s:
                states.late_wakes[rule, vehicle] = ms_of(wake_at)
            state = State(is_true, ms_of(since), orjson.loads(memory) if memory else {})
            states.hold((rule, vehicle), state)
    return states


def attentive_rules(vehicles: Iterable[int], rules: Collection[RunningRule]) -> dict[int, set[RunningRule]]:
    """By vehicle, the rules that want to see whatever it reports."""
    by_pk = {rule.pk: rule for rule in rules}
    query = "SELECT vehicle_id, rule_id, epoch FROM rules_rulestate WHERE attentive AND vehicle_id = ANY(%s)"
    found: dict[int, set[RunningRule]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles)])
        for vehicle, rule, epoch in cursor:
            if rule in by_pk and by_pk[rule].epoch == epoch:
                found[vehicle].add(by_pk[rule])
    return found


def rules_remembering(vehicles: Iterable[int]) -> set[int]:
    """Rules of any epoch that remember something of these vehicles."""
    query = "SELECT DISTINCT rule_id FROM rules_rulestate WHERE vehicle_id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(query, [list(vehicles)])
        return {rule for (rule,) in cursor}


def store_states(changes: Mapping[Pair, Row | None], epochs: Mapping[int, int]) -> None:
    """Write what is remembered now, and forget the rest."""
    kept = {pair: row for pair, row in changes.items() if row is not None}
    gone = [pair for pair, row in changes.items() if row is None]
    with connection.cursor() as cursor:
        if gone:
            _forget(cursor, gone)
        if kept:
            _remember(cursor, kept, epochs)


def _remember(cursor: Any, kept: Mapping[Pair, Row], epochs: Mapping[int, int]) -> None:
    # A row of an earlier epoch counts for nothing and is taken over.
    query = """
        INSERT INTO rules_rulestate (vehicle_id, rule_id, epoch, is_true, since, memory, attentive, wake_at)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::boolean[], %s::timestamptz[],
                             %s::jsonb[], %s::boolean[], %s::timestamptz[])
        ON CONFLICT (rule_id, vehicle_id) DO UPDATE SET epoch = EXCLUDED.epoch, is_true = EXCLUDED.is_true,
            since = EXCLUDED.since, memory = EXCLUDED.memory, attentive = EXCLUDED.attentive,
            wake_at = EXCLUDED.wake_at
    """
    cursor.execute(query, list(map(list, zip(*_columns(kept, epochs), strict=True))))


def _columns(kept: Mapping[Pair, Row], epochs: Mapping[int, int]) -> Iterator[tuple[Any, ...]]:
    for (rule, vehicle), (is_true, since, memory, attentive, wake) in kept.items():
        yield (
            vehicle,
            rule,
            epochs[rule],
            is_true,
            None if since is None else time_of(since),
            None if memory == b"{}" else memory.decode(),
            attentive,
            None if wake is None else time_of(wake),
        )


def _forget(cursor: Any, pairs: list[Pair]) -> None:
    query = """
        DELETE FROM rules_rulestate state USING unnest(%s::bigint[], %s::bigint[]) AS t(vehicle, rule)
        WHERE state.vehicle_id = t.vehicle AND state.rule_id = t.rule
    """
    cursor.execute(query, [[pk for _, pk in pairs], [rule for rule, _ in pairs]])


def cursors_of(lane: int, epochs: Mapping[int, int]) -> dict[int, int]:
    """By rule that still scans this lane, the vehicle that its scan has come to."""
    scans = RuleScan.objects.filter(lane=lane).values_list("rule_id", "epoch", "after_vehicle")
    return {rule: after for rule, epoch, after in scans if epochs.get(rule) == epoch}


def begin_scans(rules: Mapping[int, int], lanes: Iterable[int]) -> None:
    """From the first vehicle of every lane; ``rules`` maps each rule to its epoch."""
    scans = [
        RuleScan(rule_id=rule, lane=lane, epoch=epoch) for rule, epoch in rules.items() for lane in lanes
    ]
    RuleScan.objects.bulk_create(
        scans,
        update_conflicts=True,
        unique_fields=["rule", "lane"],
        update_fields=["epoch", "after_vehicle"],
    )


def drop_stale_states(most: int = 50_000) -> int:
    """States of rules that are disabled, deleted or have begun anew: they count for nothing."""
    query = """
        DELETE FROM rules_rulestate WHERE id IN (
            SELECT state.id FROM rules_rulestate state JOIN rules_rule rule ON rule.id = state.rule_id
            WHERE NOT rule.enabled OR rule.deleted_at IS NOT NULL
               OR (rule.epoch <> state.epoch AND NOT EXISTS (SELECT FROM rules_rulescan WHERE rule_id = rule.id))
            LIMIT %s FOR UPDATE OF state SKIP LOCKED)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [most])
        return cursor.rowcount
