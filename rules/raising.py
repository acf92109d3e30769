"""Alerts begin, go on and end in the very transaction that notes it, so that none is left open."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.effects import Raise, Touch, close_alerts, lock_alerts, raise_alerts, touch_alerts
from rules.alert_actions import RAISE_ALERT, alert_of, subject_of
from rules.episodes import Crossing, Episode, Outcome, Pair
from rules.matching import Values
from rules.models import Firing
from rules.moments import time_of
from rules.running import RunningRule
from rules.texts import read_by_name

OVER = {"kind": "rule", "why": "It is no longer so."}


@dataclass(frozen=True, slots=True)
class Raised:
    """A crossing with the firing that was written of it, and what its texts may name."""

    crossing: Crossing
    firing: Firing
    texts: Mapping[str, str]


def apply_alerts(outcome: Outcome, written: Iterable[Raised]) -> dict[int, int]:
    """Answers the alert of each firing that raised one."""
    if not outcome.alerts:
        return {}
    of_crossing = {id(one.crossing): one for one in written}
    lock_alerts((origin_of(rule), vehicle) for rule, vehicle in outcome.alerts)
    alerts: dict[int, int] = {}
    for episodes in outcome.rounds():
        raised = [of_crossing[id(one)] for _pair, episode in episodes for one in episode.raised]
        found = raise_alerts([_raise(one) for one in raised])
        alerts.update((one.firing.pk, pk) for one, pk in zip(raised, found, strict=True))
        touch_alerts([touch for pair, episode in episodes for touch in _touches(outcome, pair, episode)])
        _close(outcome, episodes)
    return alerts


def origin_of(rule: int) -> str:
    return f"rule:{rule}"


def _close(outcome: Outcome, episodes: Sequence[tuple[Pair, Episode]]) -> None:
    """By rule, for each alert tells which one it was."""
    ended: dict[int, list[tuple[str, int, datetime]]] = defaultdict(list)
    for (rule, vehicle), episode in episodes:
        if episode.ended_at is not None:
            ended[rule].append((origin_of(rule), vehicle, time_of(episode.ended_at)))
    for rule in sorted(ended):
        close_alerts(ended[rule], cause={**OVER, "rule_id": rule, "name": outcome.rules[rule].name})


def _raise(one: Raised) -> Raise:
    rule, firing = one.crossing.rule, one.firing
    assert rule.raises is not None
    return alert_of(
        RAISE_ALERT.render(rule.raises, one.texts),
        rule_id=rule.pk,
        vehicle=one.crossing.vehicle,
        at=firing.occurred_at,
        cause={"kind": "rule", "rule_id": rule.pk, "firing_id": firing.pk, "name": rule.name},
        pattern=rule.pattern,
        known=read_by_name(one.crossing.values),
    )


def _touches(outcome: Outcome, pair: Pair, episode: Episode) -> Iterable[Touch]:
    rule, vehicle = outcome.rules[pair[0]], pair[1]
    name, raised = _measured(rule), {one.at for one in episode.raised}
    for at, values in episode.said:
        if at in raised:
            # The report that is told again is counted by that.
            continue
        yield Touch(origin_of(rule.pk), vehicle, time_of(at), _number(values, name))


def _measured(rule: RunningRule) -> str:
    """The attribute whose worst value is kept."""
    named = (rule.raises or {}).get("field")
    subject = subject_of(rule.pattern)
    return str(named or (subject[0] if subject else ""))


def _number(values: Values, name: str) -> float | None:
    found: Any = next(
        (
            values[key]
            for key in (f"status.{name}", f"attributes.{name}", name)
            if values.get(key) is not None
        ),
        None,
    )
    return float(found) if type(found) in (int, float) else None
