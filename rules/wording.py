"""Patterns in words: the sentence of a rule, and why it was true of a vehicle."""

from datetime import datetime
from typing import Any

from rules.matching import Values, compile_pattern, value_of
from rules.patterns import All, Any_, Comparison, Node, Not, Subject, cut

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
    "is_set": "is not known",
    "is_not_set": "is known",
}
_MOST_LISTED = 5


def sentence(node: Node) -> str:
    """“When odometer_km is over 10,000 and status is MOVING”."""
    return f"When {_told(node)}"


def explain(node: Node, values: Values) -> str:
    """“odometer_km was 10,412, which is over 10,000”: what made the pattern true of these values."""
    told = _explained(node, values, wanted=True)
    return " and ".join(dict.fromkeys(told)) or "the pattern became true"


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


def _told(node: Node, *, inner: bool = False) -> str:
    match node:
        case Comparison():
            return f"{node.subject.name} {_phrase(node, _IS)}"
        case Not():
            if isinstance(node.node, Comparison):
                return f"{node.node.subject.name} {_phrase(node.node, _IS_NOT)}"
            return f"not ({_told(node.node)})"
        case All() | Any_():
            word = " and " if isinstance(node, All) else " or "
            told = word.join(_told(child, inner=len(node.nodes) > 1) for child in node.nodes)
            return f"({told})" if inner and len(node.nodes) > 1 else told
    return f"{node.text} is not known any more"


def _phrase(node: Comparison, phrases: dict[str, str]) -> str:
    if node.operator == "between":
        listed = " and ".join(shown(item, node.subject) for item in node.value)
    elif isinstance(node.value, tuple):
        listed = _listed(node)
    else:
        listed = shown(node.value, node.subject)
    return phrases[node.operator].format(listed)


def _listed(node: Comparison) -> str:
    items = [shown(item, node.subject) for item in node.value[:_MOST_LISTED]]
    more = len(node.value) - len(items)
    return ", ".join(items) + (f" and {more} more" if more else "")


def _explained(node: Node, values: Values, *, wanted: bool) -> list[str]:
    match node:
        case Comparison():
            return [_reason(node, values, wanted=wanted)]
        case Not():
            return _explained(node.node, values, wanted=not wanted)
        case All() | Any_():
            guilty = [child for child in node.nodes if compile_pattern(child)(values) is wanted]
            return [reason for child in guilty for reason in _explained(child, values, wanted=wanted)]
    return []


def _reason(node: Comparison, values: Values, *, wanted: bool) -> str:
    name, value = node.subject.name, value_of(node.subject)(values)
    if value is None:
        return f"{name} was not known"
    was = f"{name} was {shown(value, node.subject)}"
    says_all = node.operator in ("is_set", "is_not_set") or (node.operator, wanted) in (
        ("eq", True),
        ("ne", False),
    )
    return was if says_all else f"{was}, which {_phrase(node, _IS if wanted else _IS_NOT)}"
