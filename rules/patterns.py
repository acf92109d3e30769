"""Patterns: a tree of conditions, read and checked against the attributes that exist.

A pattern is JSON: ``{"all": [node, …]}``, ``{"any": [node, …]}``, ``{"not": node}``, a comparison
``{"field": "odometer_km", "operator": "gt", "value": 10000}``, or one of the conditions over time and place
that ``rules.conditions`` reads. ``matching`` tells whether it is true of a vehicle, ``wording`` says it to
people.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import re2

from rules.conditions import CONDITIONS
from rules.kinds import EXAMPLES, KIND_NAMES, cut, quoted, read_value, text_fault
from rules.nodes import All, Any_, Change, Comparison, Node, Not, Reference, Subject, Table, Unfit

__all__ = ["MAX_DEPTH", "MAX_NODES", "OPERATORS", "Operator", "cut", "operators_of", "parse", "quoted"]

MAX_DEPTH = 10
MAX_NODES = 100
MAX_LIST = 1_000
MAX_EXPRESSION = 200
# Bytes that one regular expression may take when it is compiled, and while it runs.
EXPRESSION_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Operator:
    """``shape`` of the value: one, pair, list, none, step (of a change), turn (from, to) or expression."""

    kinds: frozenset[str]
    shape: str = "one"
    takes_field: bool = False


_ALL_KINDS = frozenset(("number", "text", "boolean", "time", "date"))
_ORDERED = frozenset(("number", "time", "date"))
_TEXT = frozenset(("text",))
_NUMBER = frozenset(("number",))

OPERATORS: dict[str, Operator] = {
    "eq": Operator(_ALL_KINDS, takes_field=True),
    "ne": Operator(_ALL_KINDS, takes_field=True),
    "gt": Operator(_ORDERED, takes_field=True),
    "ge": Operator(_ORDERED, takes_field=True),
    "lt": Operator(_ORDERED, takes_field=True),
    "le": Operator(_ORDERED, takes_field=True),
    "between": Operator(_ORDERED, "pair"),
    "in": Operator(_ALL_KINDS - {"boolean"}, "list"),
    "not_in": Operator(_ALL_KINDS - {"boolean"}, "list"),
    "contains": Operator(_TEXT),
    "starts_with": Operator(_TEXT),
    "ends_with": Operator(_TEXT),
    "matches": Operator(_TEXT, "expression"),
    "is_set": Operator(_ALL_KINDS, "none"),
    "is_not_set": Operator(_ALL_KINDS, "none"),
    "rose_by": Operator(_NUMBER, "step"),
    "fell_by": Operator(_NUMBER, "step"),
    "changed": Operator(_ALL_KINDS, "turn"),
}


def operators_of(kind: str) -> list[str]:
    return [name for name, operator in OPERATORS.items() if kind in operator.kinds]


def parse(pattern: Any, table: Table, *, path: str = "pattern") -> tuple[Node, dict[str, list[str]]]:
    """The tree, and what is wrong by path; a wrong node stands in the tree as ``Unfit``."""
    reader = Reader(table)
    node = reader.read(pattern, path, 1)
    if reader.nodes > MAX_NODES:
        message = f"A pattern has at most {MAX_NODES} conditions and groups; this one has more."
        return Unfit("too many conditions"), {path: [message]}
    return node, reader.errors


@dataclass
class Reader:
    """Reads nodes and notes what is wrong by path. ``nodes`` counts them."""

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
        group = next((key for key in ("all", "any", "not") if key in node), None)
        if group is not None:
            return self.read_group(group, node, path, depth)
        special = next((key for key in CONDITIONS if key in node), None)
        if special is not None:
            return CONDITIONS[special](self, node, path, depth)
        return self.read_comparison(node, path)

    def read_group(self, name: str, node: dict[str, Any], path: str, depth: int) -> Node:
        if len(node) > 1:
            others = ", ".join(quoted(key) for key in list(node)[:5] if key != name)
            return self.wrong(
                path, f"A group “{name}” stands alone in its node; {others} cannot stand beside it."
            )
        items, path = node[name], f"{path}.{name}"
        if name == "not":
            return Not(self.read(items, path, depth + 1))
        if not isinstance(items, list) or not items:
            return self.wrong(path, f"“{name}” holds a list of one or more conditions.")
        nodes = tuple(
            self.read(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(items[: MAX_NODES + 1])
        )
        return All(nodes) if name == "all" else Any_(nodes)

    def strange(self, node: dict[str, Any], known: tuple[str, ...], path: str, what: str) -> bool:
        """Whether it holds something that means nothing there, which is noted."""
        for key in node:
            if key not in known:
                told = f"{quoted(key)} means nothing here; {what}."
                self.wrong(f"{path}.{cut(key)}", told)
                return True
        return False

    def read_comparison(self, node: dict[str, Any], path: str) -> Node:
        known = "a condition has field, operator and value, or one of all, any and not"
        if self.strange(node, ("field", "operator", "value"), path, known):
            return Unfit("a condition that does not fit")
        subject = self.read_field(node.get("field"), f"{path}.field")
        operator = self.read_operator(node, path, subject)
        if subject is None or operator is None:
            return Unfit(cut(node.get("field", "a condition that does not fit")))
        shape, value = OPERATORS[operator].shape, node.get("value")
        if shape == "none":
            if value is not None:
                return self.wrong(f"{path}.value", f"“{operator}” takes no value; leave it out.")
            return Comparison(subject, operator)
        if shape == "turn":
            return self.read_turn(value, f"{path}.value", subject)
        if value is None:
            return self.wrong(
                f"{path}.value",
                f"A value is missing; {subject.name} is compared with {EXAMPLES[subject.kind]}.",
            )
        return self.read_value(value, f"{path}.value", subject, operator)

    def read_field(self, name: Any, path: str) -> Subject | None:
        if not isinstance(name, str) or not name:
            self.wrong(path, "A condition names its attribute as field, such as odometer_km.")
            return None
        if name in self.table:
            return self.table[name]
        near = get_close_matches(cut(name, 100), self.table, n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; no vehicle has had it so far."
        self.wrong(path, f"{quoted(name)} is not an attribute that we know{hint}")
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

    def read_value(self, value: Any, path: str, subject: Subject, operator: str) -> Node:
        shape = OPERATORS[operator].shape
        if isinstance(value, dict) and OPERATORS[operator].takes_field:
            return self.read_reference(value, path, subject, operator)
        if shape == "one":
            read = self.read_one(value, path, subject, operator)
            return Unfit(subject.name) if read is None else Comparison(subject, operator, read)
        if shape == "step":
            return self.read_step(value, path, subject, operator)
        if shape == "expression":
            return self.read_expression(value, path, subject)
        return self.read_many(value, path, subject, operator)

    def read_many(self, value: Any, path: str, subject: Subject, operator: str) -> Node:
        is_pair = OPERATORS[operator].shape == "pair"
        if is_pair and (not isinstance(value, list) or len(value) != 2):
            return self.wrong(
                path,
                f"“between” takes a list of two values, the least and the most; {quoted(value)} is none.",
            )
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            return self.wrong(path, f"“{operator}” takes a list of 1 to {MAX_LIST:,} values.")
        items = [self.read_one(item, f"{path}[{i}]", subject, operator) for i, item in enumerate(value)]
        if any(item is None for item in items):
            return Unfit(subject.name)
        if is_pair and items[0] > items[1]:
            return self.wrong(
                path,
                f"“between” begins with the least value; {quoted(value[0])} is more than {quoted(value[1])}.",
            )
        return Comparison(subject, operator, tuple(items))

    def read_reference(self, value: dict[str, Any], path: str, subject: Subject, operator: str) -> Node:
        """Another attribute of the same kind, as the vehicle's own limit."""
        if self.strange(value, ("field", "plus"), path, "another attribute is given by its field and a plus"):
            return Unfit(subject.name)
        other = self.read_field(value.get("field"), f"{path}.field")
        if other is None:
            return Unfit(subject.name)
        if other.kind != subject.kind:
            told = (
                f"{other.name} is a {KIND_NAMES[other.kind]} and {subject.name} a {KIND_NAMES[subject.kind]}"
            )
            return self.wrong(f"{path}.field", f"{told}; they cannot be compared.")
        plus = value.get("plus")
        if plus is not None and (read_value(plus, "number") is None or subject.kind != "number"):
            return self.wrong(f"{path}.plus", f"{quoted(plus)} cannot be added; a number to a number can.")
        return Comparison(subject, operator, Reference(other, plus or 0))

    def read_step(self, value: Any, path: str, subject: Subject, operator: str) -> Node:
        read = read_value(value, "number")
        if read is None or read < 0:
            told = f"{quoted(value)} is no step; {subject.name} rises or falls by a number of 0 or more."
            return self.wrong(path, told)
        return Change(subject, operator, read)

    def read_turn(self, value: Any, path: str, subject: Subject) -> Node:
        """``{"from": …, "to": …}``, either left out, or no value at all."""
        if value is None:
            return Change(subject, "changed", (None, None))
        if not isinstance(value, dict) or not value:
            return self.wrong(path, "“changed” takes {“from”: a value, “to”: a value}, or no value.")
        if self.strange(value, ("from", "to"), path, "a change has from and to"):
            return Unfit(subject.name)
        ends = []
        for name in ("from", "to"):
            given = value.get(name)
            ends.append(
                None if given is None else self.read_one(given, f"{path}.{name}", subject, "eq"),
            )
        if any(
            end is None and value.get(name) is not None
            for end, name in zip(ends, ("from", "to"), strict=True)
        ):
            return Unfit(subject.name)
        return Change(subject, "changed", tuple(ends))

    def read_expression(self, value: Any, path: str, subject: Subject) -> Node:
        if (
            not isinstance(value, str)
            or not 1 <= len(value) <= MAX_EXPRESSION
            or read_value(value, "text") is None
        ):
            told = f"A regular expression is a text of 1 to {MAX_EXPRESSION} characters; {quoted(value)} is none."
            return self.wrong(path, told)
        try:
            compile_expression(value)
        except re2.error as error:
            told = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            return self.wrong(path, f"{quoted(value)} is no regular expression (RE2): {cut(told, 200)}.")
        return Comparison(subject, "matches", value)

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

    def number(
        self, node: dict[str, Any], name: str, path: str, *, least: float, most: float
    ) -> float | None:
        """A number between bounds, or None with what is wrong noted."""
        value = node.get(name)
        if type(value) in (int, float) and least <= value <= most:  # type: ignore[operator]
            return value
        given = "It is missing" if value is None else f"{quoted(value)} is none"
        self.wrong(f"{path}.{name}", f"“{name}” is a number from {least:,g} to {most:,.12g}; {given}.")
        return None


def compile_expression(text: str) -> Any:
    """A regular expression whose time is in proportion to the text's length (RE2). Raises re2.error."""
    options = re2.Options()
    options.max_mem = EXPRESSION_MEMORY
    options.log_errors = False
    return re2.compile(text, options)
