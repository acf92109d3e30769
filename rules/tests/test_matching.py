"""Compiled patterns against an oracle that spells Kleene's logic out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.machine import Kind, Machine, Report, State
from rules.matching import Moment, compile_pattern
from rules.nodes import Subject
from rules.patterns import parse
from rules.wording import explain, sentence

TABLE = {
    "speed_kmh": Subject("speed_kmh", "number", ("status.speed_kmh",)),
    "wear": Subject("wear", "number", ("status.wear", "attributes.wear")),
    "plate": Subject("plate", "text", ("plate",)),
    "leased": Subject("leased", "boolean", ("status.leased", "attributes.leased")),
    "checked_at": Subject("checked_at", "time", ("status.checked_at", "attributes.checked_at")),
}
numbers = st.integers(-3, 3)
texts = st.sampled_from(["a", "A", "ab", "Ba"])
comparisons = st.one_of(
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["speed_kmh", "wear"]),
            "operator": st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]),
            "value": numbers,
        }
    ),
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["speed_kmh", "wear"]),
            "operator": st.just("between"),
            "value": st.lists(numbers, min_size=2, max_size=2).map(sorted),
        }
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("plate"),
            "operator": st.sampled_from(["in", "not_in"]),
            "value": st.lists(texts, min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("plate"),
            "operator": st.sampled_from(["eq", "ne", "contains", "starts_with", "ends_with"]),
            "value": texts,
        }
    ),
    st.fixed_dictionaries(
        {"field": st.just("leased"), "operator": st.sampled_from(["eq", "ne"]), "value": st.booleans()}
    ),
    st.fixed_dictionaries(
        {"field": st.sampled_from(list(TABLE)), "operator": st.sampled_from(["is_set", "is_not_set"])}
    ),
)
patterns = st.recursive(
    comparisons,
    lambda nodes: st.one_of(
        st.lists(nodes, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(nodes, min_size=1, max_size=3).map(lambda some: {"any": some}),
        nodes.map(lambda node: {"not": node}),
    ),
    max_leaves=8,
)
values = st.fixed_dictionaries(
    {},
    optional={
        "status.speed_kmh": st.one_of(st.none(), numbers, st.floats(-3, 3)),
        "status.wear": st.one_of(st.none(), numbers, st.just("worn")),
        "attributes.wear": st.one_of(st.none(), numbers),
        "plate": st.one_of(st.none(), texts),
        "status.leased": st.one_of(st.none(), st.booleans(), st.just("yes")),
    },
)


def known(field, held):
    found = [held[key] for key in TABLE[field].keys if held.get(key) is not None]
    value = found[0] if found else None
    if TABLE[field].kind == "number" and isinstance(value, str):
        return None
    if TABLE[field].kind == "boolean" and not isinstance(value, bool):
        return None
    return value


def oracle(node, held):
    if "all" in node:
        truths = [oracle(child, held) for child in node["all"]]
        return False if False in truths else None if None in truths else True
    if "any" in node:
        truths = [oracle(child, held) for child in node["any"]]
        return True if True in truths else None if None in truths else False
    if "not" in node:
        truth = oracle(node["not"], held)
        return None if truth is None else not truth
    value, wanted = known(node["field"], held), node.get("value")
    if node["operator"] == "is_set":
        return value is not None
    if node["operator"] == "is_not_set":
        return value is None
    if value is None:
        return None
    return {
        "eq": lambda: value == wanted,
        "ne": lambda: value != wanted,
        "gt": lambda: value > wanted,
        "ge": lambda: value >= wanted,
        "lt": lambda: value < wanted,
        "le": lambda: value <= wanted,
        "between": lambda: wanted[0] <= value <= wanted[1],
        "in": lambda: value in wanted,
        "not_in": lambda: value not in wanted,
        "contains": lambda: wanted.lower() in value.lower(),
        "starts_with": lambda: value.lower().startswith(wanted.lower()),
        "ends_with": lambda: value.lower().endswith(wanted.lower()),
    }[node["operator"]]()


@given(pattern=patterns, held=values)
def test_it_agrees_with_the_oracle(pattern, held):
    node, errors = parse(pattern, TABLE)
    assert errors == {}
    assert compile_pattern(node)(Moment(held)) is oracle(pattern, held)


@given(pattern=patterns, held=values)
def test_whatever_is_true_explains_itself(pattern, held):
    node, _ = parse(pattern, TABLE)
    assert sentence(node).startswith("When ")
    if oracle(pattern, held):
        assert " was " in explain(node, Moment(held))


def test_times_are_compared_as_moments():
    pattern = {"field": "checked_at", "operator": "gt", "value": "2026-01-31T10:00:00+02:00"}
    compiled = compile_pattern(parse(pattern, TABLE)[0])

    def test(values):
        return compiled(Moment(values))

    assert test({"status.checked_at": "2026-01-31T08:00:01Z"}) is True
    assert test({"status.checked_at": "2026-01-31T09:59:59+02:00"}) is False
    assert test({"attributes.checked_at": datetime(2026, 1, 31, 9, tzinfo=UTC).isoformat()}) is True
    assert test({"status.checked_at": "yesterday"}) is None
    assert test({"status.checked_at": "2026-01-31T09:00:00"}) is None


def test_a_pattern_that_no_longer_fits_is_unknown():
    node, errors = parse({"any": [{"field": "gone", "operator": "eq", "value": 1}]}, TABLE)
    assert errors
    assert compile_pattern(node)(Moment({"status.speed_kmh": 1})) is None
    assert sentence(node) == "When gone is not known any more"


TRUE, FALSE, UNKNOWN = True, False, None


@pytest.mark.parametrize(
    ("truths", "fired"),
    [
        ([TRUE], 1),
        ([FALSE, TRUE], 1),
        ([TRUE, UNKNOWN, TRUE], 1),
        ([TRUE, FALSE, TRUE], 2),
        ([TRUE, FALSE, UNKNOWN, TRUE], 2),
        ([TRUE, TRUE, TRUE], 1),
        ([UNKNOWN, UNKNOWN], 0),
    ],
)
def test_it_fires_when_it_becomes_true_and_again_only_after_it_was_false(truths, fired):
    machine = Machine(parse({"field": "leased", "operator": "eq", "value": True}, TABLE)[0])
    state, count = State(), 0
    for at, truth in enumerate(truths):
        steps = machine.see(state, seen({"status.leased": truth}, at))
        count += sum(step.kind is Kind.FIRE for step in steps)
    assert count == fired


def test_skipping_enters_without_firing():
    machine, state = Machine(parse({"field": "leased", "operator": "eq", "value": True}, TABLE)[0]), State()
    assert machine.see(state, seen({"status.leased": True}, 1, skip=True)) == []
    assert state.is_true
    steps = machine.see(state, seen({"status.leased": False}, 2))
    assert [step.kind for step in steps] == [Kind.CLEAR]


def seen(values, at, **others):
    return Report(values, values, at=at, heard=at, heard_before=None, **others)
