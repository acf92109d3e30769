"""Rules mean the same everywhere: held against a plain interpreter that was written down from docs/rules.md."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.machine import CLOCK, Kind, Machine, Report, State, Terms
from rules.patterns import parse
from rules.tests.pattern_strategies import GAPS, TABLE, rules, stories
from rules.tests.plain_interpreter import Rule, Told, interpret

KNOWN = {"plate": "B-AB 1", "fleet_id": "north"}


def machine_of(rule: Rule) -> Machine:
    trees = []
    for pattern in (rule.pattern, rule.clear):
        node, errors = parse(pattern, TABLE) if pattern is not None else (None, {})
        assert errors == {}
        trees.append(node)
    return Machine(trees[0], trees[1], Terms(rule.repeat_s, rule.cooldown_s, rule.per_day))


def keyed(values: dict[str, Any]) -> dict[str, Any]:
    return {TABLE[name].keys[0]: value for name, value in values.items()}


def run_machine(rule: Rule, told: list[Told], *, start: int, until: int, asked: list[int]) -> Any:
    """Stepped as a trial steps it, and by a clock that is asked at some more times (ms)."""
    machine, state, heard = machine_of(rule), State(), None
    if machine.goes_by_time:
        state.memory[CLOCK] = start
    values = keyed(KNOWN)
    steps = machine.see(state, Report(values, values, start, None, None))
    times = sorted(asked)
    for one in told:
        while times and times[0] < one.at:
            steps += machine.until(state, values, heard, times.pop(0))
        before, heard_before = values, heard
        values, heard = {**values, **keyed(one.values)}, one.at if one.is_report else heard
        steps += machine.see(state, Report(values, before, one.at, heard, heard_before))
    for end in [*times, until]:
        steps += machine.until(state, values, heard, end)
    return [(step.kind.name, step.at) for step in steps if step.kind is not Kind.STAY]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=rules, story=stories(), rest=st.sampled_from(GAPS), asks=st.lists(st.integers(1, 10_000), max_size=4))
def test_the_machine_says_what_the_page_says(rule, story, rest, asks):
    start, told = story
    until = told[-1].at + rest * 1_000
    asked = [at for second in asks if (at := start + second * 1_000) < until]
    expected = interpret(rule, KNOWN, told, start=start, until=until)
    assert run_machine(rule, told, start=start, until=until, asked=[]) == expected
    assert run_machine(rule, told, start=start, until=until, asked=asked) == expected
