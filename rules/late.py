"""Rules that wait for late readings: they go by what is stored, in event time, once it has lain long enough.

A reading that came within the lateness after its own time stands in its place by then, whatever came before it. A
state of such a rule holds the vehicle's values as far as the rule has decided (``LATE``: values, the time decided up
to, and that of the last report).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson
from django.db import connection

from rules.history import Event, events_of
from rules.machine import Report, State, Step
from rules.matching import Values
from rules.moments import ms_of, time_of
from rules.pending import Batch
from rules.running import RuleBook, RunningRule
from rules.states import States
from rules.surroundings import vehicles_of_open_tasks
from rules.values import load_values
from vehicle_management.changes import RECORDED_AT_FIELD

LATE = "late"
# It came into the scope as it is, and was not held against the rule yet.
FRESH = "n"
# No reading is older when it is taken in.
OLDEST_MS = 400 * 86_400_000
_NONE: frozenset[int] = frozenset()


class LateReadings:
    """What may be decided of these vehicles: up to the latest that was received before ``cut`` (milliseconds)."""

    def __init__(self, rule: RunningRule, states: States, values: Mapping[int, Values], cut: int) -> None:
        self._rule, self._states, self._cut = rule, states, cut
        for pk, known in values.items():
            state = states.begin(rule.pk, pk)
            if LATE not in state.memory:
                state.memory[LATE] = _unheard(rule, known, cut)
        self._decided = {pk: int(states.begin(rule.pk, pk).memory[LATE]["d"]) for pk in values}
        self._ends, self._waiting = _ends(self._decided, cut)
        self._next = self._next_readings() if rule.machine.goes_by_time else {}
        self._events: dict[int, list[Event]] = defaultdict(list)
        starts = {pk: time_of(self._decided[pk] + 1) for pk in self._ends}
        for event in events_of(
            list(starts), rule.keys, starts, time_of(max(self._ends.values(), default=0) + 1)
        ):
            if event[1] <= self._ends[event[0]]:
                self._events[event[0]].append(event)
        self._changes = {(pk, at): change for held in self._events.values() for pk, at, _, _, change in held}

    def steps(self, pk: int, state: State, until: int) -> list[Step]:
        late, machine, steps = state.memory[LATE], self._rule.machine, []
        if late.pop(FRESH, None):
            begun = Report(late["v"], late["v"], late["h"] or until, late["h"], None, self._rule.skip_current)
            steps += machine.see(state, begun)
        for _pk, at, said, is_report, _change in self._events.get(pk, ()):
            before, heard_before = late["v"], late["h"]
            late["v"], late["d"] = {**before, **said}, at
            late["h"] = at if is_report else heard_before
            steps += machine.see(state, Report(late["v"], before, at, late["h"], heard_before))
        # A reading that waits still came in time: the clock does not go past it.
        steps += machine.until(state, late["v"], late["h"], min(until, self._next.get(pk, until + 1) - 1))
        self._states.late_wakes[self._rule.pk, pk] = self._wake(pk, state)
        return steps

    def event_of(self, pk: int, step: Step) -> tuple[int, int, int | None] | None:
        """What was reported then, as ``causes_of`` asks for it; None where time alone made it."""
        key = (pk, step.at)
        return (*key, self._changes[key]) if key in self._changes else None

    def _next_readings(self) -> dict[int, int]:
        """By vehicle of which something waits, the time of the first reading that is not decided now."""
        last = {pk: self._ends.get(pk, self._decided[pk]) for pk in self._waiting}
        return _first_after(last) if last else {}

    def _wake(self, pk: int, state: State) -> int | None:
        """When what waits will have lain long enough, or when time alone may tell more."""
        lateness = self._rule.lateness_s * 1000
        times = [self._waiting.get(pk), self._rule.machine.wakes_at(state)]
        return min((time + lateness for time in times if time is not None), default=None)


def begin_late(rule: RunningRule, state: State, values: Values, heard: int | None) -> None:
    """The rule found the vehicle as it is: from now on it decides in order."""
    held = {key: values.get(key) for key in rule.keys}
    state.memory[LATE] = {"v": held, "d": heard or 0, "h": heard}


def _unheard(rule: RunningRule, values: Values, cut: int) -> dict[str, Any]:
    """A vehicle that came after the rule began: of its reports none was decided."""
    held = {key: values.get(key) for key in rule.keys if not key.startswith("status.")}
    return {"v": held, "d": max(0, cut - OLDEST_MS), "h": None}


def _ends(decided: Mapping[int, int], cut: int) -> tuple[dict[int, int], dict[int, int]]:
    """By vehicle, up to when it can be decided, and when the first of what has to wait was received."""
    if not decided:
        return {}, {}
    query = """
        WITH wanted AS (SELECT * FROM unnest(%(vehicles)s::int[], %(decided)s::timestamptz[]) AS w (vehicle, at))
        SELECT vehicle, max(ready), min(waiting) FROM (
            SELECT w.vehicle, max(r.recorded_at) FILTER (WHERE r.received_at <= %(cut)s) AS ready,
                   min(r.received_at) FILTER (WHERE r.received_at > %(cut)s) AS waiting
            FROM wanted w JOIN telemetry_reading r ON r.vehicle = w.vehicle AND r.recorded_at > w.at
            WHERE r.recorded_at > %(first)s GROUP BY w.vehicle
            UNION ALL
            SELECT w.vehicle, max(c.at) FILTER (WHERE c.at <= %(cut)s), min(c.at) FILTER (WHERE c.at > %(cut)s)
            FROM wanted w JOIN vehicle_management_vehiclechange c ON c.vehicle_id = w.vehicle AND c.at > w.at
            GROUP BY w.vehicle
            UNION ALL
            SELECT w.vehicle, s.recorded_at, NULL FROM wanted w
            JOIN vehicle_management_vehiclestatus s ON s.vehicle_id = w.vehicle
            WHERE s.recorded_at > w.at AND s.recorded_at <= %(cut)s
              AND NOT EXISTS (SELECT FROM telemetry_reading r
                              WHERE r.vehicle = w.vehicle AND r.recorded_at = s.recorded_at)
        ) AS found GROUP BY vehicle
    """
    params: dict[str, Any] = {
        "vehicles": list(decided),
        "decided": [time_of(at) for at in decided.values()],
        "cut": time_of(cut),
        "first": time_of(min(decided.values())),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        rows = cursor.fetchall()
    ends = {pk: ms_of(ready) or 0 for pk, ready, _ in rows if ready is not None}
    waiting = {pk: ms_of(waiting) or 0 for pk, _, waiting in rows if waiting is not None}
    return ends, waiting


def _first_after(last: Mapping[int, int]) -> dict[int, int]:
    """By vehicle, the time of its first reading after a time."""
    query = """
        SELECT w.vehicle, r.recorded_at FROM unnest(%s::int[], %s::timestamptz[]) AS w (vehicle, at)
        CROSS JOIN LATERAL (SELECT recorded_at FROM telemetry_reading WHERE vehicle = w.vehicle
                            AND recorded_at > w.at ORDER BY recorded_at LIMIT 1) r
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [list(last), [time_of(at) for at in last.values()]])
        return {pk: ms_of(at) or 0 for pk, at in cursor.fetchall()}


