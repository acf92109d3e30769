"""Patterns: a tree of conditions, read and checked against the attributes that exist.

A pattern is JSON: ``{"all": [node, …]}``, ``{"any": [node, …]}``, ``{"not": node}`` or a comparison
``{"field": "odometer_km", "operator": "gt", "value": 10000}``. ``matching`` tells whether it is true of a
vehicle, ``wording`` says it to people.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any

MAX_DEPTH = 10
MAX_NODES = 100
MAX_LIST = 1_000
MAX_TEXT = 1_000
MAX_NUMBER = 1e18


@dataclass(frozen=True, slots=True)
class Subject:
    """An attribute that a comparison may name. ``keys`` say where its value stands: the first known one."""

    name: str
    kind: str
    keys: tuple[str, ...]
    choices: tuple[str, ...] = ()


Table = Mapping[str, Subject]


@dataclass(frozen=True, slots=True)
class Operator:
    kinds: frozenset[str]
    shape: str = "one"


_ALL_KINDS = frozenset(("number", "text", "boolean", "time", "date"))
_ORDERED = frozenset(("number", "time", "date"))
_TEXT = frozenset(("text",))

OPERATORS: dict[str, Operator] = {
    "eq": Operator(_ALL_KINDS),
    "ne": Operator(_ALL_KINDS),
    "gt": Operator(_ORDERED),
    "ge": Operator(_ORDERED),
    "lt": Operator(_ORDERED),
    "le": Operator(_ORDERED),
    "between": Operator(_ORDERED, "pair"),
    "in": Operator(_ALL_KINDS - {"boolean"}, "list"),
    "not_in": Operator(_ALL_KINDS - {"boolean"}, "list"),
    "contains": Operator(_TEXT),
    "starts_with": Operator(_TEXT),
    "ends_with": Operator(_TEXT),
    "is_set": Operator(_ALL_KINDS, "none"),
    "is_not_set": Operator(_ALL_KINDS, "none"),
}

KIND_NAMES = {"number": "number", "text": "text", "boolean": "yes or no", "time": "time", "date": "date"}
EXAMPLES = {
    "number": "a number such as 10000",
    "text": "a text such as “MOVING”",
    "boolean": "true or false",
    "time": "a time with its offset such as 2026-01-31T08:00:00Z",
    "date": "a date such as 2026-01-31",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    subject: Subject
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class All:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any_:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"


@dataclass(frozen=True, slots=True)
class Unfit:
    """A node that does not fit the attributes (any more): neither true nor false."""

    text: str


Node = Comparison | All | Any_ | Not | Unfit


def operators_of(kind: str) -> list[str]:
    return [name for name, operator in OPERATORS.items() if kind in operator.kinds]


def parse(pattern: Any, table: Table, *, path: str = "pattern") -> tuple[Node, dict[str, list[str]]]:
    """The tree, and what is wrong by path; a wrong node stands in the tree as ``Unfit``."""
    reader = _Reader(table)
    node = reader.read(pattern, path, 1)
    if reader.nodes > MAX_NODES:
        message = f"A pattern has at most {MAX_NODES} conditions and groups; this one has more."
        return Unfit("too many conditions"), {path: [message]}
    return node, reader.errors


def fields(node: Node) -> frozenset[str]:
    """Names of the attributes that the pattern mentions."""
    return frozenset(subject.name for subject in subjects(node))


def subjects(node: Node) -> set[Subject]:
    match node:
        case Comparison():
            return {node.subject}
        case Not():
            return subjects(node.node)
        case All() | Any_():
            return set().union(*map(subjects, node.nodes))
    return set()


@dataclass
class _Reader:
    table: Table
    errors: dict[str, list[str]] = field(default_factory=dict)
    nodes: int = 0

    def wrong(self, path: str, message: str, text: str = "a condition that does not fit") -> Unfit:
        self.errors.setdefault(path, []).append(message)
        return Unfit(text)

    def read(self, node: Any, path: str, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            return Unfit("too many conditions")
        if depth > MAX_DEPTH:
            return self.wrong(path, f"A pattern is at most {MAX_DEPTH} levels deep; this node lies deeper.")
        if not isinstance(node, dict):
            return self.wrong(
                path, f"{quoted(node)} is not a condition; an object with field, operator and value is."
            )
        groups = [key for key in ("all", "any", "not") if key in node]
        if not groups:
            return self.read_comparison(node, path)
        if len(node) > 1:
            others = ", ".join(quoted(key) for key in list(node)[:5] if key != groups[0])
            return self.wrong(
                path, f"A group “{groups[0]}” stands alone in its node; {others} cannot stand beside it."
            )
        if groups[0] == "not":
            return Not(self.read(node["not"], f"{path}.not", depth + 1))
        return self.read_group(groups[0], node[groups[0]], path, depth)

    def read_group(self, name: str, items: Any, path: str, depth: int) -> Node:
        path = f"{path}.{name}"
        if not isinstance(items, list) or not items:
            return self.wrong(path, f"“{name}” holds a list of one or more conditions.")
        nodes = tuple(
            self.read(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(items[: MAX_NODES + 1])
        )
        return All(nodes) if name == "all" else Any_(nodes)

    def read_comparison(self, node: dict[str, Any], path: str) -> Node:
        strange = [key for key in node if key not in ("field", "operator", "value")]
        if strange:
            known = "field, operator and value, or one of all, any and not"
            return self.wrong(
                f"{path}.{cut(strange[0])}",
                f"{quoted(strange[0])} means nothing here; a condition has {known}.",
            )
        subject = self.read_field(node, path)
        operator = self.read_operator(node, path, subject)
        if subject is None or operator is None:
            return Unfit(cut(node.get("field", "a condition that does not fit")))
        shape = OPERATORS[operator].shape
        if shape == "none":
            if node.get("value") is not None:
                return self.wrong(f"{path}.value", f"“{operator}” takes no value; leave it out.")
            return Comparison(subject, operator)
        if node.get("value") is None:
            return self.wrong(
                f"{path}.value",
                f"A value is missing; {subject.name} is compared with {EXAMPLES[subject.kind]}.",
            )
        return self.read_value(node["value"], f"{path}.value", subject, operator, shape)

    def read_field(self, node: dict[str, Any], path: str) -> Subject | None:
        name = node.get("field")
        if not isinstance(name, str) or not name:
            self.wrong(f"{path}.field", "A condition names its attribute as field, such as odometer_km.")
            return None
        if name in self.table:
            return self.table[name]
        near = get_close_matches(cut(name, 100), self.table, n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; no vehicle has had it so far."
        self.wrong(f"{path}.field", f"{quoted(name)} is not an attribute that we know{hint}")
        return None

    def read_operator(self, node: dict[str, Any], path: str, subject: Subject | None) -> str | None:
        name = node.get("operator")
        kind = subject.kind if subject else None
        fitting = operators_of(kind) if kind else list(OPERATORS)
        if not isinstance(name, str) or name not in OPERATORS:
            given = f"{quoted(name)} is not an operator" if name is not None else "An operator is missing"
            self.wrong(f"{path}.operator", f"{given}; one of {', '.join(fitting)} is.")
            return None
        if subject and name not in fitting:
            told = f"“{name}” does not fit {subject.name}, which is a {KIND_NAMES[subject.kind]}"
            self.wrong(f"{path}.operator", f"{told}; one of {', '.join(fitting)} does.")
            return None
        return name

    def read_value(self, value: Any, path: str, subject: Subject, operator: str, shape: str) -> Node:
        if shape == "one":
            read = self.read_one(value, path, subject, operator)
            return Unfit(subject.name) if read is None else Comparison(subject, operator, read)
        if shape == "pair" and (not isinstance(value, list) or len(value) != 2):
            return self.wrong(
                path,
                f"“between” takes a list of two values, the least and the most; {quoted(value)} is none.",
            )
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            return self.wrong(path, f"“{operator}” takes a list of 1 to {MAX_LIST:,} values.")
        items = [self.read_one(item, f"{path}[{i}]", subject, operator) for i, item in enumerate(value)]
        if any(item is None for item in items):
            return Unfit(subject.name)
        if shape == "pair" and items[0] > items[1]:
            return self.wrong(
                path,
                f"“between” begins with the least value; {quoted(value[0])} is more than {quoted(value[1])}.",
            )
        return Comparison(subject, operator, tuple(items))

    def read_one(self, value: Any, path: str, subject: Subject, operator: str) -> Any:
        read = read_value(value, subject.kind)
        if read is None:
            name = f"a {KIND_NAMES[subject.kind]}" if subject.kind != "boolean" else "true or false"
            if subject.kind == "text" and isinstance(value, str):
                self.wrong(path, text_fault(value))
            else:
                self.wrong(
                    path,
                    f"{quoted(value)} is not {name}; "
                    f"{subject.name} is compared with {EXAMPLES[subject.kind]}.",
                )
        elif subject.choices and operator in ("eq", "ne", "in", "not_in") and read not in subject.choices:
            self.wrong(
                path, f"{quoted(value)} is never a {subject.name}; one of {', '.join(subject.choices)} is."
            )
            return None
        return read


def text_fault(value: str) -> str:
    if value == "":
        return "An empty text matches nothing that we store; use is_not_set for what has no value."
    if len(value) > MAX_TEXT:
        return f"A text has at most {MAX_TEXT:,} characters; this one has {len(value):,}."
    return f"{quoted(value)} holds a character that cannot be stored, such as NUL or half a surrogate pair."


def is_storable(text: str) -> bool:
    return "\x00" not in text and not any(unicodedata.category(letter) == "Cs" for letter in text)


def read_value(value: Any, kind: str) -> Any:
    """The value as it is compared; None where it is not of this kind."""
    if kind == "number":
        # Not-a-number fails this comparison as well as what is too large.
        return value if type(value) in (int, float) and abs(value) <= MAX_NUMBER else None
    if kind == "boolean":
        return value if type(value) is bool else None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not is_storable(value):
        return None
    return AS_KIND[kind](value)


def _as_number(value: Any) -> Any:
    return value if type(value) is float or type(value) is int else None


def _as_boolean(value: Any) -> Any:
    return value if type(value) is bool else None


def _as_text(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    return str(value)


def _as_time(value: Any) -> datetime | None:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None


def _as_date(value: Any) -> str | None:
    """ISO text: it sorts as the dates do."""
    try:
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(value).isoformat()
    except (ValueError, TypeError):
        return None


AS_KIND: dict[str, Callable[[Any], Any]] = {
    "number": _as_number,
    "boolean": _as_boolean,
    "text": _as_text,
    "time": _as_time,
    "date": _as_date,
}


def cut(value: Any, length: int = 50) -> str:
    """The value as text that any message and any JSON can carry."""
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return "a very large number"
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode().replace("\x00", "�")
    return text if len(text) <= length else f"{text[: length - 1]}…"


def quoted(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "A list" if isinstance(value, list) else "An object"
    return f"“{cut(value)}”"
