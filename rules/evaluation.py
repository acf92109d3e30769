"""Batches held against rules: each row asks the rules that it may matter to, in event time.

A rule that has just begun still scans the lane. For a vehicle that the scan has not reached, the values
from before the batch serve as the scan's: so what was true already is told from what became true, and
the scan finds nothing left to do. Batches from before the rule began are no matter of the rule's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from rules.episodes import Outcome
from rules.machine import Report
from rules.matching import Moment, Values
from rules.moments import ms_of
from rules.pending import Batch
from rules.replay import Replay
from rules.running import RuleBook, RunningRule
from rules.states import States, attentive_rules, load_states, rules_remembering
from rules.surroundings import last_services, vehicles_of_open_tasks

_NONE: frozenset[int] = frozenset()
_NOTHING: tuple[RunningRule, ...] = ()


@dataclass
class Evaluation:
    """``asked_until``: up to when the clock was asked in this lane (milliseconds); ``now`` is when rules look."""

    book: RuleBook
    lane: int
    cursors: dict[int, int] = field(default_factory=dict)
    asked_until: int = 0
    now: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    states: States = field(default_factory=States)
    held: int = 0
    _of_tasks: dict[int, frozenset[int]] = field(default_factory=dict)
    _services: dict[tuple[int, int], int] = field(default_factory=dict)

    def run(self, batches: list[Batch]) -> None:
        """Evaluate these batches, the next ones of the lane in their order."""
        wanted = self._ask(batches)
        if not wanted:
            return
        rules = self._load(wanted)
        replay = Replay(
            self.lane, wanted, frozenset().union(*(rule.keys for rule in rules)), self.book.fleet_ids
        )
        replay.walk_back(batches)
        for batch in batches:
            self._replay(batch, replay)

    def look(self, rule: RunningRule, vehicles: Iterable[int]) -> None:
        """Scan: what these vehicles were before all that is pending, as the rule finds them."""
        wanted = {pk: {rule} for pk in sorted(vehicles)}
        self._load(wanted)
        replay = Replay(self.lane, wanted, rule.keys, self.book.fleet_ids)
        replay.walk_back([])
        self.held += len(wanted)
        for pk in wanted:
            values = replay.values.get(pk)
            if values is not None:
                self._begin(rule, pk, values)

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
        columns = self.book.index.of(batch.fields, self.asked_until)
        if columns.is_empty or batch.old is None or batch.new is None:
            return [attentive.get(pk, _NOTHING) for pk in batch.vehicles]
        asked: list[Collection[RunningRule]] = []
        for pk, old, new in zip(batch.vehicles, batch.old, batch.new, strict=True):
            found = columns.touched(old, new)
            others = attentive.get(pk)
            asked.append(found | others if others else found)
        return asked

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

    def _load(self, wanted: dict[int, set[RunningRule]]) -> set[RunningRule]:
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
            rules = batch.asked[position]
            if before is None or not rules or (batch.creates and pk in replay.half_told):
                continue
            values = replay.values[pk]
            heard = ms_of(values["recorded_at"])
            reported = heard if batch.is_report and heard is not None else max(at, heard or at)
            report = Report(values, before, reported, heard, ms_of(before["recorded_at"]))
            self._hold_row(rules, batch, position, report)

    def _hold_row(self, rules: Collection[RunningRule], batch: Batch, position: int, report: Report) -> None:
        pk = batch.vehicles[position]
        moment = Moment(report.values, at=report.at, heard=report.heard)
        self.held += len(rules)
        for rule in rules:
            if rule.machine.is_plain and rule.pk not in self.cursors and not rule.skip_current:
                # Most rows cross nothing: that much is told without a closer look.
                watched = rule.watches(pk, report.values, self._of_tasks.get(rule.pk, _NONE))
                holds = watched and rule.machine.test(moment) is True
                state = self.states.get(rule.pk, pk)
                if not holds and (state is None or not state.is_true):
                    continue
            self._hold_closely(rule, batch, position, report)

    def _hold_closely(self, rule: RunningRule, batch: Batch, position: int, report: Report) -> None:
        pk = batch.vehicles[position]
        if rule.pk in self.cursors and pk > self.cursors[rule.pk]:
            if batch.created_at is not None and batch.created_at <= rule.started_at:
                return
            if not batch.begins:
                self._begin(rule, pk, report.before)
        # What a rule is given by this very change was true already when it came to watch the vehicle.
        of_tasks = self._of_tasks.get(rule.pk, _NONE)
        if rule.skip_current and (
            batch.begins
            or not batch.fields
            or (batch.moves_scope and not rule.watches(pk, report.before, of_tasks))
        ):
            report = Report(
                report.values, report.before, report.at, report.heard, report.heard_before, skip=True
            )
        self._hold(rule, pk, report, batch, position)

    def _begin(self, rule: RunningRule, pk: int, values: Values) -> None:
        """As the rule finds a vehicle that it comes to watch."""
        heard = ms_of(values["recorded_at"])
        self._hold(rule, pk, Report(values, values, self.now, heard, None, skip=rule.skip_current))

    def _hold(
        self, rule: RunningRule, pk: int, report: Report, batch: Batch | None = None, position: int = 0
    ) -> None:
        watched = rule.watches(pk, report.values, self._of_tasks.get(rule.pk, _NONE))
        state = self.states.get(rule.pk, pk)
        if not watched:
            if state is not None:
                self.outcome.leave(rule, pk, state, report, batch, position)
                self.states.forget(rule.pk, pk)
            return
        state = self.states.begin(rule.pk, pk)
        served = self._services.get((rule.pk, pk))
        if served is not None:
            rule.machine.renew(state, report.values, served)
        was_true = state.is_true
        for step in rule.machine.see(state, report):
            self.outcome.note(rule, pk, step, was_true=was_true, batch=batch, position=position)
