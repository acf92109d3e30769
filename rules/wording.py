"""Patterns in words: the sentence of a rule, and why it was true of a vehicle."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rules.calendars import ALL_WEEK, WEEKDAYS
from rules.kinds import cut
from rules.matching import Moment, Slots, compile_pattern, value_of
from rules.nodes import (
    All,
    Any_,
    At,
    Change,
    Comparison,
    Due,
    During,
    Lasts,
    Node,
    Not,
    Often,
    Reference,
    Silent,
    Subject,
)

_IS = {
    "eq": "is {}",
    "ne": "is not {}",
    "gt": "is over {}",
    "ge": "is at least {}",
    "lt": "is under {}",
    "le": "is at most {}",
    "between": "is between {}",
    "in": "is one of {}",
    "not_in": "is none of {}",
    "contains": "contains {}",
    "starts_with": "starts with {}",
    "ends_with": "ends with {}",
    "matches": "matches {}",
    "is_set": "is known",
    "is_not_set": "is not known",
}
_IS_NOT = {
    "eq": "is not {}",
    "ne": "is {}",
    "gt": "is not over {}",
    "ge": "is under {}",
    "lt": "is not under {}",
    "le": "is over {}",
    "between": "is not between {}",
    "in": "is none of {}",
    "not_in": "is one of {}",
    "contains": "does not contain {}",
    "starts_with": "does not start with {}",
    "ends_with": "does not end with {}",
    "matches": "does not match {}",
    "is_set": "is not known",
    "is_not_set": "is known",
}
_MOST_LISTED = 5


def sentence(node: Node) -> str:
    """“When odometer_km is over 10,000 and status is MOVING”."""
    return f"When {told(node)}"


def explain(node: Node, moment: Moment, slots: Slots | None = None) -> str:
    """“odometer_km was 10,412, which is over 10,000”: what made the pattern true at a moment."""
    found = _explained(node, moment, slots, wanted=True)
    return " and ".join(dict.fromkeys(found)) or "the pattern became true"


def shown(value: Any, subject: Subject | None = None) -> str:
    """A value for people: from five digits on, thousands are set apart."""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return shown_number(value, grouped=not (subject and subject.name.endswith("_id")))
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    text = cut(value, 100)
    return text if text and not any(letter.isspace() for letter in text) else f"“{text}”"


def shown_number(value: float, *, grouped: bool = True) -> str:
    if abs(value) >= 1e15:
        return f"{value:g}"
    grouping = "," if grouped and abs(value) >= 10_000 else ""
    if value == int(value):
        return f"{int(value):{grouping}}"
    return f"{value:{grouping}.6f}".rstrip("0").rstrip(".")


def lasting(seconds: float) -> str:
    """A length of time in the largest unit that says it whole: “2 min”, “90 s”, “3 days”."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            many = shown_number(seconds / length)
            return "1 day" if (many, unit) == ("1", "days") else f"{many} {unit}"
    return f"{shown_number(seconds)} s"


def told(node: Node, *, inner: bool = False) -> str:
    """The node in words, as in “speed_kmh is over 80 for 2 min”."""
    match node:
        case Not():
            return _told_not(node.node)
        case All() | Any_():
            word = " and " if isinstance(node, All) else " or "
            listed = word.join(told(child, inner=len(node.nodes) > 1) for child in node.nodes)
            return f"({listed})" if inner and len(node.nodes) > 1 else listed
        case Lasts():
            return f"{_bracketed(node.node)} for {lasting(node.seconds)}"
        case Often():
            times = "once" if node.times == 1 else f"{node.times} times"
            return f"{_bracketed(node.node)} {times} within {lasting(node.seconds)}"
    return _told_leaf(node)


def _told_leaf(node: Node) -> str:
    match node:
        case Comparison():
            return f"{node.subject.name} {_phrase(node, _IS)}"
        case Change():
            return f"{node.subject.name} {_turn(node)}"
        case At():
            return f"it is {'inside' if node.inside else 'outside'} {_place(node)}"
        case During():
            return f"it is {_hours(node)}"
        case Silent():
            return f"nothing was reported for {lasting(node.seconds)}"
        case Due():
            return _due(node)
    return f"{getattr(node, 'text', 'a condition')} is not known any more"


def _told_not(node: Node) -> str:
    if isinstance(node, Comparison):
        return f"{node.subject.name} {_phrase(node, _IS_NOT)}"
    return f"not ({told(node)})"


def _bracketed(node: Node) -> str:
    return f"({told(node)})" if isinstance(node, All | Any_) and len(node.nodes) > 1 else told(node)


def _turn(node: Change) -> str:
    if node.operator != "changed":
        return f"{node.operator.removesuffix('_by')} by over {shown(node.value, node.subject)}"
    before, after = node.value
    ends = [
        f" {word} {shown(end, node.subject)}"
        for word, end in (("from", before), ("to", after))
        if end is not None
    ]
    return f"changed{''.join(ends)}"


