"""How far the rules' clock was asked in each lane, and which vehicles it may matter to."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from rules.models import LaneClock
from rules.moments import ms_of, time_of
from rules.running import RunningRule
from vehicle_management.models import LANES


def clock_of(lane: int) -> int | None:
    """Up to when (milliseconds) the clock was asked; None where it never was."""
    return ms_of(LaneClock.objects.filter(lane=lane).values_list("ticked_at", flat=True).first())


def set_clock(lane: int, at: int) -> None:
    """First of all writes: of two workers on one lane the second fails here."""
    query = """
        INSERT INTO rules_laneclock (lane, ticked_at) VALUES (%s, %s)
        ON CONFLICT (lane) DO UPDATE SET ticked_at = EXCLUDED.ticked_at
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [lane, time_of(at)])


def fallen_silent(lane: int, rules: Iterable[RunningRule], since: int, until: int) -> dict[int, set[int]]:
    """By rule, the vehicles whose silence became long enough for it after a time, and up to another."""
    spans: list[tuple[Any, ...]] = []
    for rule in rules:
        for seconds in rule.silences_s:
            shift = round(seconds * 1000) + rule.lateness_s * 1000
            spans.append((rule.pk, time_of(since - shift), time_of(until - shift)))
    query = """
        SELECT span.rule, status.vehicle_id
        FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS span (rule, after, until)
        JOIN vehicle_management_vehiclestatus status
          ON status.recorded_at > span.after AND status.recorded_at <= span.until
        WHERE status.vehicle_id %% %s = %s
    """
    return _by_rule(query, [*map(list, zip(*spans, strict=True)), LANES, lane]) if spans else {}


def waking(lane: int, epochs: dict[int, int], until: int) -> dict[int, set[int]]:
    """By rule, the vehicles for which it wanted to look again by then."""
    query = """
        SELECT state.rule_id, state.vehicle_id FROM rules_rulestate state
        JOIN unnest(%s::bigint[], %s::int[]) AS running (rule, epoch)
          ON running.rule = state.rule_id AND running.epoch = state.epoch
        WHERE state.wake_at <= %s AND state.vehicle_id %% %s = %s
    """
    return _by_rule(query, [list(epochs), list(epochs.values()), time_of(until), LANES, lane])


def _by_rule(query: str, params: list[Any]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        for rule, vehicle in cursor:
            found[rule].add(vehicle)
    return found
