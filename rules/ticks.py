"""The clock's side of a lane: what time alone makes true, and the rules that wait for late readings.

The clock stands where everything has been heard of that was received before: a listener that comes back after an
hour finds an hour of readings, and not that all vehicles fell silent.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from rules.clocks import clock_of, fallen_silent, set_clock, waking
from rules.evaluation import Evaluation
from rules.history import causes_of
from rules.late import LateReadings
from rules.machine import Kind, Step
from rules.moments import ms_of, time_of
from rules.nodes import Due, During
from rules.pending import has_pending
from rules.replay import Known, Replay
from rules.running import RuleBook, RunningRule
from rules.scans import all_watched
from rules.states import cursors_of

EVERY_MS = 1_000
# After a long absence the clock goes on in steps, each in a transaction of its own.
MOST_MS = 600_000
# Maintenance by months is looked at so often.
HOUR_MS = 3_600_000
AT_ONCE = 5_000
BY_TIME = {"kind": "time", "why": "Time passed, and nothing was reported that would have changed it."}

Wanted = dict[int, set[RunningRule]]


class _Seen(NamedTuple):
    """A step of a rule for a vehicle. ``event`` is the report that made it, where it has to be told."""

    rule: RunningRule
    pk: int
    step: Step
    was_true: bool
    event: tuple[int, int, int | None] | None


def tick(book: RuleBook, lane: int, until: int) -> Iterator[Evaluation]:
    """Ask the clock for all rules of the lane up to a time, some thousand vehicles at once; batches that wait go first.

    Each evaluation is to be stored before the next one is asked for. There is none where the time has come already.
    """
    if not book.by_clock or has_pending(lane):
        return
    # No rule is asked for a time before it began.
    began = min(ms_of(rule.started_at) or 0 for rule in book.by_clock)
    ticked = max(clock_of(lane) or min(began, until), began)
    if until < ticked + EVERY_MS:
        return
    until = min(until, ticked + MOST_MS)
    set_clock(lane, until)
    wanted = _wanted(book, lane, ticked, until)
    vehicles = sorted(wanted)
    yield Evaluation(book, lane)
    for start in range(0, len(vehicles), AT_ONCE):
        some = {pk: wanted[pk] for pk in vehicles[start : start + AT_ONCE]}
        yield _ask(book, lane, some, ticked, until)


def _wanted(book: RuleBook, lane: int, ticked: int, until: int) -> Wanted:
    """By vehicle, the rules for which time may have made a difference; not those that still scan the lane."""
    epochs = {rule.pk: rule.epoch for rule in book.by_clock}
    scanning = cursors_of(lane, epochs)
    rules = {rule.pk: rule for rule in book.by_clock if rule.pk not in scanning}
    wanted: Wanted = defaultdict(set)
    for found in (fallen_silent(lane, rules.values(), ticked, until), waking(lane, epochs, until)):
        for key, vehicles in found.items():
            for pk in vehicles if key in rules else ():
                wanted[pk].add(rules[key])
    for rule in rules.values():
        late = rule.lateness_s * 1000
        since = max(ticked, ms_of(rule.started_at) or 0) - late
        for pk in all_watched(rule, lane) if _may_be_any(rule, since, until - late) else ():
            wanted[pk].add(rule)
    return wanted


def _may_be_any(rule: RunningRule, ticked: int, until: int) -> bool:
    """Hours begin or end, or a day may have come on which maintenance is due."""
    for node in rule.machine.nodes:
        if isinstance(node, During) and node.hours.next_edge(ticked / 1000) * 1000 <= until:
            return True
        if isinstance(node, Due) and node.every_months is not None and ticked // HOUR_MS != until // HOUR_MS:
            return True
    return False


def _ask(book: RuleBook, lane: int, wanted: Wanted, ticked: int, until: int) -> Evaluation:
    evaluation = Evaluation(book, lane)
    rules = evaluation.load(wanted)
    keys = frozenset().union(*(rule.keys for rule in rules))
    values = Replay(lane, wanted, keys, book.fleet_ids).values
    late = {rule: _late(rule, evaluation, wanted, values, until) for rule in rules if rule.lateness_s}
    seen: list[_Seen] = []
    for pk, known in values.items():
        for rule in wanted[pk]:
            shift = rule.lateness_s * 1000
            since = max(ticked, ms_of(rule.started_at) or 0)
            seen += _steps(evaluation, rule, pk, known, late.get(rule), since - shift, until - shift)
    _note(evaluation, seen)
    return evaluation


def _note(evaluation: Evaluation, seen: list[_Seen]) -> None:
    """All causes are asked for at once: a rule that waits may fire by the thousand."""
    events = list({one.event for one in seen if one.event is not None})
    causes = dict(zip(events, causes_of(events), strict=True)) if events else {}
    for one in seen:
        cause = causes[one.event] if one.event is not None else None
        told = cause or {**BY_TIME, "at": time_of(one.step.at).isoformat()}
        evaluation.outcome.note(one.rule, one.pk, one.step, was_true=one.was_true, cause=told)


def _late(
    rule: RunningRule, evaluation: Evaluation, wanted: Wanted, values: dict[int, Known], until: int
) -> LateReadings:
    own = {
        pk: known
        for pk, known in values.items()
        if rule in wanted[pk] and evaluation.watches(rule, pk, known)
    }
    return LateReadings(rule, evaluation.states, own, until - rule.lateness_s * 1000)


def _steps(
    evaluation: Evaluation,
    rule: RunningRule,
    pk: int,
    values: Known,
    late: LateReadings | None,
    ticked: int,
    until: int,
) -> list[_Seen]:
    evaluation.held += 1
    if not evaluation.watches(rule, pk, values):
        evaluation.leave(rule, pk, until)
        return []
    state = evaluation.states.begin(rule.pk, pk)
    was_true = state.is_true

    def steps() -> list[Step]:
        if late is not None:
            return late.steps(pk, state, until)
        return rule.machine.until(state, values, ms_of(values["recorded_at"]), until, after=ticked)

    def event_of(step: Step) -> tuple[int, int, int | None] | None:
        return late.event_of(pk, step) if late is not None and step.kind in (Kind.FIRE, Kind.REPEAT) else None

    found = evaluation.unless_it_breaks(rule, pk, steps)
    return [_Seen(rule, pk, step, was_true, event_of(step)) for step in found]
