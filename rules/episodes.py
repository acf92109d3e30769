"""What steps of rules come to: firings, and alerts that begin, go on and end, each vehicle's in order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from rules.machine import Kind, Step
from rules.matching import Values
from rules.pending import Batch
from rules.running import RunningRule

Pair = tuple[int, int]


@dataclass(slots=True)
class Crossing:
    """A rule fires for a vehicle: in a batch's row, or, with no batch, by time or when the rule looked.

    ``at`` and ``cleared_at`` are in event time, in milliseconds. ``cause`` is told where no batch does. ``is_last``
    of what ended: it owes what is to be done then.
    """

    rule: RunningRule
    vehicle: int
    explanation: str
    values: Values
    at: int
    kind: Kind = Kind.FIRE
    batch: Batch | None = None
    position: int = 0
    seq: int = 0
    cleared_at: int | None = None
    is_last: bool = False
    cause: dict[str, Any] | None = None


@dataclass(slots=True)
class Episode:
    """An alert from its beginning to its end: what raised it (None: it was open before), reports, and its end."""

    raised: list[Crossing] = field(default_factory=list)
    said: list[tuple[int, Values]] = field(default_factory=list)
    ended_at: int | None = None


@dataclass
class Outcome:
    """``ended`` are those that were true before all that is noted here, and when they ended; ``owing`` those of them
    whose last firing is from before, too.
    """

    crossings: list[Crossing] = field(default_factory=list)
    ended: dict[Pair, int] = field(default_factory=dict)
    owing: set[Pair] = field(default_factory=set)
    held_back: Counter[int] = field(default_factory=Counter)
    alerts: dict[Pair, list[Episode]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[int, RunningRule] = field(default_factory=dict)
    _lasting: dict[Pair, list[Crossing]] = field(default_factory=lambda: defaultdict(list))
    _fresh: set[Pair] = field(default_factory=set)
    _seqs: Counter[tuple[int, int, int]] = field(default_factory=Counter)

    @property
    def is_empty(self) -> bool:
        return not (self.crossings or self.ended or self.held_back or self.alerts)

    def note(
        self,
        rule: RunningRule,
        vehicle: int,
        step: Step,
        *,
        was_true: bool = False,
        batch: Batch | None = None,
        position: int = 0,
        cause: dict[str, Any] | None = None,
    ) -> None:
        """``was_true``: before the report that this step belongs to."""
        pair = (rule.pk, vehicle)
        if step.kind is Kind.CLEAR:
            self._end(rule, pair, step.at, was_true=was_true)
        elif step.kind is Kind.STAY:
            if rule.raises is not None:
                self._episode(pair).said.append((step.at, dict(step.values)))
                self.rules[rule.pk] = rule
        elif step.kind is Kind.HOLD_BACK:
            self.held_back[rule.pk] += 1
            if not was_true:
                self._fresh.add(pair)
        else:
            self._fire(rule, vehicle, step, was_true, batch, position, cause)

    def end(self, rule: RunningRule, vehicle: int, at: int) -> None:
        """What was true ends, because the vehicle is not the rule's any more."""
        self._end(rule, (rule.pk, vehicle), at, was_true=True)

    def rounds(self) -> Iterator[list[tuple[Pair, Episode]]]:
        """The first episode of each pair, then the second ones: a pair's follow one another."""
        for row in zip_longest(
            *([(pair, one) for one in held] for pair, held in sorted(self.alerts.items()))
        ):
            yield [one for one in row if one is not None]

    def keep(self, crossings: Iterable[Crossing]) -> None:
        """Only these fire; the others are held back by what the rule did for other vehicles."""
        kept = list(crossings)
        left = set(map(id, kept))
        for one in self.crossings:
            if id(one) not in left:
                self.held_back[one.rule.pk] += 1
                self._drop_alert(one)
        self.crossings = kept

    def _fire(
        self,
        rule: RunningRule,
        vehicle: int,
        step: Step,
        was_true: bool,
        batch: Batch | None,
        position: int,
        cause: dict[str, Any] | None,
    ) -> None:
        pair = (rule.pk, vehicle)
        key = (batch.pk if batch else 0, rule.pk, vehicle)
        seq = self._seqs[key]
        self._seqs[key] += 1
        crossing = Crossing(
            rule, vehicle, step.told, step.values, step.at, step.kind, batch, position, seq, cause=cause
        )
        if step.kind is Kind.FIRE and not was_true:
            self._fresh.add(pair)
        self.crossings.append(crossing)
        self._lasting[pair].append(crossing)
        if rule.raises is not None:
            self._episode(pair).raised.append(crossing)
            self.rules[rule.pk] = rule

    def _end(self, rule: RunningRule, pair: Pair, at: int, *, was_true: bool) -> None:
        lasting = self._lasting.pop(pair, [])
        for crossing in lasting:
            crossing.cleared_at, crossing.is_last = at, crossing is lasting[-1]
        if pair not in self._fresh and was_true:
            self.ended.setdefault(pair, at)
            if not lasting:
                self.owing.add(pair)
        # What follows began here, so nothing from before lasts any more.
        self._fresh.add(pair)
        self.rules[rule.pk] = rule
        if rule.raises is not None:
            self._episode(pair).ended_at = at

    def _episode(self, pair: Pair) -> Episode:
        held = self.alerts[pair]
        if not held or held[-1].ended_at is not None:
            held.append(Episode())
        return held[-1]

    def _drop_alert(self, crossing: Crossing) -> None:
        for episode in self.alerts.get((crossing.rule.pk, crossing.vehicle), ()):
            episode.raised = [one for one in episode.raised if one is not crossing]
