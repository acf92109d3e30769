"""The rules that come with the program: they see all, stay as people leave them, and come once."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from accounts.tests.people import People
from rules.checks import check_rule
from rules.exceptions import RuleIsNotYours
from rules.lanes import drain
from rules.models import Rule, RuleVersion
from rules.scope import ALL, sight_of, why_idle
from rules.services import disable_rules, hide_rule, purge_rule, update_rule
from rules.shipped import SHIPPED, ship_rules
from rules.tests.factories import administrator, count, make_vehicle, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return People.make()


@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_a_rule_that_a_person_could_have_made(name):
    check_rule({**SHIPPED[name], "scope": {"everything": True}}, by=administrator())


def test_they_come_once_and_are_enabled_for_everything():
    call_command("ship_rules")
    made = {rule.shipped_as: rule for rule in Rule.objects.all()}
    assert made.keys() == SHIPPED.keys()
    assert all(rule.enabled and rule.everything and rule.scans.count() == 8 for rule in made.values())
    assert {version.cause.data["kind"] for version in RuleVersion.objects.all()} == {"shipped"}
    assert ship_rules() == []


def test_what_people_did_to_them_stays(people):
    ship_rules()
    fast, battery, hot = (Rule.objects.get(shipped_as=name) for name in SHIPPED)
    update_rule(fast, {"name": "Too fast"}, by=people.administrator)
    hide_rule(battery, by=people.administrator)
    disable_rules([hot], by=people.administrator)
    assert ship_rules() == []
    assert set(Rule.objects.values_list("name", "enabled")) == {("Too fast", True), (hot.name, False)}
    battery.refresh_from_db()
    with pytest.raises(ValidationError, match="it would come back"):
        purge_rule(battery, by=people.administrator)


def test_they_see_all_though_nobody_made_them(people):
    ship_rules()
    rule = Rule.objects.get(shipped_as="OVERSPEED")
    assert (sight_of(rule), why_idle(rule)) == (ALL, None)
    for vehicle_id, fleet in (("north-1", people.north), ("south-1", people.south)):
        report(make_vehicle(vehicle_id, fleet), speed_kmh=95.0)
    drain()
    assert count(rule) == 2


def test_a_maker_who_is_gone_does_not_make_a_rule_one_of_ours(people):
    rule = Rule.objects.create(name="x", pattern={}, everything=True)
    assert sight_of(rule) != ALL
    assert why_idle(rule) is not None


def test_everybody_reads_them_and_administrators_change_them(people):
    ship_rules()
    rule = Rule.objects.get(shipped_as="LOW_BATTERY")
    for person in ("operator", "manager", "stranger"):
        told = people.client(person).get(f"/api/v1/rules/{rule.pk}")
        assert (told.status_code, told.data["shipped_as"]) == (200, "LOW_BATTERY")
    with pytest.raises(RuleIsNotYours):
        disable_rules([rule], by=people.manager)
    assert disable_rules([rule], by=people.administrator) == 1
