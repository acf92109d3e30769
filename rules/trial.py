"""A rule tried over what happened: the very machine that runs live, stepped from event to event. Nothing is done.

The rule begins at the trial's start, as it would if it had been switched on then: what is true already fires,
unless the rule skips that. Events come in the order of their times, as a rule with a lateness sees them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from rules.history import Event
from rules.history_start import Known
from rules.limits import Total
from rules.machine import CLOCK, MOST_STEPS, Kind, Machine, Report, State, Step
from rules.maintenance import DAY_MS
from rules.matching import Moment

# Firings beyond these are counted, and told by their times alone.
MOST_WHOLE = 100_000
MOST_SPANS = 200
# A rule that repeats itself is tried up to so many times that it would tell.
MOST_REPEATED = 500_000
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
    """``found`` in the order of time, what was held back included.

    ``cut``: the vehicle and the time after which the clock was not asked on, up to the next event.
    """

    found: list[Found] = field(default_factory=list)
    vehicles: dict[int, OfVehicle] = field(default_factory=lambda: defaultdict(OfVehicle))
    days: dict[int, OfDay] = field(default_factory=lambda: defaultdict(OfDay))
    events: Counter[str] = field(default_factory=Counter)
    cut: list[tuple[int, int]] = field(default_factory=list)

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
        """``tick`` is told now and then how many events were taken, and may raise to end the trial.

        Raises ValidationError where the rule would repeat itself too often to be told.
        """
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
            self._note_all(pk, machine.see(state, Report(values, before, at, heard, heard_before)))
        self.outcome.events.update(readings=readings, changes=changes)

    def _finish(self) -> None:
        for pk, known in self.known.items():
            self._note_all(pk, self.machine.until(self._states[pk], known.values, known.heard, self.end - 1))
        for pk, since in sorted(self._since.items()):
            self._add_span(pk, since, None)
        self.outcome.found.sort(key=lambda one: (one.at, one.vehicle))
        hold_back_together(self.outcome.found, self.together)
        self._count()

    def _note_all(self, pk: int, steps: Sequence[Step]) -> None:
        for step in steps:
            self._note(pk, step)
        if len(steps) >= MOST_STEPS:
            self.outcome.cut.append((pk, steps[MOST_STEPS - 1].at))

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
        if self.machine.terms.repeat_s and len(self.outcome.found) > MOST_REPEATED:
            self._refuse()
        self._lasting[pk].append(found)

    def _refuse(self) -> None:
        """Tells the repetition that would do, were it true all the time."""
        least = ceil((self.end - self.start) / 1000 * len(self.known) / MOST_REPEATED)
        told = _(
            "Repeated every %(repeat)s s, the rule would tell over %(most)s times; choose a shorter time, fewer "
            "vehicles, or at least %(least)s s."
        )
        repeat = self.machine.terms.repeat_s or 0
        told %= {
            "repeat": f"{repeat:,}",
            "most": f"{MOST_REPEATED:,}",
            "least": f"{max(least, repeat + 1):,}",
        }
        raise ValidationError({"repeat_s": [told]})

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
