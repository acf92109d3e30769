"""How far the clock was asked for the rules that go by time, lane by lane."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from rules.models import RuleClock
from rules.moments import ms_of, time_of
from rules.running import RunningRule


@dataclass(slots=True)
class Clock:
    """Up to ``ticked`` it was asked. While it is asked for ``aims``, vehicles up to ``after`` are done."""

    ticked: int
    aims: int | None = None
    after: int = 0


def clocks_of(lane: int, rules: Iterable[RunningRule]) -> dict[int, Clock]:
    """Of each rule; one that has just begun was asked up to its beginning."""
    wanted = {rule.pk: rule for rule in rules}
    if not wanted:
        return {}
    clocks = {pk: Clock(ms_of(rule.started_at) or 0) for pk, rule in wanted.items()}
    held = RuleClock.objects.filter(lane=lane, rule__in=wanted)
    for pk, epoch, ticked, aims, after in held.values_list(
        "rule", "epoch", "ticked_at", "aims_at", "after_vehicle"
    ):
        if wanted[pk].epoch == epoch:
            clocks[pk] = Clock(ms_of(ticked) or 0, ms_of(aims), after)
    return clocks


def store_clock(lane: int, rule: RunningRule, clock: Clock) -> None:
    """First of all writes: of two workers on one lane the second fails here."""
    query = """
        INSERT INTO rules_ruleclock (rule_id, lane, epoch, ticked_at, aims_at, after_vehicle)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (rule_id, lane) DO UPDATE SET epoch = EXCLUDED.epoch, ticked_at = EXCLUDED.ticked_at,
            aims_at = EXCLUDED.aims_at, after_vehicle = EXCLUDED.after_vehicle
    """
    aims = None if clock.aims is None else time_of(clock.aims)
    row: list[Any] = [rule.pk, lane, rule.epoch, time_of(clock.ticked), aims, clock.after]
    with connection.cursor() as cursor:
        cursor.execute(query, row)


def silent_vehicles(lane: int, lanes: int, spans: Sequence[tuple[int, int]]) -> set[int]:
    """Vehicles of the lane whose last report lies in one of the spans (after the first time, up to the second)."""
    query = """
        SELECT status.vehicle_id FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS span (after, until)
        JOIN vehicle_management_vehiclestatus status
          ON status.recorded_at > span.after AND status.recorded_at <= span.until
        WHERE status.vehicle_id %% %s = %s
    """
    return _fetch(query, [*_times(spans), lanes, lane]) if spans else set()


def waking_vehicles(lane: int, lanes: int, rule: RunningRule, until: int) -> set[int]:
    query = """
        SELECT vehicle_id FROM rules_rulestate
        WHERE rule_id = %s AND epoch = %s AND wake_at <= %s AND vehicle_id %% %s = %s
    """
    return _fetch(query, [rule.pk, rule.epoch, time_of(until), lanes, lane])


def _times(spans: Sequence[tuple[int, int]]) -> tuple[list[Any], list[Any]]:
    return [time_of(after) for after, _until in spans], [time_of(until) for _after, until in spans]


def _fetch(query: str, params: list[Any]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return {pk for (pk,) in cursor}
