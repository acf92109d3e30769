"""Batches held against rules: each row asks the rules that it may matter to, in event time.

A rule that has just begun still scans the lane. For a vehicle that the scan has not reached, the values
from before the batch serve as the scan's: so what was true already is told from what became true, and
the scan finds nothing left to do. Batches from before the rule began are no matter of the rule's.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.db import DatabaseError

from rules.episodes import Outcome
from rules.index import Columns
from rules.late import begin_late
from rules.machine import Report, State, Step
from rules.matching import Moment, Values
from rules.moments import ms_of
from rules.pending import Batch
from rules.replay import Replay
from rules.running import RuleBook, RunningRule
from rules.states import States, attends, attentive_rules, load_states, rules_remembering
from rules.surroundings import last_services, vehicles_of_open_tasks

log = structlog.get_logger(__name__)
_NONE: frozenset[int] = frozenset()
_NOTHING: tuple[RunningRule, ...] = ()


@dataclass
class Evaluation:
    """``clocks``: up to when (milliseconds) the clock was asked for a rule in this lane; ``now`` is when rules look."""

    book: RuleBook
    lane: int
    cursors: dict[int, int] = field(default_factory=dict)
    clocks: Mapping[int, int] = field(default_factory=dict)
    now: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    states: States = field(default_factory=States)
    held: int = 0
    _attending: dict[int, set[RunningRule]] = field(default_factory=lambda: defaultdict(set))
    _of_tasks: dict[int, frozenset[int]] = field(default_factory=dict)
    _services: dict[tuple[int, int], int] = field(default_factory=dict)

    def run(self, batches: list[Batch]) -> None:
        """Evaluate these batches, the next ones of the lane in their order."""
        wanted = self._ask(batches)
        if not wanted:
            return
        rules = self.load(wanted)
        replay = Replay(
            self.lane, wanted, frozenset().union(*(rule.keys for rule in rules)), self.book.fleet_ids
        )
        replay.walk_back(batches)
        for batch in batches:
            self._replay(batch, replay)

    def look(self, rule: RunningRule, vehicles: Iterable[int]) -> None:
        """Scan: what these vehicles were before all that is pending, as the rule finds them."""
        wanted = {pk: {rule} for pk in sorted(vehicles)}
        self.load(wanted)
        replay = Replay(self.lane, wanted, rule.keys, self.book.fleet_ids)
        replay.walk_back([])
        self.held += len(wanted)
        for pk in wanted:
            values = replay.values.get(pk)
            if values is not None:
                self._begin(rule, pk, values)

    def watches(self, rule: RunningRule, pk: int, values: Values) -> bool:
        return rule.watches(pk, values, self._of_tasks.get(rule.pk, _NONE))

    def leave(self, rule: RunningRule, pk: int, at: int) -> None:
        """The vehicle is not the rule's any more."""
        state = self.states.get(rule.pk, pk)
        if state is not None:
            if state.is_true:
                self.outcome.end(rule, pk, at)
            self.states.forget(rule.pk, pk)

    # ------------------------------------------------------------ which rules to ask

    def _ask(self, batches: list[Batch]) -> dict[int, set[RunningRule]]:
        """Note at every row the rules to ask; answers them by vehicle."""
        touched = {pk for batch in batches for pk in batch.vehicles}
        attentive = attentive_rules(touched, self.book.prompt)
        wanted: dict[int, set[RunningRule]] = defaultdict(set)
        for batch in batches:
            batch.asked = self._asked(batch, attentive)
            for pk, rules in zip(batch.vehicles, batch.asked, strict=True):
                if rules:
                    wanted[pk].update(rules)
        return wanted

    def _asked(self, batch: Batch, attentive: dict[int, set[RunningRule]]) -> list[Collection[RunningRule]]:
        if batch.begins or batch.moves_scope or not batch.fields:
            return self._asked_all(batch, attentive)
        columns = self.book.index.of(batch.fields, max(self.clocks.values(), default=0))
        if columns.is_empty or batch.old is None or batch.new is None:
            return [attentive.get(pk, _NOTHING) for pk in batch.vehicles]
        asked: list[Collection[RunningRule]] = []
        for pk, old, new in zip(batch.vehicles, batch.old, batch.new, strict=True):
            found = self._touched(columns, old, new)
            others = attentive.get(pk)
            asked.append(found | others if others else found)
        return asked

    def _touched(
        self, columns: Columns[RunningRule], old: Sequence[Any], new: Sequence[Any]
    ) -> set[RunningRule]:
        try:
            return columns.touched(old, new)
        except Exception:
            log.exception("rules cannot be looked up; all are asked")
            return set(self.book.prompt)

    def _asked_all(
        self, batch: Batch, attentive: dict[int, set[RunningRule]]
    ) -> list[Collection[RunningRule]]:
        rules = set(self.book.concerned(("vehicle_id",) if batch.begins else batch.fields))
        if not batch.fields:
            # A rule that has let go of its tasks still has to forget what it held there.
            rules |= {
                self.book.rules[pk] for pk in rules_remembering(batch.vehicles) if pk in self.book.rules
            } - set(self.book.late)
        return [rules | attentive.get(pk, set()) for pk in batch.vehicles]

    def load(self, wanted: dict[int, set[RunningRule]]) -> set[RunningRule]:
        rules: set[RunningRule] = set().union(*wanted.values())
        self.states = load_states(wanted, rules)
        with_tasks = [rule.pk for rule in rules if rule.scope.tasks]
        self._of_tasks = vehicles_of_open_tasks(with_tasks, wanted)
        self._services = last_services([rule.pk for rule in rules if rule.counts_services], wanted)
        return rules

    # ------------------------------------------------------------ row by row

    def _replay(self, batch: Batch, replay: Replay) -> None:
        at = ms_of(batch.created_at) or 0
        for position, pk in enumerate(batch.vehicles):
            before = replay.step(batch, position)
            rules = self._with_attending(batch.asked[position], pk)
            if before is None or not rules or (batch.creates and pk in replay.half_told):
                continue
            values = replay.values[pk]
            heard = ms_of(values["recorded_at"])
            # What is no report happens, for the vehicle, at the time of its last one.
            heard_before = ms_of(before["recorded_at"])
            report = Report(values, before, heard or at, heard, heard_before, is_report=batch.is_report)
            self._hold_row(rules, batch, position, report)

    def _hold_row(self, rules: Collection[RunningRule], batch: Batch, position: int, report: Report) -> None:
        pk = batch.vehicles[position]
        moment = Moment(report.values, at=report.at, heard=report.heard)
        self.held += len(rules)
        for rule in rules:
            if rule.machine.is_plain and rule.pk not in self.cursors and not rule.skip_current:
                # Most rows cross nothing: that much is told without a closer look.
                state = self.states.get(rule.pk, pk)
                if (state is None or not state.is_true) and not self._holds(rule, pk, moment):
                    continue
            self._hold_closely(rule, batch, position, report)
            self._mind(rule, pk)

    def _holds(self, rule: RunningRule, pk: int, moment: Moment) -> bool:
        """Also where it breaks: a closer look tells of that."""
        try:
            return self.watches(rule, pk, moment.values) and rule.machine.test(moment) is True
        except Exception:
            return True

    def _with_attending(self, rules: Collection[RunningRule], pk: int) -> Collection[RunningRule]:
        """Also those that a row before has made attentive: nothing of that is stored yet."""
        others = self._attending.get(pk)
        return others.union(rules) if others else rules

    def _mind(self, rule: RunningRule, pk: int) -> None:
        state = self.states.get(rule.pk, pk)
        if state is not None and attends(rule, state):
            self._attending[pk].add(rule)
        else:
            self._attending[pk].discard(rule)

    def _hold_closely(self, rule: RunningRule, batch: Batch, position: int, report: Report) -> None:
        pk = batch.vehicles[position]
        if rule.pk in self.cursors and pk > self.cursors[rule.pk]:
            if batch.created_at is not None and batch.created_at <= rule.started_at:
                return
            if not batch.begins:
                self._begin(rule, pk, report.before)
        # What a rule is given by this very change was true already when it came to watch the vehicle.
        if rule.skip_current and (
            batch.begins
            or not batch.fields
            or (batch.moves_scope and not self.watches(rule, pk, report.before))
        ):
            report = replace(report, skip=True)
        self._hold(rule, pk, report, batch, position)

    def _begin(self, rule: RunningRule, pk: int, values: Values) -> None:
        """As the rule finds a vehicle that it comes to watch; one that it watches already goes on as it was."""
        heard = ms_of(values["recorded_at"])
        state = self.states.get(rule.pk, pk)
        if state is not None and self.watches(rule, pk, values):
            return
        begun = Report(
            values, values, max(self.now, heard or 0), heard, None, rule.skip_current, is_report=False
        )
        self._hold(rule, pk, begun)
        state = self.states.get(rule.pk, pk)
        if (rule.pk, pk) in self.states.former and (state is None or not state.is_true):
            # It was so before the rule began anew, and is no longer.
            self.outcome.end(rule, pk, self.now)
        if rule.lateness_s and state is not None:
            begin_late(rule, state, values, heard)

    def _hold(
        self, rule: RunningRule, pk: int, report: Report, batch: Batch | None = None, position: int = 0
    ) -> None:
        if not self.watches(rule, pk, report.values):
            self.leave(rule, pk, report.at)
            return
        state = self.states.begin(rule.pk, pk)
        served = self._services.get((rule.pk, pk))
        if served is not None:
            rule.machine.renew(state, report.values, served)
        was_true = state.is_true
        for step in self.unless_it_breaks(rule, pk, lambda: self._steps(rule, state, report)):
            self.outcome.note(rule, pk, step, was_true=was_true, batch=batch, position=position)

    def unless_it_breaks(self, rule: RunningRule, pk: int, steps: Callable[[], list[Step]]) -> list[Step]:
        """A rule that breaks on what nobody foresaw says nothing of this vehicle, and holds up no other rule."""
        try:
            return steps()
        except DatabaseError:
            raise
        except Exception:
            log.exception("rule breaks", rule=rule.pk, name=rule.name, vehicle=pk)
            self.states.revert(rule.pk, pk)
            return []

    def _steps(self, rule: RunningRule, state: State, report: Report) -> list[Step]:
        """Also by the clock where it was asked before for a time after this report."""
        asked = self.clocks.get(rule.pk)
        if asked is None:
            return rule.machine.see(state, report)
        steps = rule.machine.see(state, replace(report, asked=asked))
        if not report.is_report:
            return steps
        return steps + rule.machine.until(state, report.values, report.heard, asked)
