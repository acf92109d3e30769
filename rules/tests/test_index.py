"""The index of rules: no rule is left out for which a change may make a difference."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.index import Index
from rules.matching import Moment, compile_pattern
from rules.moments import ms_of
from rules.nodes import Subject
from rules.patterns import parse
from rules.tests.pattern_strategies import (
    NUMBERS,
    POSITIONS,
    TABLE,
    TEXTS,
    changes,
    comparisons,
    hours,
    node,
    places,
    silences,
)

WEAR = Subject("wear", "number", ("status.wear", "attributes.wear"))
CHECKED = Subject("checked_at", "time", ("status.checked_at", "attributes.checked_at"))
WITH_OTHERS = {**TABLE, "wear": WEAR, "checked_at": CHECKED}
TIMES = ["2026-03-27T21:50:00Z", "2026-03-27T22:00:00+00:00", "2026-03-27T22:05:00.000000Z"]

others = st.one_of(
    node(st.just("wear"), st.sampled_from(["gt", "le", "eq", "ne"]), st.integers(-2, 2)),
    node(st.just("wear"), st.just("rose_by"), st.just(0)),
    node(
        st.just("wear"), st.just("between"), st.lists(st.integers(-2, 2), min_size=2, max_size=2).map(sorted)
    ),
    node(st.just("checked_at"), st.sampled_from(["gt", "le", "eq"]), st.sampled_from(TIMES)),
    node(st.sampled_from(["wear", "checked_at"]), st.sampled_from(["is_set", "is_not_set"])),
)
leaves = st.one_of(comparisons, comparisons, others, others, changes, places, hours, silences)
patterns = st.recursive(
    leaves,
    lambda nodes: st.one_of(
        st.lists(nodes, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(nodes, min_size=1, max_size=3).map(lambda some: {"any": some}),
        nodes.map(lambda one: {"not": one}),
    ),
    max_leaves=4,
)
# Also what does not fit the attribute: it is stored as it came before the attribute had its kind.
of_key = {
    **{f"status.{name}": st.sampled_from([None, "odd", True, *some]) for name, some in NUMBERS.items()},
    "status.status": st.sampled_from([None, [1], {"a": 1}, *TEXTS["status"]]),
    "plate": st.sampled_from([None, *TEXTS["plate"]]),
    "fleet_id": st.sampled_from([None, *TEXTS["fleet_id"]]),
    "status.door_open": st.sampled_from([None, True, False, "yes", 1]),
    "status.wear": st.sampled_from([None, -2, -1, 0, 1.5, 2, "worn"]),
    "attributes.wear": st.sampled_from([None, -1, 1, 2]),
    "status.checked_at": st.sampled_from([None, "yesterday", *TIMES]),
    "attributes.checked_at": st.sampled_from([None, *TIMES]),
}
positions = st.sampled_from([(None, None), *POSITIONS, (52.504, 13.4), (52.5449, 13.4)])


def values(draw):
    held = {key: draw(some) for key, some in of_key.items()}
    held["status.latitude"], held["status.longitude"] = draw(positions)
    return held


@st.composite
def reports(draw):
    """Values before and after, and the times of the last report then."""
    before = values(draw)
    moved = draw(st.sets(st.sampled_from(list(before)), min_size=1, max_size=4))
    if moved & {"status.latitude", "status.longitude"}:
        moved |= {"status.latitude", "status.longitude"}
    after = {**before, **{key: value for key, value in values(draw).items() if key in moved}}
    heard = datetime(2026, 3, 27, 21, 30, tzinfo=UTC).timestamp() + draw(st.integers(0, 3_600))
    return before, after, sorted(moved), heard, heard + draw(st.sampled_from([0, 1, 59, 600, 90_000]))


def truths(test, before, after, heard, now):
    """As it was, at the report, and right after it."""
    yield test(Moment(before, at=int(heard * 1_000), heard=int(heard * 1_000)))
    now = int(now * 1_000)
    yield test(Moment(after, before=before, at=now, heard=now))
    yield test(Moment(after, at=now, heard=now))


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=400)
@given(given_patterns=st.lists(patterns, min_size=1, max_size=8), report=reports())
def test_every_rule_whose_truth_differs_is_asked(given_patterns, report):
    before, after, moved, heard, now = report
    index, tests = Index(), {}
    for number, pattern in enumerate(given_patterns):
        tree, errors = parse(pattern, WITH_OTHERS)
        assert errors == {}
        index.add(number, [tree])
        tests[number] = compile_pattern(tree)
    index.sort()
    times = [datetime.fromtimestamp(at, UTC).isoformat() for at in (heard, now)]
    columns = index.of([*moved, "recorded_at"])
    touched = columns.touched(
        [*(before[key] for key in moved), times[0]], [*(after[key] for key in moved), times[1]]
    )
    for number, test in tests.items():
        if len(set(truths(test, before, after, heard, now))) > 1:
            assert number in touched, (given_patterns[number], report)


def asked(patterns_of, fields, old, new, until=0):
    index = Index()
    for name, pattern in patterns_of.items():
        tree, errors = parse(pattern, WITH_OTHERS)
        assert errors == {}
        index.add(name, [tree])
    index.sort()
    return index.of(fields, until).touched(old, new)


def over(limit):
    return {"field": "speed_kmh", "operator": "gt", "value": limit}


def test_only_rules_whose_number_is_crossed_are_asked():
    rules = {limit: over(limit) for limit in (50, 80, 100)}
    assert asked(rules, ["status.speed_kmh"], [60], [90]) == {80}
    assert asked(rules, ["status.speed_kmh"], [90], [60]) == {80}
    assert asked(rules, ["status.speed_kmh"], [60], [70]) == set()
    assert asked(rules, ["status.speed_kmh"], [80], [80.5]) == {80}
    assert asked(rules, ["status.speed_kmh"], [None], [60]) == {50, 80, 100}
    assert asked(rules, ["status.battery_pct"], [1], [2]) == set()


def test_only_rules_whose_place_is_near_are_asked():
    def near(latitude):
        return {"inside": {"circle": {"latitude": latitude, "longitude": 13.4, "radius_m": 500}}}

    rules = {latitude: near(latitude) for latitude in (52.5, 48.1)}
    fields = ["status.latitude", "status.longitude"]
    assert asked(rules, fields, [52.6, 13.4], [52.501, 13.4]) == {52.5}
    assert asked(rules, fields, [50.0, 13.4], [50.1, 13.4]) == set()
    assert asked(rules, fields, [None, None], [50.1, 13.4]) == {52.5, 48.1}
    assert asked(rules, fields[:1], [52.6], [52.7]) == {52.5, 48.1}


def test_rules_over_time_are_asked_where_time_made_a_difference():
    night = {"hours": {"from": "22:00", "to": "06:00"}}
    rules = {"silent": {"silent": 600}, "night": night, "plain": over(80)}
    fields = ["recorded_at"]
    assert asked(rules, fields, ["2026-03-02T12:00:00Z"], ["2026-03-02T12:09:59Z"]) == set()
    assert asked(rules, fields, ["2026-03-02T12:00:00Z"], ["2026-03-02T12:10:00Z"]) == {"silent"}
    assert asked(rules, fields, ["2026-03-02T21:59:00Z"], ["2026-03-02T22:00:00Z"]) == {"night"}
    late = ms_of("2026-03-02T22:30:00Z")
    assert asked(rules, fields, ["2026-03-02T21:58:00Z"], ["2026-03-02T21:59:00Z"], late) == {
        "silent",
        "night",
    }
