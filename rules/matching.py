"""Patterns compiled to closures, which are true, false or not known (None) at a moment of a vehicle.

The logic is Kleene's: a comparison over an attribute that is not known is None, ``not`` leaves None as it
is, ``all`` is False as soon as one is False and ``any`` True as soon as one is True, whatever the others.

Times are milliseconds since 1970, in event time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rules.kinds import AS_KIND
from rules.maintenance import due_at_ms
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
    Remembering,
    Silent,
    Subject,
)
from rules.patterns import compile_expression

Truth = bool | None
Values = Mapping[str, Any]
Memory = dict[str, Any]


class Moment:
    """What a pattern is asked about: a vehicle's values after and before what happened ``at`` a time.

    ``heard`` is the time of its last report, or None; ``memory`` what conditions over time remember.
    """

    __slots__ = ("at", "before", "heard", "memory", "values")

    def __init__(
        self,
        values: Values,
        *,
        before: Values | None = None,
        at: int = 0,
        heard: int | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.values = values
        self.before = values if before is None else before
        self.at = at
        self.heard = heard
        self.memory = {} if memory is None else memory


Test = Callable[[Moment], Truth]


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


class Slots:
    """Names under which conditions over time keep what they remember; equal ones share theirs."""

    def __init__(self, nodes: Sequence[Remembering]) -> None:
        self._names = {node: str(place) for place, node in enumerate(dict.fromkeys(nodes))}

    def __getitem__(self, node: Remembering) -> str:
        return self._names[node]


def compile_pattern(node: Node, slots: Slots | None = None) -> Test:
    """``slots`` are needed where a node of the pattern remembers."""
    match node:
        case Not():
            return _negated(compile_pattern(node.node, slots))
        case All():
            return _every([compile_pattern(child, slots) for child in node.nodes])
        case Any_():
            return _some([compile_pattern(child, slots) for child in node.nodes])
        case Lasts() | Often() | Due() if slots is not None:
            return _compile_remembering(node, slots)
    return _compile_leaf(node)


def _compile_leaf(node: Node) -> Test:
    match node:
        case Comparison():
            return _compile_comparison(node)
        case Change():
            return _compile_change(node)
        case At():
            return _compile_place(node)
        case During():
            return lambda moment: node.hours.hold(moment.at / 1000)
        case Silent():
            return _compile_silence(node)
    return lambda moment: None


def _negated(test: Test) -> Test:
    def run(moment: Moment) -> Truth:
        truth = test(moment)
        return None if truth is None else not truth

    return run


def _every(tests: list[Test]) -> Test:
    def run(moment: Moment) -> Truth:
        result: Truth = True
        for test in tests:
            truth = test(moment)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return run


def _some(tests: list[Test]) -> Test:
    def run(moment: Moment) -> Truth:
        result: Truth = False
        for test in tests:
            truth = test(moment)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return run


def _matcher(expression: str) -> Callable[[str], bool]:
    search = compile_expression(expression).search
    return lambda text: search(text) is not None


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
    "matches": _matcher,
}


def _compile_comparison(node: Comparison) -> Test:
    read = value_of(node.subject)
    if node.operator == "is_set":
        return lambda moment: read(moment.values) is not None
    if node.operator == "is_not_set":
        return lambda moment: read(moment.values) is None
    if isinstance(node.value, Reference):
        return _compile_reference(node, node.value)
    test = _TESTS[node.operator](node.value)

    def run(moment: Moment) -> Truth:
        value = read(moment.values)
        return None if value is None else test(value)

    return run


def _compile_reference(node: Comparison, reference: Reference) -> Test:
    read, read_other, plus = value_of(node.subject), value_of(reference.subject), reference.plus
    test_against = _TESTS[node.operator]

    def run(moment: Moment) -> Truth:
        value, other = read(moment.values), read_other(moment.values)
        if value is None or other is None:
            return None
        return test_against(other + plus if plus else other)(value)

    return run


def _compile_change(node: Change) -> Test:
    """True only of the very report that makes the change; unknown where one side of it is not known."""
    read = value_of(node.subject)
    if node.operator == "changed":
        return _compile_turn(node, read)
    sign, least = (1 if node.operator == "rose_by" else -1), node.value

    def run(moment: Moment) -> Truth:
        before, after = read(moment.before), read(moment.values)
        if before is None or after is None:
            return None
        return bool((after - before) * sign > least)

    return run


def _compile_turn(node: Change, read: Callable[[Values], Any]) -> Test:
    wanted_before, wanted_after = node.value

    def run(moment: Moment) -> Truth:
        before, after = read(moment.before), read(moment.values)
        if before is None or after is None:
            return None
        return bool(
            before != after and wanted_before in (None, before) and wanted_after in (None, after),
        )

    return run


def _compile_place(node: At) -> Test:
    read_latitude, read_longitude = value_of(node.latitude), value_of(node.longitude)
    near, holds, inside = node.place.box().holds, node.place.holds, node.inside

    def run(moment: Moment) -> Truth:
        latitude, longitude = read_latitude(moment.values), read_longitude(moment.values)
        if latitude is None or longitude is None:
            return None
        return (near(latitude, longitude) and holds(latitude, longitude)) is inside

    return run


def _compile_silence(node: Silent) -> Test:
    least = node.seconds * 1000
    return lambda moment: None if moment.heard is None else moment.at - moment.heard >= least


def _compile_remembering(node: Remembering, slots: Slots) -> Test:
    slot = slots[node]
    match node:
        case Lasts():
            return _compile_lasting(node, slot, compile_pattern(node.node, slots))
        case Often():
            return _compile_counting(node, slot, compile_pattern(node.node, slots))
    return _compile_due(node, slot)


def _compile_lasting(node: Lasts, slot: str, inner: Test) -> Test:
    """What nobody has reported for is not believed: the last report goes by, not the clock."""
    least = node.seconds * 1000

    def run(moment: Moment) -> Truth:
        truth = inner(moment)
        if truth is not True:
            return truth
        since = moment.memory.get(slot)
        return since is not None and moment.heard is not None and moment.heard - since >= least

    return run


def _compile_counting(node: Often, slot: str, inner: Test) -> Test:
    window, times = node.seconds * 1000, node.times

    def run(moment: Moment) -> Truth:
        held = moment.memory.get(slot, ())
        if sum(moment.at - at < window for at in held[1:]) >= times:
            return True
        return None if inner(moment) is None else False

    return run


def _compile_due(node: Due, slot: str) -> Test:
    read = value_of(node.odometer)

    def by_way(moment: Moment, km: float | None) -> Truth:
        odometer = read(moment.values)
        if odometer is None or km is None:
            return None
        return bool(odometer >= km + (node.every_km or 0) - node.ahead_km)

    def run(moment: Moment) -> Truth:
        held = moment.memory.get(slot)
        if held is None:
            return None
        way = by_way(moment, held[0]) if node.every_km is not None else False
        if way or node.every_months is None:
            return way
        return True if moment.at >= due_at_ms(node, held[1]) else way

    return run
