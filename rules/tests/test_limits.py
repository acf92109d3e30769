"""When a rule ends, how long it waits, how often it may fire: what is taken, and what begins it anew."""

import pytest

from accounts.tests.people import People
from rules.actions import ACTIONS, check_actions
from rules.models import Rule
from rules.patterns import parse
from rules.services import duplicate_rule, update_rule
from rules.shapes import ACTION_EXAMPLES, CLEAR_SCHEMA, NODES
from rules.table import attribute_table
from rules.tests.factories import LOG, OVER, administrator, make_rule
from vehicle_management.registry import register

pytestmark = pytest.mark.django_db

UNDER = {"field": "odometer_km", "operator": "le", "value": 9_000}
LIMITS = {
    "lateness_s": 60,
    "repeat_s": 600,
    "cooldown_s": 30,
    "cooldown_rule_s": 5,
    "per_day": 3,
    "per_day_rule": 100,
}
DRAFT = {"name": "Service due", "scope": {"everything": True}, "pattern": OVER, "actions": [LOG]}


@pytest.fixture
def people():
    return People.make()


def test_a_rule_tells_its_limits_and_its_clear_pattern(people):
    client = people.client("manager")
    made = client.post("/api/v1/rules", DRAFT)
    told = {name: made.data[name] for name in LIMITS}
    nothing = {"lateness_s": 0, "repeat_s": None, "cooldown_s": 0, "cooldown_rule_s": 0}
    assert told == {**nothing, "per_day": None, "per_day_rule": None}
    assert made.data["clear"] is None
    changed = client.patch(f"/api/v1/rules/{made.data['id']}", {"clear": UNDER, **LIMITS})
    assert changed.status_code == 200, changed.data
    assert {name: changed.data[name] for name in ("clear", *LIMITS)} == {"clear": UNDER, **LIMITS}
    back = client.patch(f"/api/v1/rules/{made.data['id']}", {"clear": None, "per_day": None})
    assert (back.data["clear"], back.data["per_day"], back.data["repeat_s"]) == (None, None, 600)


@pytest.mark.parametrize(
    ("body", "path", "told"),
    [
        ({"lateness_s": -1}, "lateness_s", "“-1” is not a whole number of seconds from 0 to 86,400."),
        ({"lateness_s": 86_401}, "lateness_s", "from 0 to 86,400"),
        ({"lateness_s": None}, "lateness_s", "null"),
        ({"lateness_s": True}, "lateness_s", "true is not"),
        ({"lateness_s": "soon"}, "lateness_s", "“soon” is not"),
        ({"repeat_s": 9}, "repeat_s", "from 10 to 31,536,000; null means none."),
        ({"cooldown_s": 1.5}, "cooldown_s", "from 0 to 31,536,000."),
        ({"cooldown_rule_s": 31_536_001}, "cooldown_rule_s", "from 0 to 31,536,000."),
        ({"per_day": 0}, "per_day", "“0” is not a whole number from 1 to 1,000,000; null means none."),
        ({"per_day_rule": [5]}, "per_day_rule", "A list is not a whole number"),
        ({"clear": {"all": [{**UNDER, "value": "abc"}]}}, "clear.all[0].value", "“abc” is not a number"),
        ({"clear": []}, "clear", "A list is not a condition"),
    ],
)
def test_what_is_out_of_its_limits_is_told_in_a_sentence(people, body, path, told):
    client = people.client("manager")
    for answer in (
        client.post("/api/v1/rules", {**DRAFT, **body}),
        client.post("/api/v1/rules/validate", {"pattern": OVER, **body}),
    ):
        assert (answer.status_code, list(answer.data["errors"])) == (422, [path]), answer.data
        assert told in str(answer.data["errors"][path][0]) or told == "null"
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({"clear": UNDER}, True),
        ({"lateness_s": 5}, True),
        ({"repeat_s": 60}, True),
        ({"pattern": UNDER}, True),
        ({"cooldown_s": 5}, False),
        ({"cooldown_rule_s": 5}, False),
        ({"per_day": 5}, False),
        ({"per_day_rule": 5}, False),
        ({"actions": []}, False),
        ({"name": "Other"}, False),
    ],
)
def test_what_decides_when_it_fires_begins_it_anew(change, begins):
    rule = make_rule()
    changed = update_rule(rule, change, by=administrator())
    assert (changed.version, changed.epoch) == (2, 2 if begins else 1)
    assert update_rule(rule, change, by=administrator()).version == 2


def test_a_copy_takes_over_every_limit():
    rule = make_rule(clear=UNDER, **LIMITS)
    copy = duplicate_rule(rule, by=administrator())
    assert {name: getattr(copy, name) for name in LIMITS} == LIMITS
    assert copy.clear == UNDER
    assert copy.webhook_secret != rule.webhook_secret


def test_every_action_is_described_with_an_example_that_can_be_saved():
    for kind in ACTIONS:
        assert check_actions([{"type": kind, **ACTION_EXAMPLES[kind]}], by=administrator()) == {}


def test_the_example_of_a_clear_pattern_can_be_saved():
    over = {"field": "speed_kmh", "operator": "gt", "value": 80}
    assert make_rule(over, clear=CLEAR_SCHEMA["example"]).clear == CLEAR_SCHEMA["example"]


@pytest.mark.parametrize(
    ("title", "example"), [(node[0], node[2]) for node in NODES], ids=lambda one: str(one)[:40]
)
def test_every_shape_of_a_pattern_is_described_with_an_example_that_can_be_saved(title, example):
    register({"speed_limit_kmh": "number", "g_force_long": "number", "fuel_pct": "number"})
    assert parse(example, attribute_table())[1] == {}


@pytest.mark.parametrize(
    ("pattern", "clear"),
    [
        ({"due": {"every_km": 10_000}}, UNDER),
        ({"any": [OVER, {"due": {"every_km": 10_000}}]}, UNDER),
        (OVER, {"not": {"due": {"every_months": 12}}}),
    ],
)
def test_what_is_due_has_no_clear_pattern(people, pattern, clear):
    answer = people.client("manager").post("/api/v1/rules", {**DRAFT, "pattern": pattern, "clear": clear})
    assert (answer.status_code, list(answer.data["errors"])) == (422, ["clear"])
    made = people.client("manager").post("/api/v1/rules", {**DRAFT, "clear": UNDER})
    changed = people.client("manager").patch(
        f"/api/v1/rules/{made.data['id']}", {"pattern": {"due": {"every_km": 5_000}}}
    )
    assert "ends when its task is completed" in changed.data["errors"]["clear"][0]