def wake_later(book: RuleBook, batches: Iterable[Batch], now: int) -> None:
    """Have the rules that wait look at these vehicles when their time has come."""
    batches = list(batches)
    touched = {pk for batch in batches for pk in batch.vehicles}
    if not book.late or not touched:
        return
    moving = {pk for batch in batches if _moves(batch) for pk in batch.vehicles}
    keys = frozenset().union(*(rule.keys for rule in book.late)) if moving else ()
    values = load_values(touched, {*keys, RECORDED_AT_FIELD}, book.fleet_ids)
    of_tasks = vehicles_of_open_tasks([rule.pk for rule in book.late if rule.scope.tasks], touched)
    rows = [
        (
            rule.pk,
            pk,
            rule.epoch,
            time_of(now + rule.lateness_s * 1000),
            _entering(rule, pk, values[pk], moving),
        )
        for pk in sorted(values)
        for rule in book.late
        if rule.watches(pk, values[pk], of_tasks.get(rule.pk, _NONE))
    ]
    if rows:
        _store_wakes(rows)
    if moving:
        _wake_all(book.late, moving, now)


def _moves(batch: Batch) -> bool:
    """It may bring vehicles that were there before into a scope, or out of it."""
    return not batch.begins and (batch.moves_scope or not batch.fields)


def _entering(rule: RunningRule, pk: int, values: Values, moving: Collection[int]) -> str | None:
    """What is remembered at first of a vehicle that comes as it is: its past is no matter of the rule's."""
    if pk not in moving:
        return None
    heard = ms_of(values[RECORDED_AT_FIELD])
    held = {"v": {key: values.get(key) for key in rule.keys}, "d": heard or 0, "h": heard, FRESH: True}
    return orjson.dumps({LATE: held}).decode()


def _wake_all(rules: Iterable[RunningRule], vehicles: Collection[int], now: int) -> None:
    """Also where the rule does not watch the vehicle any more, and has to let go of it."""
    query = """
        UPDATE rules_rulestate SET wake_at = LEAST(wake_at, %s) WHERE rule_id = ANY(%s) AND vehicle_id = ANY(%s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [time_of(now), [rule.pk for rule in rules], list(vehicles)])


def _store_wakes(rows: list[tuple[Any, ...]]) -> None:
    query = """
        INSERT INTO rules_rulestate AS held (rule_id, vehicle_id, epoch, wake_at, memory, is_true, attentive)
        SELECT *, FALSE, FALSE
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::timestamptz[], %s::jsonb[])
        ON CONFLICT (rule_id, vehicle_id) DO UPDATE SET epoch = EXCLUDED.epoch, wake_at = EXCLUDED.wake_at,
            is_true = held.is_true AND held.epoch = EXCLUDED.epoch,
            memory = CASE WHEN held.epoch = EXCLUDED.epoch THEN held.memory ELSE EXCLUDED.memory END
        WHERE held.wake_at IS NULL OR held.wake_at > EXCLUDED.wake_at OR held.epoch <> EXCLUDED.epoch
    """
    with connection.cursor() as cursor:
        cursor.execute(query, list(map(list, zip(*rows, strict=True))))