def _place(node: At) -> str:
    place = node.place
    if place.name:
        return cut(place.name, 100)
    if place.radius_m is None:
        return f"a polygon of {len(place.points)} points"
    latitude, longitude = place.points[0]
    return f"{shown_number(place.radius_m)} m around {shown_number(latitude)}, {shown_number(longitude)}"


def _hours(node: During) -> str:
    hours = node.hours
    days = (
        ""
        if hours.weekdays == ALL_WEEK
        else f" on {', '.join(WEEKDAYS[day] for day in sorted(hours.weekdays))}"
    )
    whole = (
        "all day" if hours.begins == hours.ends else f"between {hours.begins:%H:%M} and {hours.ends:%H:%M}"
    )
    return f"{whole}{days} ({hours.zone})"


def _due(node: Due) -> str:
    km = f"{shown_number(node.every_km)} km" if node.every_km is not None else ""
    months = (
        ""
        if node.every_months is None
        else "month"
        if node.every_months == 1
        else f"{node.every_months} months"
    )
    ahead = [f"{shown_number(node.ahead_km)} km"] if node.ahead_km else []
    ahead += [lasting(node.ahead_days * 86_400)] if node.ahead_days else []
    told_ahead = f" ({' or '.join(ahead)} ahead)" if ahead else ""
    return f"maintenance is due, every {' or '.join(filter(None, (km, months)))}{told_ahead}"


def _phrase(node: Comparison, phrases: dict[str, str]) -> str:
    return phrases[node.operator].format(_value(node))


def _value(node: Comparison) -> str:
    match node.value:
        case Reference(other, plus):
            return other.name + (f" {'+' if plus > 0 else '-'} {shown_number(abs(plus))}" if plus else "")
        case tuple() if node.operator == "between":
            return " and ".join(shown(item, node.subject) for item in node.value)
        case tuple():
            return _listed(node)
    return shown(node.value, node.subject)


def _listed(node: Comparison) -> str:
    items = [shown(item, node.subject) for item in node.value[:_MOST_LISTED]]
    more = len(node.value) - len(items)
    return ", ".join(items) + (f" and {more} more" if more else "")


def _explained(node: Node, moment: Moment, slots: Slots | None, *, wanted: bool) -> list[str]:
    match node:
        case Not():
            return _explained(node.node, moment, slots, wanted=not wanted)
        case All() | Any_():
            guilty = [child for child in node.nodes if compile_pattern(child, slots)(moment) is wanted]
            return [reason for child in guilty for reason in _explained(child, moment, slots, wanted=wanted)]
        case Lasts() if wanted:
            because = " and ".join(_explained(node.node, moment, slots, wanted=True))
            return [f"{because}, for {lasting(node.seconds)} or longer"]
    return [reason_of(node, moment, wanted=wanted)]


def reason_of(node: Node, moment: Moment, *, wanted: bool) -> str:
    """Why a single condition is, or is not, true: the value that it found, or what it says."""
    if isinstance(node, Comparison):
        return _reason(node, moment, wanted=wanted)
    if isinstance(node, Change):
        return _change_reason(node, moment, wanted=wanted)
    if isinstance(node, Silent) and moment.heard is not None:
        heard = datetime.fromtimestamp(moment.heard / 1000, UTC)
        return (
            f"the last report was of {shown(heard)}, and {lasting(node.seconds)} are too long"
            if wanted
            else (f"the last report was of {shown(heard)}")
        )
    return told(node) if wanted else f"not ({told(node)})"


def _reason(node: Comparison, moment: Moment, *, wanted: bool) -> str:
    name, value = node.subject.name, value_of(node.subject)(moment.values)
    if value is None:
        return f"{name} was not known"
    was = f"{name} was {shown(value, node.subject)}"
    says_all = node.operator in ("is_set", "is_not_set") or (node.operator, wanted) in (
        ("eq", True),
        ("ne", False),
    )
    if isinstance(node.value, Reference):
        other = value_of(node.value.subject)(moment.values)
        was_other = f"{node.value.subject.name} was {shown(other, node.value.subject)}"
        return f"{was}, which {_phrase(node, _IS if wanted else _IS_NOT)}, and {was_other}"
    return was if says_all else f"{was}, which {_phrase(node, _IS if wanted else _IS_NOT)}"


def _change_reason(node: Change, moment: Moment, *, wanted: bool) -> str:
    read: Callable[[Any], Any] = value_of(node.subject)
    before, after = read(moment.before), read(moment.values)
    if before == after:
        return f"{node.subject.name} did not change"
    moved = f"{node.subject.name} went from {_known(before, node)} to {_known(after, node)}"
    return (
        moved if node.operator == "changed" else f"{moved}, so it {'' if wanted else 'never '}{_turn(node)}"
    )


def _known(value: Any, node: Change) -> str:
    return "unknown" if value is None else shown(value, node.subject)
