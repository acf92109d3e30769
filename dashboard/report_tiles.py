"""The few numbers above a report, each beside what it was in the span of time before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Fleet, User
from dashboard import units
from dashboard.report_range import Range
from dashboard.shown import NOTHING, hours, measure, number, score_level
from telemetry.scores import score_of_all

# Less than this much of a number is no change that anybody should look at.
SAME = 0.005


@dataclass(frozen=True)
class Tile:
    """``trend`` says how it changed, ``tone`` whether that is good (green), bad (red) or neither."""

    name: str
    label: str
    value: Any
    icon: str
    trend: str = ""
    way: str = ""
    tone: str = ""
    level: str = ""


def tiles_of(me: User, fleet: Fleet | None, span: Range) -> list[Tile]:
    """Two queries: this span and the one before."""
    now = score_of_all(me, fleet=fleet, start=span.start, end=span.end)
    before = score_of_all(me, fleet=fleet, start=span.before.start, end=span.before.end)
    score = now["safety_score"]
    return [
        Tile(
            "safety_score",
            _("Safety score"),
            NOTHING if score is None else number(score, 1),
            "tabler-shield-check",
            level="" if score is None else score_level(score),
            **_change(now, before, "safety_score", is_better_when=1, told=lambda change: number(change, 1)),
        ),
        Tile(
            "trips",
            _("Trips"),
            number(now["trips"]),
            "tabler-route",
            **_change(now, before, "trips", told=number),
        ),
        Tile(
            "distance_km",
            _("Distance in trips"),
            measure(now["distance_km"], "km", me),
            "tabler-road",
            **_change(now, before, "distance_km", told=lambda change: _distance(change, me)),
        ),
        Tile(
            "duration_s",
            _("Time driven"),
            hours(now["duration_s"]),
            "tabler-clock-hour-4",
            **_change(now, before, "duration_s", told=hours),
        ),
        Tile(
            "harsh_per_100_km",
            _("Harsh samples / 100 km"),
            NOTHING if now["harsh_per_100_km"] is None else number(now["harsh_per_100_km"], 1),
            "tabler-alert-triangle",
            **_change(
                now, before, "harsh_per_100_km", is_better_when=-1, told=lambda change: number(change, 1)
            ),
        ),
    ]


def _distance(km: float, me: User) -> str:
    return f"{number(units.to_shown(km, 'km', me))} {units.shown_unit('km', me)}"


def _change(
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    name: str,
    *,
    told: Callable[[float], str | SafeString],
    is_better_when: int = 0,
) -> dict[str, str]:
    if now[name] is None or before[name] is None or not before["trips"]:
        return {}
    change = now[name] - before[name]
    if abs(change) <= SAME * max(abs(before[name]), 1):
        return {"trend": _("as before"), "way": "same"}
    tone = "" if not is_better_when else "good" if change * is_better_when > 0 else "bad"
    return {"trend": str(told(abs(change))), "way": "up" if change > 0 else "down", "tone": tone}
