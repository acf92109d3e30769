"""A rule's secret and its versions, by mouse."""

import pytest

from fleet_manager.tests.world import PATTERN
from rules.models import Rule
from rules.services import create_rule, update_rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]

WEBHOOK = {"type": "call_webhook", "url": "https://hooks.fleet.example/x"}


@pytest.fixture
def rule(world):
    scope = {"fleets": [world.people.north.fleet_id]}
    given = {"name": "Far", "pattern": PATTERN, "scope": scope, "actions": [WEBHOOK], "enabled": False}
    return create_rule(given, by=world.people.manager)


def test_the_secret_is_hidden_until_it_is_asked_for_and_can_be_made_anew(world, rule, logged_in):
    page = logged_in(world.people.manager)
    page.goto(f"/rules/{rule.pk}")
    assert page.get_by_test_id("webhook-secret").count() == 0
    page.get_by_role("button", name="Show it").click()
    page.get_by_text(rule.webhook_secret, exact=True).wait_for()
    page.get_by_role("button", name="Make a new one").click()
    page.get_by_text("This is the new secret").wait_for()
    assert page.get_by_test_id("webhook-secret").inner_text() == Rule.objects.get(pk=rule.pk).webhook_secret


def test_an_earlier_version_is_made_the_present_one_again(world, rule, logged_in):
    update_rule(rule, {"name": "Near"}, by=world.people.manager)
    page = logged_in(world.people.manager)
    page.goto(f"/rules/{rule.pk}")
    page.get_by_role("link", name="Version 2").click()
    page.get_by_test_id("rule-version").first.wait_for()
    page.get_by_role("button", name="Make this the present one again").click()
    page.get_by_text("The rule says again what it said as version 1.").wait_for()
    held = Rule.objects.get(pk=rule.pk)
    assert (held.name, held.version, held.enabled) == ("Far", 3, False)
