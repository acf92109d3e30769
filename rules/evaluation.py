"""Batches held against rules: values walked back, replayed forward, and every edge noted on the way.

A vehicle that changed once is what it is now. One that changed more often is walked back over the old
values of all its pending batches first, the later ones too, and then forward again, batch by batch.

A rule that has just begun still scans the lane. For a vehicle that the scan has not reached, the values
from before the batch serve as the scan's: so what was true already is told from what became true, and
the scan finds nothing left to do. Batches from before the rule began are no matter of the rule's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rules.pending import Batch, load_sides, pending_since
from rules.running import RuleBook, RunningRule
from rules.scope import SCOPE_FIELDS
from rules.state import Edge, edge
from rules.states import load_true, vehicles_of_open_tasks
from rules.values import load_values
from rules.wording import explain

NOT_YET = "it was not created yet"
_NONE: frozenset[int] = frozenset()

Known = dict[str, Any]


@dataclass(slots=True)
class Crossing:
    """A rule's pattern became true for a vehicle: in a batch's row, or before the rule looked (no batch)."""

    rule: RunningRule
    vehicle: int
    explanation: str
    values: Known
    batch: Batch | None = None
    position: int = 0
    seq: int = 0


@dataclass
class Evaluation:
    book: RuleBook
    lane: int
    cursors: dict[int, int] = field(default_factory=dict)
    crossings: list[Crossing] = field(default_factory=list)
    true: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _first: dict[tuple[int, int], bool] = field(default_factory=dict)
    _of_tasks: dict[int, frozenset[int]] = field(default_factory=dict)
    _values: dict[int, Known] = field(default_factory=dict)
    _tangled: set[int] = field(default_factory=set)
    # Created, with a first status that follows in a batch of its own: the creation alone says only half.
    _half_told: set[int] = field(default_factory=set)
    # What each batch that begins made of each vehicle, found on the way back.
    _made: dict[tuple[int, int], Known] = field(default_factory=dict)
    _needed: frozenset[str] = frozenset()
    _seqs: Counter[tuple[int, int, int]] = field(default_factory=Counter)

    def run(self, batches: list[Batch]) -> None:
        """Evaluate these batches, the next ones of the lane in their order."""
        self._find_rules(batches)
        touched = {pk for batch in batches if batch.rules for pk in batch.vehicles}
        if touched:
            self._load(touched, [rule for batch in batches for rule in batch.rules])
            self._find_tangled(batches, touched)
            self._walk_back(batches)
            for batch in batches:
                self._replay(batch)

    def look(self, rule: RunningRule, vehicles: Iterable[int]) -> None:
        """Scan: what these vehicles were before all that is pending, as the rule finds them."""
        vehicles = sorted(vehicles)
        self._load(set(vehicles), [rule])
        self._tangled = set(self._values)
        self._walk_back([])
        for pk in vehicles:
            if pk in self._values:
                self._hold(rule, pk, self._values[pk], skip=rule.skip_current)

    def moves(self) -> dict[tuple[int, int], bool]:
        """What changed in the end: (vehicle, rule) to whether the pattern is true now."""
        ends = {(pk, rule): pk in self.true[rule] for pk, rule in self._first}
        return {key: end for key, end in ends.items() if end is not self._first[key]}

    def _find_rules(self, batches: list[Batch]) -> None:
        for batch in batches:
            batch.rules = self.book.concerned(("vehicle_id",) if batch.begins else batch.fields)
            if batch.is_first:
                self._half_told.update(batch.vehicles)
        nudged = [batch for batch in batches if not batch.fields]
        if nudged and self.book.rules:
            # A rule that has let go of its tasks still has to forget what it held there.
            held = load_true({pk for batch in nudged for pk in batch.vehicles}, None)
            forgetful = [self.book.rules[pk] for pk in held if pk in self.book.rules]
            for batch in nudged:
                batch.rules = list({rule.pk: rule for rule in (*batch.rules, *forgetful)}.values())

    def _load(self, vehicles: set[int], rules: list[RunningRule]) -> None:
        rules = list({rule.pk: rule for rule in rules}.values())
        keys = frozenset().union(*(rule.keys for rule in rules))
        self._needed = keys | SCOPE_FIELDS | {"vehicle_id", "fleet_id"}
        self._values = load_values(vehicles, keys, self.book.fleet_ids)
        epochs = {rule.pk: rule.epoch for rule in rules}
        self.true.update({pk: set() for pk in epochs if pk not in self.true})
        for rule, held in load_true(vehicles, epochs).items():
            self.true[rule] |= held
        self._of_tasks = vehicles_of_open_tasks([rule.pk for rule in rules if rule.scope.tasks], vehicles)

    def _find_tangled(self, batches: list[Batch], touched: set[int]) -> None:
        times: Counter[int] = Counter()
        for batch in batches:
            # What holds a vehicle against a rule needs the values of its own time, whatever it changed itself.
            if batch.rules or self._matters(batch):
                times.update(pk for pk in batch.vehicles if not (batch.creates and pk in self._half_told))
            if self._needs_before(batch):
                self._tangled.update(batch.vehicles)
        self._tangled.update(pk for pk, count in times.items() if count > 1)
        self._tangled &= touched

    def _matters(self, batch: Batch) -> bool:
        return not self._needed.isdisjoint(batch.fields)

    def _needs_before(self, batch: Batch) -> bool:
        """Whether a rule has to know what the vehicles were just before this batch."""
        return not batch.begins and any(
            rule.pk in self.cursors or (rule.skip_current and batch.moves_scope) for rule in batch.rules
        )

    def _walk_back(self, batches: list[Batch]) -> None:
        """From now to before the first of ``batches``."""
        for later in pending_since(self.lane, fields=self._needed, vehicles=self._values):
            self._tangled.update(pk for pk in later.vehicles if pk in self._values)
            if later.is_first:
                self._half_told.update(later.vehicles)
            self._undo(later)
        own = [
            batch
            for batch in batches
            if self._matters(batch) and not self._tangled.isdisjoint(batch.vehicles)
        ]
        if own:
            load_sides(own)
        for batch in reversed(own):
            self._undo(batch)

    def _undo(self, batch: Batch) -> None:
        columns = self._columns(batch)
        for position in range(len(batch.vehicles) - 1, -1, -1):
            pk = batch.vehicles[position]
            if pk in self._tangled and pk in self._values:
                values = self._values[pk]
                if batch.begins:
                    self._made[batch.pk, pk] = dict(values)
                if batch.creates:
                    values.update({**dict.fromkeys(values), "deleted_at": NOT_YET})
                else:
                    self._put(values, columns, batch.old[position] if batch.old else None)

    def _columns(self, batch: Batch) -> list[tuple[int, str]]:
        return [(index, name) for index, name in enumerate(batch.fields) if name in self._needed]

    def _put(self, values: Known, columns: list[tuple[int, str]], side: Any) -> None:
        for index, name in columns:
            values[name] = side[index] if side else None
            if name == "fleet":
                values["fleet_id"] = self.book.fleet_ids.get(values[name])

    def _replay(self, batch: Batch) -> None:
        if not batch.is_walked and not any(rule.pk in self.cursors for rule in batch.rules):
            self._hold_all(batch)
            return
        columns, keeps_before = self._columns(batch), self._needs_before(batch)
        for position, pk in enumerate(batch.vehicles):
            values = self._values.get(pk)
            if values is None:
                continue
            before = dict(values) if keeps_before else values
            if batch.begins:
                values.update(self._made.get((batch.pk, pk), {}))
            elif batch.new is not None and pk in self._tangled:
                self._put(values, columns, batch.new[position])
            if not (batch.creates and pk in self._half_told):
                self._hold_each(batch, position, values, before, looks_closer=keeps_before)

    def _hold_each(
        self, batch: Batch, position: int, values: Known, before: Known, *, looks_closer: bool
    ) -> None:
        pk = batch.vehicles[position]
        for rule in batch.rules:
            holds = rule.watches(pk, values, self._of_tasks.get(rule.pk, _NONE)) and rule.test(values)
            # Most rows cross nothing: that much is told without a closer look.
            if looks_closer or (holds is True) is not (pk in self.true[rule.pk]):
                self._hold_row(rule, batch, position, values, before)

    def _hold_all(self, batch: Batch) -> None:
        """The quick way for vehicles that changed once: rule by rule, with a closer look only at edges."""
        values_of = self._values.get
        half_told = self._half_told if batch.creates else _NONE
        for rule in batch.rules:
            test, watches, true = rule.test, rule.watches, self.true[rule.pk]
            of_tasks = self._of_tasks.get(rule.pk, _NONE)
            skip = rule.skip_current and (batch.begins or not batch.fields)
            for position, pk in enumerate(batch.vehicles):
                values = values_of(pk)
                if values is None or pk in half_told:
                    continue
                if ((watches(pk, values, of_tasks) and test(values)) is True) is not (pk in true):
                    self._hold(rule, pk, values, skip=skip, batch=batch, position=position)

    def _hold_row(self, rule: RunningRule, batch: Batch, position: int, values: Known, before: Known) -> None:
        pk = batch.vehicles[position]
        if rule.pk in self.cursors and pk > self.cursors[rule.pk]:
            if batch.created_at is not None and batch.created_at <= rule.started_at:
                return
            if not batch.begins:
                self._hold(rule, pk, before, skip=rule.skip_current)
        # What a rule is given by this very change was true already when it came to watch the vehicle.
        of_tasks = self._of_tasks.get(rule.pk, _NONE)
        enters = rule.skip_current and (
            batch.begins or not batch.fields or (batch.moves_scope and not rule.watches(pk, before, of_tasks))
        )
        self._hold(rule, pk, values, skip=enters, batch=batch, position=position)

    def _hold(
        self,
        rule: RunningRule,
        pk: int,
        values: Known,
        *,
        skip: bool,
        batch: Batch | None = None,
        position: int = 0,
    ) -> None:
        true = self.true[rule.pk]
        was_true = pk in true
        watched = rule.watches(pk, values, self._of_tasks.get(rule.pk, _NONE))
        step = edge(rule.test(values) if watched else None, was_true=was_true, watched=watched, skip=skip)
        if step is Edge.STAY:
            return
        self._first.setdefault((pk, rule.pk), was_true)
        if step is Edge.CLEAR:
            true.discard(pk)
            return
        true.add(pk)
        if step is Edge.FIRE:
            self._note(rule, pk, values, batch, position)

    def _note(self, rule: RunningRule, pk: int, values: Known, batch: Batch | None, position: int) -> None:
        key = (batch.pk if batch else 0, rule.pk, pk)
        told = explain(rule.node, values)
        self.crossings.append(Crossing(rule, pk, told, dict(values), batch, position, self._seqs[key]))
        self._seqs[key] += 1
