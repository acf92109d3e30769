"""A rule as it runs for one vehicle: from report to report, and by the clock between them.

Everything is in event time (milliseconds since 1970) and depends on nothing but what is handed in: so a rule
says the same live, in a trial over history, and after a restart.

A vehicle's values hold until they change. What changes by time alone (silence, hours, maintenance by months, a
repetition, an event that leaves its window) does so at a time that is known beforehand: the machine steps there
first, and then to the next report.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rules.maintenance import DAY_MS, due_at_ms, last_km
from rules.matching import Moment, Slots, Test, Values, compile_pattern, value_of
from rules.nodes import Change, Due, During, Lasts, Node, Often, Silent, subjects, walk
from rules.wording import explain

# A gap of years must not be stepped through minute by minute.
MOST_STEPS = 10_000
CLOCK, REPEAT_AT, FIRED_AT, OF_DAY = "clock", "repeat", "fired", "day"


class Kind(Enum):
    FIRE = "the pattern became true"
    REPEAT = "it is true still, and that is to be told again"
    HOLD_BACK = "it would have fired, but a cooldown or a limit forbids it"
    STAY = "it is true still, says a report"
    CLEAR = "it ended"


@dataclass(slots=True)
class Step:
    """What happened ``at`` a time. ``told`` says why (of a fire), or why not (of what was held back)."""

    kind: Kind
    at: int
    values: Values
    told: str = ""


@dataclass(slots=True)
class State:
    """What a rule remembers of a vehicle."""

    is_true: bool = False
    since: int | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.is_true and not self.memory


@dataclass(frozen=True, slots=True)
class Report:
    """A vehicle's values after and before something ``at`` a time; ``heard`` is its last report's time then.

    ``skip``: the rule has just come to watch the vehicle and does not fire for what is true already.
    ``asked``: up to then the clock was asked before, though nothing is remembered of it.
    """

    values: Values
    before: Values
    at: int
    heard: int | None
    heard_before: int | None
    skip: bool = False
    asked: int = 0
    is_report: bool = True


@dataclass(frozen=True)
class Terms:
    """When a rule tells of what is true: repeated, and held back."""

    repeat_s: int | None = None
    cooldown_s: int = 0
    per_day: int | None = None


class Machine:
    """A compiled rule. ``keys`` name the values that it reads; ``goes_by_time`` where reports alone do not do."""

    def __init__(self, node: Node, clear: Node | None = None, terms: Terms = Terms()) -> None:
        self.node, self.clear, self.terms = node, clear, terms
        self.trees = (node,) if clear is None else (node, clear)
        self.nodes = [inner for tree in self.trees for inner in walk(tree)]
        self.keys = frozenset(
            key for tree in self.trees for subject in subjects(tree) for key in subject.keys
        )
        remembering = [one for one in self.nodes if isinstance(one, Lasts | Often | Due)]
        self.slots = Slots(remembering)
        self._test = compile_pattern(node, self.slots)
        self._ends = self._ending(clear)
        self._remember = [self._remembers(one) for one in dict.fromkeys(remembering)]
        self._deadlines = [found for one in self.nodes if (found := self._deadline_of(one))]
        self.goes_by_time = bool(self._deadlines) or terms.repeat_s is not None
        self.is_shifting = any(isinstance(one, Change) for one in self.nodes)
        self.is_plain = not (remembering or self._deadlines or self.is_shifting or terms != Terms())

    def test(self, moment: Moment) -> bool | None:
        return self._test(moment)

    def see(self, state: State, report: Report) -> list[Step]:
        """Step to a report or another change, by way of what happened by time alone before it."""
        steps: list[Step] = []
        if self.goes_by_time:
            known = Moment(report.before, at=report.at, heard=report.heard_before, memory=state.memory)
            steps += self._by_time(state, known, after=report.asked, before=report.at)
        at = max(report.at, state.memory.get(CLOCK, report.at))
        moment = Moment(report.values, before=report.before, at=at, heard=report.heard, memory=state.memory)
        self._step(state, moment, steps, skip=report.skip, is_report=report.is_report)
        if self.is_shifting:
            settled = Moment(report.values, at=at, heard=report.heard, memory=state.memory)
            self._step(state, settled, steps, skip=report.skip)
        self._tidy(state, moment)
        return steps

    def until(
        self, state: State, values: Values, heard: int | None, end: int, *, after: int = 0
    ) -> list[Step]:
        """Step by the clock up to ``end``, which counts; ``after``: up to then it was asked before."""
        if not self.goes_by_time:
            return []
        moment = Moment(values, at=end, heard=heard, memory=state.memory)
        return self._by_time(state, moment, after=after, before=end + 1)

    def renew(self, state: State, values: Values, at: int) -> None:
        """What was due was done at a time: it is reckoned from then on, if it was not yet."""
        for node in self.nodes:
            if isinstance(node, Due) and state.memory.get(self.slots[node], (None, -1))[1] < at:
                odometer = value_of(node.odometer)(values)
                state.memory[self.slots[node]] = [odometer if node.every_km is not None else None, at]

    def attends(self, state: State) -> bool:
        """Whether it has to see every report of the vehicle, whatever that changes."""
        waits = any(
            self.slots[node] in state.memory for node in self.nodes if isinstance(node, Lasts | Often)
        )
        silent = state.is_true and any(isinstance(node, Silent) for node in self.nodes)
        return waits or silent or (state.is_true and self.terms.repeat_s is not None)

    def wakes_at(self, state: State) -> int | None:
        """When to step by the clock, because of what is remembered; silence and hours have ways of their own."""
        times = [state.memory[REPEAT_AT]] if state.is_true and REPEAT_AT in state.memory else []
        for node in self.nodes:
            if isinstance(node, Often) and len(held := state.memory.get(self.slots[node], ())) > 1:
                times.append(held[1] + int(node.seconds * 1000))
        return min(times, default=None)

    def _step(
        self, state: State, moment: Moment, steps: list[Step], *, skip: bool = False, is_report: bool = False
    ) -> None:
        for remember in self._remember:
            remember(moment)
        truth = self._test(moment)
        if state.is_true:
            if self._ends(moment, truth):
                state.is_true, state.since = False, None
                state.memory.pop(REPEAT_AT, None)
                steps.append(Step(Kind.CLEAR, moment.at, moment.values))
            else:
                self._stay(state, moment, steps, is_report=is_report and truth is True)
        elif truth:
            state.is_true, state.since = True, moment.at
            if not skip:
                self._tell(state, moment, steps, Kind.FIRE)

    def _stay(self, state: State, moment: Moment, steps: list[Step], *, is_report: bool) -> None:
        if is_report:
            steps.append(Step(Kind.STAY, moment.at, moment.values))
        if moment.at >= state.memory.get(REPEAT_AT, moment.at + 1):
            self._tell(state, moment, steps, Kind.REPEAT)

    def _tell(self, state: State, moment: Moment, steps: list[Step], kind: Kind) -> None:
        terms, memory = self.terms, state.memory
        if terms.repeat_s is not None:
            memory[REPEAT_AT] = moment.at + terms.repeat_s * 1000
        why = self._held_back(moment)
        if why:
            steps.append(Step(Kind.HOLD_BACK, moment.at, dict(moment.values), why))
            return
        if terms.cooldown_s:
            memory[FIRED_AT] = moment.at
        if terms.per_day is not None:
            day, count = memory.get(OF_DAY, (0, 0))
            today = moment.at // DAY_MS
            memory[OF_DAY] = [today, count + 1 if day == today else 1]
        steps.append(Step(kind, moment.at, dict(moment.values), explain(self.node, moment, self.slots)))

    def _held_back(self, moment: Moment) -> str:
        terms, memory = self.terms, moment.memory
        fired = memory.get(FIRED_AT)
        if terms.cooldown_s and fired is not None and moment.at - fired < terms.cooldown_s * 1000:
            ago = (moment.at - fired) // 1000
            return f"It fired for this vehicle {ago:,} s before; the cooldown is {terms.cooldown_s:,} s."
        day, count = memory.get(OF_DAY, (None, 0))
        if terms.per_day is not None and day == moment.at // DAY_MS and count >= terms.per_day:
            return f"It fired for this vehicle {count:,} times that day, which is its limit."
        return ""

    def _by_time(self, state: State, known: Moment, *, after: int, before: int) -> list[Step]:
        """Every step that time alone brings after what was last seen, and before a time."""
        steps: list[Step] = []
        after = max(known.heard or 0, state.memory.get(CLOCK, 0), after)
        if not after:
            return steps
        for _ in range(MOST_STEPS):
            at = self._next(state, known.heard, after)
            if at is None or at >= before:
                break
            moment = Moment(known.values, at=at, heard=known.heard, memory=state.memory)
            self._step(state, moment, steps)
            after = at
            self._tidy(state, moment)
        return steps

    def _next(self, state: State, heard: int | None, after: int) -> int | None:
        times = [found for deadline in self._deadlines if (found := deadline(state.memory, heard, after))]
        if state.is_true and REPEAT_AT in state.memory:
            times.append(max(state.memory[REPEAT_AT], after + 1))
        return min(times, default=None)

    def _tidy(self, state: State, moment: Moment) -> None:
        """Remember the time where the clock is asked of what was reported, and no cooldown for ever."""
        memory, at = state.memory, moment.at
        if FIRED_AT in memory and at - memory[FIRED_AT] >= self.terms.cooldown_s * 1000:
            del memory[FIRED_AT]
        if OF_DAY in memory and memory[OF_DAY][0] != at // DAY_MS:
            del memory[OF_DAY]
        if moment.heard is None:
            return
        memory.pop(CLOCK, None)
        if self.goes_by_time and (state.is_true or memory or at > moment.heard):
            memory[CLOCK] = at

    def _ending(self, clear: Node | None) -> Callable[[Moment, bool | None], bool]:
        if clear is None:
            return lambda moment, truth: truth is False
        ends = compile_pattern(clear, self.slots)
        return lambda moment, truth: truth is not True and ends(moment) is True

    def _remembers(self, node: Lasts | Often | Due) -> Callable[[Moment], None]:
        slot = self.slots[node]
        if isinstance(node, Due):
            return _remember_due(node, slot)
        inner = compile_pattern(node.node, self.slots)
        return _remember_since(inner, slot) if isinstance(node, Lasts) else _remember_times(node, inner, slot)

    def _deadline_of(self, node: Node) -> "Deadline | None":
        match node:
            case Silent():
                return _silence_ends(int(node.seconds * 1000))
            case During():
                return lambda memory, heard, after: int(node.hours.next_edge(after / 1000) * 1000)
            case Often():
                return _window_ends(self.slots[node], int(node.seconds * 1000))
            case Due() if node.every_months is not None:
                return _months_end(node, self.slots[node])
        return None


Deadline = Callable[[Mapping[str, Any], int | None, int], int | None]


def _remember_since(inner: Test, slot: str) -> Callable[[Moment], None]:
    """Since when it is true without a break; not knowing breaks nothing."""

    def remember(moment: Moment) -> None:
        truth = inner(moment)
        if truth:
            moment.memory.setdefault(slot, moment.at)
        elif truth is False:
            moment.memory.pop(slot, None)

    return remember


def _remember_times(node: Often, inner: Test, slot: str) -> Callable[[Moment], None]:
    """Whether it is true now, and when it became so: the latest times within the window, as many as count."""
    window = int(node.seconds * 1000)

    def remember(moment: Moment) -> None:
        truth, held = inner(moment), moment.memory.get(slot)
        if held is None:
            if truth:
                moment.memory[slot] = [1, moment.at]
            return
        times = [at for at in held[1:] if moment.at - at < window]
        if truth and not held[0]:
            times = [*times, moment.at][-node.times :]
        is_true = held[0] if truth is None else int(truth)
        if is_true or times:
            moment.memory[slot] = [is_true, *times]
        else:
            del moment.memory[slot]

    return remember


def _remember_due(node: Due, slot: str) -> Callable[[Moment], None]:
    read = value_of(node.odometer)

    def remember(moment: Moment) -> None:
        held = moment.memory.setdefault(slot, [None, moment.at])
        if held[0] is None:
            held[0] = last_km(node, read(moment.values))

    return remember


def _silence_ends(lasting: int) -> Deadline:
    return lambda memory, heard, after: (
        heard + lasting if heard is not None and heard + lasting > after else None
    )


def _window_ends(slot: str, lasting: int) -> Deadline:
    def find(memory: Mapping[str, Any], heard: int | None, after: int) -> int | None:
        held = memory.get(slot, ())
        return held[1] + lasting if len(held) > 1 and held[1] + lasting > after else None

    return find


def _months_end(node: Due, slot: str) -> Deadline:
    def find(memory: Mapping[str, Any], heard: int | None, after: int) -> int | None:
        held = memory.get(slot)
        at = due_at_ms(node, held[1]) if held else 0
        return at if at > after else None

    return find
