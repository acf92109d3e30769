"""What rules mean, written down from docs/rules.md as plainly as can be; the tests hold the program against it.

Nothing is remembered from one moment to the next. The whole list of what was told is laid out as *looks*: each
thing told gives one look at the very report and one right after it, and each moment at which time alone may
change something gives one more. Every node is then asked at every look, over all looks before it.

A pattern is the JSON that a person writes. A truth is True, False or None (not known). Times are whole ms.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Truth = bool | None
EARTH_M = 6_371_000
MINUTE = 60_000


@dataclass(frozen=True)
class Told:
    """Something told of the vehicle: by itself (``is_report``), or by a person of its main data."""

    at: int
    values: dict[str, Any]
    is_report: bool = True


@dataclass(frozen=True)
class Look:
    """A moment at which everything is asked. ``before`` and ``after`` are all values by name."""

    at: int
    before: dict[str, Any]
    after: dict[str, Any]
    reports: tuple[int, ...]
    is_report: bool = False


@dataclass(frozen=True)
class Rule:
    pattern: Any
    clear: Any = None
    repeat_s: int | None = None
    cooldown_s: int = 0
    per_day: int | None = None


@dataclass
class Run:
    """What a rule does for one vehicle: (what, when) in order."""

    steps: list[tuple[str, int]] = field(default_factory=list)


def interpret(rule: Rule, told: list[Told], *, until: int, known: dict[str, Any] | None = None) -> Any:
    """All steps ("FIRE", "REPEAT", "CLEAR", "HOLD_BACK"; ms) up to and with ``until``.

    ``known`` are the values from before everything.
    """
    looks = all_looks(rule, told, known or {}, until)
    pattern = truths(rule.pattern, looks)
    ends = truths(rule.clear, looks) if rule.clear is not None else [negated(truth) for truth in pattern]
    steps: list[tuple[str, int]] = []
    is_true, was_false, since = False, True, 0
    for look, begins, over in zip(looks, pattern, ends, strict=True):
        if is_true and rule.repeat_s:
            # Those that fell between the look before and this one; at this one, only if it goes on.
            last = max(at for kind, at in steps) if steps else since
            for at in repetitions(since, rule.repeat_s * 1_000, look.at):
                if at > last and at < look.at:
                    steps.append((allowed("REPEAT", at, rule, steps), at))
        if is_true and over is True:
            is_true = False
            steps.append(("CLEAR", look.at))
        elif not is_true and begins is True and was_false:
            is_true, since = True, look.at
            steps.append((allowed("FIRE", look.at, rule, steps), look.at))
        if begins is not None:
            was_false = not begins
    if is_true and rule.repeat_s:
        last = max(at for kind, at in steps)
        for at in repetitions(since, rule.repeat_s * 1_000, until + 1):
            if at > last:
                steps.append((allowed("REPEAT", at, rule, steps), at))
    return steps


def repetitions(since: int, every: int, before: int) -> Iterable[int]:
    return range(since + every, before, every)


def allowed(kind: str, at: int, rule: Rule, steps: list[tuple[str, int]]) -> str:
    """The kind, or that it is held back: too soon after another one, or too many on that day (UTC)."""
    fired = [when for what, when in steps if what in ("FIRE", "REPEAT")]
    too_soon = any(at - when < rule.cooldown_s * 1_000 for when in fired)
    today = [when for when in fired if day_of(when) == day_of(at)]
    too_many = rule.per_day is not None and len(today) >= rule.per_day
    return "HOLD_BACK" if too_soon or too_many else kind


def day_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d")


# Looks


def all_looks(rule: Rule, told: list[Told], known: dict[str, Any], until: int) -> list[Look]:
    """Looks in order of time: by time alone, then at the report of the same moment, then right after it."""
    moments = moments_of(rule.pattern, told, until)
    if rule.clear is not None:
        moments |= moments_of(rule.clear, told, until)
    by_report = {one.at for one in told}
    looks = []
    for at in sorted(moments | by_report):
        if at > until or at < told[0].at:
            continue
        before = values_at(told, known, lambda one, at=at: one.at < at)
        after = values_at(told, known, lambda one, at=at: one.at <= at)
        reports = tuple(one.at for one in told if one.is_report and one.at <= at)
        is_report = any(one.is_report for one in told if one.at == at)
        if at in by_report:
            looks.append(Look(at, before, after, reports, is_report))
        looks.append(Look(at, after, after, reports))
    return looks


def values_at(told: list[Told], known: dict[str, Any], counts: Callable[[Told], bool]) -> dict[str, Any]:
    values = dict(known)
    for one in told:
        if counts(one):
            values.update(one.values)
    return values


def moments_of(node: Any, told: list[Told], until: int) -> set[int]:
    """When the node may change."""
    changes = {one.at for one in told}
    for name in ("all", "any"):
        if name in node:
            return set().union(*(moments_of(child, told, until) for child in node[name]))
    if "not" in node:
        return moments_of(node["not"], told, until)
    if "lasts" in node:
        return changes | moments_of(node["lasts"], told, until)
    if "often" in node:
        within = changes | moments_of(node["often"], told, until)
        return within | {at + node["seconds"] * 1_000 for at in within}
    if "silent" in node:
        return changes | {one.at + node["silent"] * 1_000 for one in told if one.is_report}
    if "hours" in node:
        return changes | edges_of(node["hours"], min(changes, default=until), until)
    return changes


def edges_of(hours: dict[str, Any], first: int, last: int) -> set[int]:
    """Each full minute at which these hours begin or end."""
    edges = set()
    for at in range(first // MINUTE * MINUTE, last + 1, MINUTE):
        if is_within(hours, at) != is_within(hours, at - MINUTE):
            edges.add(at)
    return edges


# Truths


def truths(node: Any, looks: list[Look]) -> list[Truth]:
    """What the node is at each look."""
    if "all" in node:
        return [every(truth) for truth in columns(node["all"], looks)]
    if "any" in node:
        return [some(truth) for truth in columns(node["any"], looks)]
    if "not" in node:
        return [negated(truth) for truth in truths(node["not"], looks)]
    if "lasts" in node:
        inner = truths(node["lasts"], looks)
        return [lasts(inner, looks, place, node["seconds"] * 1_000) for place in range(len(looks))]
    if "often" in node:
        inner = truths(node["often"], looks)
        return [often(inner, looks, place, node) for place in range(len(looks))]
    return [truth_of(node, look) for look in looks]


def columns(nodes: list[Any], looks: list[Look]) -> Iterable[tuple[Truth, ...]]:
    return zip(*(truths(node, looks) for node in nodes), strict=True)


def every(found: Iterable[Truth]) -> Truth:
    found = list(found)
    return False if False in found else None if None in found else True


def some(found: Iterable[Truth]) -> Truth:
    return negated(every(negated(truth) for truth in found))


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def lasts(inner: list[Truth], looks: list[Look], place: int, length: int) -> Truth:
    """True when some report since it became true says that it has been true for so long."""
    if inner[place] is not True:
        return inner[place]
    first = place
    while first > 0 and inner[first - 1] is True:
        first -= 1
    since = looks[first].at
    return any(look.is_report and look.at - since >= length for look in looks[first : place + 1])


def often(inner: list[Truth], looks: list[Look], place: int, node: dict[str, Any]) -> Truth:
    """How many episodes began within the window that ends now."""
    began, is_on = [], False
    for look, truth in zip(looks[: place + 1], inner[: place + 1], strict=True):
        if truth is True and not is_on:
            began.append(look.at)
        if truth is not None:
            is_on = truth
    now = looks[place].at
    return sum(now - at < node["seconds"] * 1_000 for at in began) >= node["times"]


def truth_of(node: dict[str, Any], look: Look) -> Truth:
    """A node that needs nothing but one look."""
    if "silent" in node:
        return look.at - max(look.reports) >= node["silent"] * 1_000 if look.reports else None
    if "inside" in node:
        return lies_in(node["inside"], look.after)
    if "outside" in node:
        return negated(lies_in(node["outside"], look.after))
    if "hours" in node:
        return is_within(node["hours"], look.at)
    if node["operator"] in ("changed", "rose_by", "fell_by"):
        return changes(node, look)
    return compare(node, look.after)


def changes(node: dict[str, Any], look: Look) -> Truth:
    old, new = look.before.get(node["field"]), look.after.get(node["field"])
    if old is None or new is None:
        return None
    if node["operator"] == "rose_by":
        return bool(new - old > node["value"])
    if node["operator"] == "fell_by":
        return bool(old - new > node["value"])
    ends = node.get("value") or {}
    return old != new and ends.get("from", old) == old and ends.get("to", new) == new


def compare(node: dict[str, Any], values: dict[str, Any]) -> Truth:
    value, operator, wanted = values.get(node["field"]), node["operator"], node.get("value")
    if operator == "is_set":
        return value is not None
    if operator == "is_not_set":
        return value is None
    if isinstance(wanted, dict):
        other = values.get(wanted["field"])
        wanted = None if other is None else other + wanted["plus"] if "plus" in wanted else other
    if value is None or wanted is None:
        return None
    return bool(COMPARED[operator](value, wanted))


def finds(text: str, expression: str) -> bool:
    """Of the few expressions that the tests write: a text, at the beginning with ^, at the end with $."""
    bare = expression.strip("^$")
    if expression.startswith("^") and expression.endswith("$"):
        return text == bare
    if expression.startswith("^"):
        return text[: len(bare)] == bare
    return text[-len(bare) :] == bare if expression.endswith("$") else bare in text


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
    "between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
    "contains": lambda value, wanted: wanted.lower() in value.lower(),
    "starts_with": lambda value, wanted: value.lower()[: len(wanted)] == wanted.lower(),
    "ends_with": lambda value, wanted: value.lower()[-len(wanted) :] == wanted.lower(),
    "matches": finds,
}


# Hours and places


def is_within(hours: dict[str, Any], at: int) -> bool:
    """Whether a moment lies in hours; those past midnight belong to the day on which they begin."""
    zone = ZoneInfo(hours.get("time_zone", "UTC"))
    local = datetime.fromtimestamp(at / 1_000, UTC).astimezone(zone)
    clock, begins, ends = local.strftime("%H:%M"), hours["from"], hours["to"]
    days = hours.get("weekdays") or ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    today = local.strftime("%a").lower()
    yesterday = (local.date() - timedelta(days=1)).strftime("%a").lower()
    if begins < ends:
        return today in days and begins <= clock < ends
    return (today in days and clock >= begins) or (yesterday in days and clock < ends)


def lies_in(place: dict[str, Any], values: dict[str, Any]) -> Truth:
    latitude, longitude = values.get("latitude"), values.get("longitude")
    if latitude is None or longitude is None:
        return None
    if "circle" in place:
        circle = place["circle"]
        middle = (circle["latitude"], circle["longitude"])
        return metres((latitude, longitude), middle) <= circle["radius_m"]
    return winds(place["polygon"], latitude, longitude)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Along the earth's surface, by the angle between the two directions from its middle."""
    first, second = direction(*one), direction(*other)
    cross = (
        first[1] * second[2] - first[2] * second[1],
        first[2] * second[0] - first[0] * second[2],
        first[0] * second[1] - first[1] * second[0],
    )
    dot = sum(a * b for a, b in zip(first, second, strict=True))
    return EARTH_M * math.atan2(math.hypot(*cross), dot)


def direction(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, round_ = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(round_), math.cos(up) * math.sin(round_), math.sin(up)


def winds(corners: list[list[float]], latitude: float, longitude: float) -> bool:
    """Whether one who walks along the rim turns around the point."""
    angle = 0.0
    for (lat_1, lon_1), (lat_2, lon_2) in zip(corners, corners[1:] + corners[:1], strict=True):
        first = math.atan2(lat_1 - latitude, lon_1 - longitude)
        second = math.atan2(lat_2 - latitude, lon_2 - longitude)
        angle += (second - first + math.pi) % (2 * math.pi) - math.pi
    return abs(angle) > math.pi
