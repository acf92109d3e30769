"""Patterns compiled to closures, which are true, false or not known (None) of a vehicle's values.

The logic is Kleene's: a comparison over an attribute that is not known is None, ``not`` leaves None as it
is, ``all`` is False as soon as one is False and ``any`` True as soon as one is True, whatever the others.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rules.patterns import AS_KIND, All, Any_, Comparison, Node, Not, Subject

Truth = bool | None
Values = Mapping[str, Any]
Test = Callable[[Values], Truth]


def value_of(subject: Subject) -> Callable[[Values], Any]:
    """Reads the attribute from a vehicle's values; None where it is not known or not of its kind."""
    as_kind, keys = AS_KIND[subject.kind], subject.keys
    if len(keys) == 1:
        key = keys[0]
        return lambda values: as_kind(values.get(key))

    def read(values: Values) -> Any:
        for key in keys:
            value = values.get(key)
            if value is not None:
                return as_kind(value)
        return None

    return read


def compile_pattern(node: Node) -> Test:
    match node:
        case Comparison():
            return _compile_comparison(node)
        case Not():
            return _negated(compile_pattern(node.node))
        case All():
            return _every([compile_pattern(child) for child in node.nodes])
        case Any_():
            return _some([compile_pattern(child) for child in node.nodes])
    return lambda values: None


def _negated(test: Test) -> Test:
    def run(values: Values) -> Truth:
        truth = test(values)
        return None if truth is None else not truth

    return run


def _every(tests: list[Test]) -> Test:
    def run(values: Values) -> Truth:
        result: Truth = True
        for test in tests:
            truth = test(values)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return run


def _some(tests: list[Test]) -> Test:
    def run(values: Values) -> Truth:
        result: Truth = False
        for test in tests:
            truth = test(values)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return run


# Equality and lists compare texts letter by letter; contains, starts_with and ends_with ignore case.
_TESTS: dict[str, Callable[[Any], Callable[[Any], bool]]] = {
    "eq": lambda x: lambda v: v == x,
    "ne": lambda x: lambda v: v != x,
    "gt": lambda x: lambda v: v > x,
    "ge": lambda x: lambda v: v >= x,
    "lt": lambda x: lambda v: v < x,
    "le": lambda x: lambda v: v <= x,
    "between": lambda x: lambda v: x[0] <= v <= x[1],
    "in": lambda x: frozenset(x).__contains__,
    "not_in": lambda x: lambda v: v not in x,
    "contains": lambda x: lambda v: x.casefold() in v.casefold(),
    "starts_with": lambda x: lambda v: v.casefold().startswith(x.casefold()),
    "ends_with": lambda x: lambda v: v.casefold().endswith(x.casefold()),
}


def _compile_comparison(node: Comparison) -> Test:
    read = value_of(node.subject)
    if node.operator == "is_set":
        return lambda values: read(values) is not None
    if node.operator == "is_not_set":
        return lambda values: read(values) is None
    test = _TESTS[node.operator](node.value)

    def run(values: Values) -> Truth:
        value = read(values)
        return None if value is None else test(value)

    return run
