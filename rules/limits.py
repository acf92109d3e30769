"""What a rule did for all vehicles: its cooldown, its limit a day, and how often it was held back."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol

from django.db import connection

from rules.episodes import Crossing, Outcome
from rules.moments import time_of
from rules.running import RunningRule

_HELD = """
    SELECT rule_id, last_at, day, count FROM rules_ruletotal WHERE rule_id = ANY(%s) ORDER BY rule_id FOR UPDATE
"""
_STORE = """
    INSERT INTO rules_ruletotal AS held (rule_id, last_at, day, count, held_back) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (rule_id) DO UPDATE SET last_at = EXCLUDED.last_at, day = EXCLUDED.day, count = EXCLUDED.count,
        held_back = held.held_back + EXCLUDED.held_back
"""


class Limited(Protocol):
    """A rule's own limits: ``cooldown_s`` between two firings for any vehicles, ``per_day`` for all together."""

    @property
    def cooldown_s(self) -> int: ...

    @property
    def per_day(self) -> int | None: ...


class Total:
    """How often a rule fired on its latest day, and when it did last (milliseconds); pure."""

    def __init__(self, last_at: int | None = None, day: int = 0, count: int = 0) -> None:
        self.last_at, self.day, self.count = last_at, day, count

    def admits(self, rule: Limited, at: int) -> bool:
        """Whether it may fire; if so, that is counted."""
        # Lanes are worked on one after the other, so times may come a little out of order.
        day = max(at // 86_400_000, self.day)
        count = self.count if day == self.day else 0
        if rule.per_day is not None and count >= rule.per_day:
            return False
        if rule.cooldown_s and self.last_at is not None and abs(at - self.last_at) < rule.cooldown_s * 1000:
            return False
        self.last_at, self.day, self.count = max(at, self.last_at or at), day, count + 1
        return True


def hold_back(outcome: Outcome) -> None:
    """Keep of the crossings what the rules' own cooldowns and limits admit, in order of time, and note it."""
    limited = {one.rule.pk: one.rule for one in outcome.crossings if one.rule.is_limited}
    if not limited and not outcome.held_back:
        return
    totals = _load(limited.keys() | outcome.held_back.keys())
    outcome.keep(_admitted(outcome.crossings, limited, totals))
    _store(totals, outcome)


def _admitted(
    crossings: Iterable[Crossing], limited: Mapping[int, RunningRule], totals: Mapping[int, Total]
) -> Iterable[Crossing]:
    for one in sorted(crossings, key=lambda one: (one.at, one.vehicle)):
        if one.rule.pk not in limited or totals[one.rule.pk].admits(one.rule, one.at):
            yield one


def _load(rules: Iterable[int]) -> dict[int, Total]:
    totals = {rule: Total() for rule in sorted(rules)}
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [list(totals)])
        for rule, last_at, day, count in cursor:
            totals[rule] = Total(round(last_at.timestamp() * 1000), day.toordinal() - _EPOCH, count)
    return totals


def _store(totals: Mapping[int, Total], outcome: Outcome) -> None:
    rows: list[tuple[Any, ...]] = [
        (
            rule,
            time_of(total.last_at or 0),
            date.fromordinal(total.day + _EPOCH),
            total.count,
            outcome.held_back.get(rule, 0),
        )
        for rule, total in totals.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_STORE, rows)


_EPOCH = date(1970, 1, 1).toordinal()
