"""The clock's side of a lane: what time alone makes true, and the rules that wait for late readings.

The clock stands where everything has been heard of that was received before: a listener that comes back after an
hour finds an hour of readings, and not that all vehicles fell silent.
"""

from rules.clocks import Clock, clocks_of, silent_vehicles, store_clock, waking_vehicles
from rules.episodes import Outcome
from rules.evaluation import Evaluation
from rules.late import LateReadings
from rules.machine import Kind, Step
from rules.moments import ms_of, time_of
from rules.nodes import Due, During
from rules.pending import has_pending
from rules.replay import Replay
from rules.running import RuleBook, RunningRule
from rules.scans import next_watched
from rules.states import cursors_of
from vehicle_management.models import LANES

EVERY_MS = 1_000
# Maintenance by months is looked at so often.
HOUR_MS = 3_600_000
BY_TIME = {"kind": "time", "why": "Time passed, and nothing was reported that would have changed it."}


def tick(book: RuleBook, lane: int, until: int) -> Evaluation | None:
    """Ask the clock for the next rule of the lane that has not been asked up to a time; None: there is none.

    Batches that wait go first.
    """
    if not book.by_clock or has_pending(lane):
        return None
    clocks = clocks_of(lane, book.by_clock)
    scanning = cursors_of(lane, {rule.pk: rule.epoch for rule in book.by_clock})
    for rule in book.by_clock:
        aims = clocks[rule.pk].aims or until - rule.lateness_s * 1000
        if rule.pk not in scanning and (clocks[rule.pk].aims or aims >= clocks[rule.pk].ticked + EVERY_MS):
            return _tick(book, lane, rule, clocks[rule.pk], aims)
    return None


def _tick(book: RuleBook, lane: int, rule: RunningRule, clock: Clock, aims: int) -> Evaluation:
    vehicles, last = _vehicles(lane, rule, clock, aims)
    ticked = clock.ticked
    store_clock(lane, rule, Clock(aims) if last is None else Clock(ticked, aims, last))
    evaluation = Evaluation(book, lane)
    if vehicles:
        _ask(evaluation, rule, vehicles, ticked, aims)
    return evaluation


def _vehicles(lane: int, rule: RunningRule, clock: Clock, aims: int) -> tuple[set[int], int | None]:
    """Those to ask, and the last one of all that are watched where more of them are to come."""
    if _may_be_any(rule, clock.ticked, aims):
        watched = next_watched(rule, lane, clock.after)
        return set(watched), watched[-1] if watched else None
    spans = [(clock.ticked - round(s * 1000), aims - round(s * 1000)) for s in rule.silences_s]
    woken = waking_vehicles(lane, LANES, rule, aims + rule.lateness_s * 1000)
    return silent_vehicles(lane, LANES, spans) | woken, None


def _may_be_any(rule: RunningRule, ticked: int, aims: int) -> bool:
    """Hours begin or end, or a day may have come on which maintenance is due."""
    for node in rule.machine.nodes:
        if isinstance(node, During) and node.hours.next_edge(ticked / 1000) * 1000 <= aims:
            return True
        if isinstance(node, Due) and node.every_months is not None and ticked // HOUR_MS != aims // HOUR_MS:
            return True
    return False


def _ask(evaluation: Evaluation, rule: RunningRule, vehicles: set[int], ticked: int, aims: int) -> None:
    evaluation.load({pk: {rule} for pk in vehicles})
    replay = Replay(evaluation.lane, vehicles, rule.keys, evaluation.book.fleet_ids)
    late = LateReadings(rule, evaluation.states, replay.values, aims) if rule.lateness_s else None
    evaluation.held += len(vehicles)
    for pk in sorted(replay.values):
        values = replay.values[pk]
        heard = ms_of(values["recorded_at"])
        if not evaluation.watches(rule, pk, values):
            evaluation.leave(rule, pk, aims)
            continue
        state = evaluation.states.begin(rule.pk, pk)
        was_true = state.is_true
        if late is None:
            steps = rule.machine.until(state, values, heard, aims, after=ticked)
        else:
            steps = late.steps(pk, state, aims)
        _note(evaluation.outcome, rule, pk, steps, was_true, late)


def _note(
    outcome: Outcome, rule: RunningRule, pk: int, steps: list[Step], was_true: bool, late: LateReadings | None
) -> None:
    for step in steps:
        cause = (
            late.cause_of(pk, step) if late is not None and step.kind in (Kind.FIRE, Kind.REPEAT) else None
        )
        outcome.note(
            rule, pk, step, was_true=was_true, cause=cause or {**BY_TIME, "at": time_of(step.at).isoformat()}
        )
