"""What rules mean, written down from docs/rules.md as plainly as can be; the tests hold the program against it.

Nothing is remembered from one moment to the next. The whole list of what was told is laid out as *looks*: each
thing told gives one look at the very report and one right after it, and each moment at which time alone may
change something gives one more. Every node is then asked at every look, over all looks before it.

A pattern is the JSON that a person writes. A truth is True, False or None (not known). Times are whole ms.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Truth = bool | None
Steps = list[tuple[str, int]]
EARTH_M = 6_371_000
MINUTE = 60_000


@dataclass(frozen=True)
class Told:
    """Something told of a vehicle: how it is (``is_report``), by itself or by a person, or its main data."""

    at: int
    values: dict[str, Any]
    is_report: bool = True
    by_person: bool = False


@dataclass(frozen=True)
class Look:
    """A moment at which everything is asked. ``before`` and ``after`` are all values by name."""

    at: int
    before: dict[str, Any]
    after: dict[str, Any]
    heard: int | None
    is_report: bool = False


@dataclass(frozen=True)
class Rule:
    pattern: Any
    clear: Any = None
    repeat_s: int | None = None
    cooldown_s: int = 0
    per_day: int | None = None


def interpret(rule: Rule, known: dict[str, Any], told: list[Told], *, start: int, until: int) -> Steps:
    """All steps ("FIRE", "REPEAT", "CLEAR", "HOLD_BACK"; ms) of a rule that begins at ``start``, up to ``until``.

    ``known`` are the values from before; ``told`` comes in the order of time, from ``start`` on.
    """
    looks = all_looks(rule, known, told, start, until)
    pattern = truths(rule.pattern, looks)
    clear = truths(rule.clear, looks) if rule.clear is not None else [negated(truth) for truth in pattern]
    steps: Steps = []
    is_true, since = False, start
    for look, begins, ends in zip(looks, pattern, clear, strict=True):
        if is_true:
            repeat(rule, steps, since, before=look.at)
        if is_true and ends is True and begins is not True:
            is_true = False
            steps.append(("CLEAR", look.at))
        elif not is_true and begins is True:
            is_true, since = True, look.at
            steps.append((allowed("FIRE", look.at, rule, steps), look.at))
        if is_true:
            repeat(rule, steps, since, before=look.at + 1)
    if is_true:
        repeat(rule, steps, since, before=until + 1)
    return steps


def repeat(rule: Rule, steps: Steps, since: int, *, before: int) -> None:
    """Add the repetitions before a time that were not told yet."""
    if rule.repeat_s is None:
        return
    last = max(at for _kind, at in steps)
    for at in range(since, before, rule.repeat_s * 1_000):
        if at > last:
            steps.append((allowed("REPEAT", at, rule, steps), at))


def allowed(kind: str, at: int, rule: Rule, steps: Steps) -> str:
    """The kind, or that it is held back: too soon after another one, or too many on that day (UTC)."""
    fired = [when for what, when in steps if what in ("FIRE", "REPEAT")]
    too_soon = any(at - when < rule.cooldown_s * 1_000 for when in fired)
    today = [when for when in fired if day_of(when) == day_of(at)]
    too_many = rule.per_day is not None and len(today) >= rule.per_day
    return "HOLD_BACK" if too_soon or too_many else kind


def day_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d")


# Looks


def all_looks(rule: Rule, known: dict[str, Any], told: list[Told], start: int, until: int) -> list[Look]:
    """Looks in the order of time: as the rule begins, and then by what is told and by time alone."""
    looks = [Look(start, known, known, None)]
    for count, one in enumerate(told, start=1):
        before, after = values_after(known, told[: count - 1]), values_after(known, told[:count])
        heard = last_report(told[:count])
        looks.append(Look(one.at, before, after, heard, one.is_report))
        looks.append(Look(one.at, after, after, heard))
    moments = set()
    for pattern in (rule.pattern, rule.clear):
        moments |= moments_of(pattern, told, start, until) if pattern is not None else set()
    for at in moments - {look.at for look in looks}:
        if start < at <= until:
            by_then = [one for one in told if one.at < at]
            values = values_after(known, by_then)
            looks.append(Look(at, values, values, last_report(by_then)))
    return sorted(looks, key=lambda look: look.at)


def values_after(known: dict[str, Any], told: list[Told]) -> dict[str, Any]:
    values = dict(known)
    for one in told:
        values.update(one.values)
    return values


def last_report(told: list[Told]) -> int | None:
    return max((one.at for one in told if one.is_report), default=None)


def moments_of(node: Any, told: list[Told], start: int, until: int) -> set[int]:
    """When the node may change."""
    changes = {start} | {one.at for one in told}
    inner = (
        node.get("all")
        or node.get("any")
        or [node[name] for name in ("not", "lasts", "often") if name in node]
    )
    for child in inner:
        changes |= moments_of(child, told, start, until)
    if "often" in node:
        return changes | {at + node["seconds"] * 1_000 for at in changes}
    if "silent" in node:
        return changes | {one.at + node["silent"] * 1_000 for one in told if one.is_report}
    if "hours" in node:
        return changes | edges_of(node["hours"], start, until)
    if "every_months" in node.get("due", {}):
        return changes | {due_at(node["due"], start)}
    return changes


def edges_of(hours: dict[str, Any], first: int, last: int) -> set[int]:
    """Each full minute at which these hours begin or end."""
    minutes = range(first // MINUTE * MINUTE, last + 1, MINUTE)
    return {at for at in minutes if is_within(hours, at) != is_within(hours, at - MINUTE)}


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
    if "due" in node:
        return [is_due(node["due"], looks, look) for look in looks]
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
    """True when a report since it became true says that it has been true for so long; not knowing is no break."""
    if inner[place] is not True:
        return inner[place]
    first = place
    while first > 0 and inner[first - 1] is not False:
        first -= 1
    while inner[first] is None:
        first += 1
    since = looks[first].at
    return any(look.is_report and look.at - since >= length for look in looks[first : place + 1])


def often(inner: list[Truth], looks: list[Look], place: int, node: dict[str, Any]) -> Truth:
    """How many episodes began within the window that ends now; where too few are known, not knowing goes on."""
    began, is_on = [], False
    for look, truth in zip(looks[: place + 1], inner[: place + 1], strict=True):
        if truth is True and not is_on:
            began.append(look.at)
        if truth is not None:
            is_on = truth
    now = looks[place].at
    if sum(now - at < node["seconds"] * 1_000 for at in began) >= node["times"]:
        return True
    return None if inner[place] is None else False


def is_due(due: dict[str, Any], looks: list[Look], look: Look) -> Truth:
    """Without a task that was ever completed: by way or by time, whichever comes first."""
    reasons: list[Truth] = []
    if "every_km" in due:
        odometer = look.after.get("odometer_km")
        first = next(
            (one.after["odometer_km"] for one in looks if one.after.get("odometer_km") is not None), 0
        )
        full = first // due["every_km"] * due["every_km"]
        at_km = full + due["every_km"] - due.get("ahead_km", 0)
        reasons.append(None if odometer is None else odometer >= at_km)
    if "every_months" in due:
        reasons.append(look.at >= due_at(due, looks[0].at))
    return some(reasons)


def due_at(due: dict[str, Any], since: int) -> int:
    """So many months later, on the same day or the month's last one, less the days ahead."""
    then = datetime.fromtimestamp(since / 1_000, UTC)
    month = then.month + due["every_months"]
    year, month = then.year + (month - 1) // 12, (month - 1) % 12 + 1
    for day in (then.day, 30, 29, 28):
        try:
            later = then.replace(year=year, month=month, day=day)
            break
        except ValueError:
            continue
    return round((later - timedelta(days=due.get("ahead_days", 0))).timestamp() * 1_000)


def truth_of(node: dict[str, Any], look: Look) -> Truth:
    """A node that needs nothing but one look."""
    if "silent" in node:
        return None if look.heard is None else look.at - look.heard >= node["silent"] * 1_000
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
