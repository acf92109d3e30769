"""A rule's versions and its secret on pages, and what a firing tells of versions, chains and attempts."""

import html

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.tests.factories import AlertFactory
from dashboard.rule_history import limits_in_words, span
from dashboard.tests.answers import text_of
from fleet_manager.tests.world import PATTERN
from rules.models import ActionAttempt, Firing, FiringAction, RuleTotal
from rules.services import create_rule, disable_rules, update_rule
from rules.shipped import ship_rules

pytestmark = pytest.mark.django_db

WEBHOOK = {"type": "call_webhook", "url": "https://hooks.fleet.example/x"}


def own_rule(world, **values):
    scope = {"fleets": [world.people.north.fleet_id]}
    given = {"name": "Mine", "pattern": PATTERN, "scope": scope, "actions": [], **values}
    return create_rule(given, by=world.people.manager)


def shown(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    text = text_of(answer)
    assert " style=" not in text
    return html.unescape(text)


def test_versions_tell_who_changed_what_from_what_to_what(page, world):
    rule = own_rule(world)
    changes = {"name": "Far", "pattern": {**PATTERN, "value": 20_000}, "cooldown_s": 5_400, "per_day": 3}
    update_rule(rule, changes, by=world.people.manager)
    disable_rules([rule], by=world.people.administrator)
    text = shown(page, f"/rules/{rule.pk}/versions")
    assert text.count('data-testid="rule-version"') == 3
    assert "<del>Mine</del>" in text
    assert "<ins>Far</ins>" in text
    assert "<del>When odometer_km is over 10,000</del>" in text
    assert "<ins>1 h 30 min</ins>" in text
    assert "<del>none</del>" in text
    assert world.people.administrator.email in text
    assert "The rule was made." in text
    assert f'href="/rules/{rule.pk}/versions"' in shown(page, f"/rules/{rule.pk}")


def test_of_the_actions_only_those_are_told_that_came_or_went(page, world):
    log, task = {"type": "store_log", "message": "far"}, {"type": "create_task", "title": "Look"}
    rule = own_rule(world, actions=[log])
    update_rule(rule, {"actions": [log, task]}, by=world.people.manager)
    update_rule(rule, {"actions": [task]}, by=world.people.manager)
    update_rule(rule, {"actions": []}, by=world.people.manager)
    text = shown(page, f"/rules/{rule.pk}/versions")
    assert text.count("<ins>Create task (title: Look)</ins>") == 1
    assert text.count("<del>Store log (message: far)</del>") == 1
    assert text.count("<del>Create task (title: Look)</del>") == 1


def test_one_version_is_shown_as_it_was(page, world):
    rule = own_rule(world, repeat_s=600, actions=[{"type": "store_log", "message": "far"}])
    update_rule(rule, {"scope": {"everything": True}, "repeat_s": None}, by=world.people.manager)
    first = shown(page, f"/rules/{rule.pk}/versions/1")
    assert "When odometer_km is over 10,000" in first
    assert "It fires again every 10 min while it is true." in first
    assert "fleets: fleet-north" in first
    second = shown(page, f"/rules/{rule.pk}/versions/2")
    assert "<del>fleets: fleet-north</del>" in second
    assert "<ins>everything</ins>" in second
    assert page.get(f"/rules/{rule.pk}/versions/3").status_code == 404


def test_an_earlier_version_is_made_the_present_one_again(client, page, world):
    rule = own_rule(world)
    update_rule(rule, {"name": "Other", "enabled": False}, by=world.people.manager)
    path = f"/rules/{rule.pk}/versions/1/return"
    assert path in shown(page, f"/rules/{rule.pk}/versions")
    answer = page.post(path, follow=True)
    assert "says again what it said as version 1" in text_of(answer)
    rule.refresh_from_db()
    assert (rule.name, rule.enabled, rule.version) == ("Mine", False, 3)
    assert "says the same as version 1 already" in text_of(page.post(path, follow=True))
    client.force_login(world.people.operator)
    assert path not in shown(client, f"/rules/{rule.pk}/versions")


def test_one_is_told_why_a_version_cannot_come_back(client, world):
    client.force_login(world.people.manager)
    scope = {"fleets": ["fleet-north", "fleet-south"]}
    rule = create_rule({"name": "Both", "pattern": PATTERN, "scope": scope}, by=world.people.administrator)
    update_rule(rule, {"scope": {"fleets": ["fleet-north"]}}, by=world.people.administrator)
    answer = client.post(f"/rules/{rule.pk}/versions/1/return", follow=True)
    assert "watched more than you may see" in text_of(answer)
    assert "fleet-south" not in shown(client, f"/rules/{rule.pk}/versions/1")


def test_a_long_history_is_read_page_by_page_with_as_many_questions(page, world):
    rule = own_rule(world)
    update_rule(rule, {"name": "n0"}, by=world.people.manager)
    page.get(f"/rules/{rule.pk}/versions")
    with CaptureQueriesContext(connection) as few:
        page.get(f"/rules/{rule.pk}/versions")
    for number in range(1, 25):
        update_rule(rule, {"name": f"n{number}"}, by=world.people.manager)
    with CaptureQueriesContext(connection) as many:
        text = shown(page, f"/rules/{rule.pk}/versions")
    assert len(many) == len(few)
    assert "?before=7" in text
    older = shown(page, f"/rules/{rule.pk}/versions?before=7")
    assert older.count('data-testid="rule-version"') == 6
    assert "<del>n3</del>" in older


def test_the_secret_is_shown_when_it_is_asked_for_and_made_anew(client, page, world):
    rule = own_rule(world, actions=[WEBHOOK])
    at_first = shown(page, f"/rules/{rule.pk}")
    assert f'hx-get="/rules/{rule.pk}/secret"' in at_first
    assert rule.webhook_secret not in at_first
    asked = page.get(f"/rules/{rule.pk}/secret")
    assert rule.webhook_secret in html.unescape(text_of(asked))
    assert "no-store" in asked["Cache-Control"]
    made = page.post(
        f"/rules/{rule.pk}/secret", headers={"HX-Request": "true", "HX-Target": "webhook-secret"}
    )
    rule.refresh_from_db()
    assert rule.webhook_secret in html.unescape(text_of(made))
    assert rule.webhook_secret not in html.unescape(text_of(asked))
    assert "got a new secret for its webhooks" in shown(page, f"/rules/{rule.pk}/versions")
    assert "/secret" not in shown(page, f"/rules/{own_rule(world, name='No calls').pk}")
    ship_rules()
    everything = create_rule(
        {"name": "All", "pattern": PATTERN, "scope": {"everything": True}}, by=world.people.administrator
    )
    assert page.get(f"/rules/{everything.pk}/secret").status_code == 403


def test_a_firing_tells_its_version_its_times_and_each_attempt(page, world):
    firing = world.firing
    action = firing.actions.get()
    for number, status in ((1, "FAILED"), (2, "DONE")):
        ActionAttempt.objects.create(
            action=action, number=number, took_ms=1_200 * number, status=status, answer=f"Answer {number}."
        )
    text = shown(page, f"/firings/{firing.pk}")
    assert f'href="/rules/{firing.rule_id}/versions/1"' in text
    assert "Answer 1." in text
    assert "2,400 ms" in text
    assert "by the vehicle's clock" in text
    firing.rule.version = 7
    firing.rule.save()
    assert f'href="/rules/{firing.rule_id}/versions/1"' not in shown(page, f"/firings/{firing.pk}")


def test_a_firing_that_another_led_to_says_so(page, world):
    given = {"rule": world.rule, "vehicle": world.vehicle, "rule_version": 1, "explanation": "x"}
    cause = {"kind": "rule", "rule_id": world.rule.pk, "firing_id": world.firing.pk, "name": "Service due"}
    child = Firing.objects.create(**given, cause=cause, parent=world.firing, hops=1, kind="REPEATED")
    text = shown(page, f"/firings/{child.pk}")
    assert "An action of another firing led to it" in text
    assert f'<a href="/firings/{world.firing.pk}">' in text
    assert "told again, because it was still true" in text
    assert "still true" in shown(page, f"/rules/{world.rule.pk}")
    assert "kind=REPEATED" in shown(page, "/firings?kind=REPEATED")


def test_a_firing_leads_to_the_alert_that_it_raised(page, world):
    alert = AlertFactory(vehicle=world.vehicle, message="95 km/h")
    FiringAction.objects.update(type="raise_alert", alert=alert)
    assert f'href="/alerts/{alert.pk}">95 km/h</a>' in shown(page, f"/firings/{world.firing.pk}")
    assert f'href="/alerts/{alert.pk}">95 km/h</a>' in shown(page, f"/rules/{world.rule.pk}")


def test_the_list_tells_what_came_with_the_program_and_what_was_held_back(client, page, world):
    ship_rules()
    RuleTotal.objects.create(
        rule=own_rule(world), last_at="2026-01-01T00:00Z", day="2026-01-01", count=1, held_back=1_234
    )
    text = shown(page, "/rules")
    assert text.count("came with the program") == 3
    assert "1234 held back" in text.replace(",", "")
    client.force_login(world.people.operator)
    assert "held back" not in shown(client, "/rules")


def test_limits_are_told_in_sentences():
    told = limits_in_words({"lateness_s": 90, "per_day": 3, "clear": {**PATTERN, "operator": "le"}})
    assert told == [
        "It ends when odometer_km is at most 10,000.",
        "It waits 1 min 30 s for late readings.",
        "It fires at most 3 times a day for one vehicle.",
    ]
    assert [span(seconds) for seconds in (0, 59, 3_600, 90_061)] == [
        "0 s",
        "59 s",
        "1 h",
        "1 d 1 h 1 min 1 s",
    ]
