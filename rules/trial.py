"""A rule tried over what happened: the very machine that runs live, stepped from event to event. Nothing is done.

The rule begins at the trial's start, as it would if it had been switched on then: what is true already fires,
unless the rule skips that. Events come in the order of their times, as a rule with a lateness sees them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.history import Event
from rules.history_start import Known
from rules.limits import Total
from rules.machine import CLOCK, Kind, Machine, Report, State, Step
from rules.maintenance import DAY_MS
from rules.matching import Moment

# Firings beyond these are counted, and told by their times alone.
MOST_WHOLE = 100_000
MOST_SPANS = 200
STEPS_BETWEEN_TICKS = 20_000


@dataclass(slots=True)
class Found:
    """A time at which the rule would have fired, or was held back (``told`` says why; else what made it true).

    ``until`` is when it ended, None where it had not by the trial's end. Times are milliseconds since 1970.
    """

    vehicle: int
    at: int
    kind: Kind
    told: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    until: int | None = None
    is_at_start: bool = False


@dataclass(slots=True)
class OfVehicle:
    """``spans``: when it was true, the first ones; an end None means still."""

    fired: int = 0
    repeated: int = 0
    held_back: int = 0
    true_ms: int = 0
    spans: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class OfDay:
    fired: int = 0
    repeated: int = 0
    held_back: int = 0
    true_ms: int = 0


@dataclass
class Outcome:
    """``found`` in the order of time, what was held back included."""

    found: list[Found] = field(default_factory=list)
    vehicles: dict[int, OfVehicle] = field(default_factory=lambda: defaultdict(OfVehicle))
    days: dict[int, OfDay] = field(default_factory=lambda: defaultdict(OfDay))
    events: Counter[str] = field(default_factory=Counter)

    @property
    def fired(self) -> list[Found]:
        return [one for one in self.found if one.kind is not Kind.HOLD_BACK]

    @property
    def held_back(self) -> list[Found]:
        return [one for one in self.found if one.kind is Kind.HOLD_BACK]

    @property
    def true_ms(self) -> int:
        return sum(one.true_ms for one in self.vehicles.values())


@dataclass(frozen=True)
class Together:
    """What holds a rule back because of what it did for any vehicle."""

    cooldown_s: int = 0
    per_day: int | None = None


@dataclass
class Trial:
    """``known`` is what was known of each vehicle at ``start``; it moves with the events."""

    machine: Machine
    known: dict[int, Known]
    start: int
    end: int
    together: Together = field(default_factory=Together)
    skips_current: bool = False
    services: Mapping[int, int] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)
    _states: dict[int, State] = field(default_factory=lambda: defaultdict(State))
    _since: dict[int, int] = field(default_factory=dict)
    _lasting: dict[int, list[Found]] = field(default_factory=lambda: defaultdict(list))

    def run(self, events: Iterable[Event], tick: Callable[[int], None] = lambda taken: None) -> Outcome:
        """``tick`` is told now and then how many events were taken, and may raise to end the trial."""
        for pk, known in self.known.items():
            self._begin(pk, known)
        self._take(events, tick)
        self._finish()
        return self.outcome

    def _begin(self, pk: int, known: Known) -> None:
        state = self._states[pk]
        if self.machine.goes_by_time:
            # What time alone made true before is found true now, and not then.
            state.memory[CLOCK] = self.start
        if pk in self.services:
            self.machine.renew(state, known.values, self.services[pk])
        report = Report(
            known.values, known.values, self.start, known.heard, known.heard, skip=self.skips_current
        )
        for step in self.machine.see(state, report):
            self._note(pk, step, is_at_start=True)
        if state.is_true:
            self._since.setdefault(pk, self.start)

    def _take(self, events: Iterable[Event], tick: Callable[[int], None]) -> None:
        machine, known_of, states = self.machine, self.known, self._states
        is_plain, test, taken, readings, changes = machine.is_plain, machine.test, 0, 0, 0
        for pk, at, said, is_report, change in events:
            known = known_of.get(pk)
            if known is None:
                continue
            before, heard_before = known.values, known.heard
            if change is None:
                readings += 1
            else:
                changes += 1
            values = {**before, **said} if said else before
            heard = at if is_report else heard_before
            known.values, known.heard = values, heard
            taken += 1
            if not taken % STEPS_BETWEEN_TICKS:
                tick(taken)
            state = states[pk]
            if is_plain:
                # Most events cross nothing: that much is told without a closer look.
                truth = test(Moment(values, before=before, at=at, heard=heard, memory=state.memory))
                if (truth is True) is state.is_true:
                    continue
            for step in machine.see(state, Report(values, before, at, heard, heard_before)):
                self._note(pk, step)
        self.outcome.events.update(readings=readings, changes=changes)

    def _finish(self) -> None:
        for pk, known in self.known.items():
            for step in self.machine.until(self._states[pk], known.values, known.heard, self.end - 1):
                self._note(pk, step)
        for pk, since in sorted(self._since.items()):
            self._add_span(pk, since, None)
        self.outcome.found.sort(key=lambda one: (one.at, one.vehicle))
        hold_back_together(self.outcome.found, self.together)
        self._count()

    def _note(self, pk: int, step: Step, *, is_at_start: bool = False) -> None:
        if step.kind is Kind.CLEAR:
            since = self._since.pop(pk, None)
            if since is not None:
                self._add_span(pk, since, step.at)
            for one in self._lasting.pop(pk, ()):
                one.until = step.at
            return
        if step.kind is Kind.STAY:
            return
        self._since.setdefault(pk, step.at)
        found = Found(pk, step.at, step.kind, is_at_start=is_at_start)
        if len(self.outcome.found) < MOST_WHOLE:
            found.told, found.values = step.told, step.values
        self.outcome.found.append(found)
        self._lasting[pk].append(found)

    def _add_span(self, pk: int, since: int, until: int | None) -> None:
        of_vehicle, end = self.outcome.vehicles[pk], self.end if until is None else until
        of_vehicle.true_ms += end - since
        if len(of_vehicle.spans) < MOST_SPANS:
            of_vehicle.spans.append((since, until))
        for day in range(since // DAY_MS, end // DAY_MS + 1):
            true_ms = min(end, (day + 1) * DAY_MS) - max(since, day * DAY_MS)
            if true_ms:
                self.outcome.days[day].true_ms += true_ms

    def _count(self) -> None:
        for one in self.outcome.found:
            for held in (self.outcome.vehicles[one.vehicle], self.outcome.days[one.at // DAY_MS]):
                if one.kind is Kind.HOLD_BACK:
                    held.held_back += 1
                elif one.kind is Kind.REPEAT:
                    held.repeated += 1
                else:
                    held.fired += 1


def hold_back_together(found: Iterable[Found], together: Together) -> None:
    """Of firings in the order of time, those that the rule's own cooldown and limit a day forbid."""
    total = Total()
    for one in found:
        if one.kind is Kind.HOLD_BACK:
            continue
        last = total.last_at
        if total.admits(together, one.at):
            continue
        one.kind = Kind.HOLD_BACK
        if together.cooldown_s and last is not None and one.at - last < together.cooldown_s * 1000:
            one.told = (
                f"The rule fired {(one.at - last) // 1000:,} s before; "
                f"its cooldown over all vehicles is {together.cooldown_s:,} s."
            )
        else:
            one.told = f"The rule fired {total.count:,} times that day, which is its limit over all vehicles."
