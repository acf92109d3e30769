"""Rules and firings as pages show them, and what is done from there."""

import html
import json
import re

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.rule_editor import action_kinds, operator_labels, words
from dashboard.rule_templates import RULE_TEMPLATES
from dashboard.tests.answers import text_of
from fleet_manager.tests.world import PATTERN
from rules.actions import ACTIONS
from rules.lanes import drain
from rules.models import FiringAction, Rule
from rules.outbox import run_pending_actions
from rules.patterns import OPERATORS
from rules.services import create_rule
from rules.tests.factories import report
from vehicle_management.registry import register

pytestmark = pytest.mark.django_db


def data_of(answer):
    found = re.search(r'id="rule-editor-data" type="application/json">(.*?)</script>', text_of(answer), re.S)
    return json.loads(found[1])


def own_rule(world, **values):
    scope = {"fleets": [world.people.north.fleet_id]}
    given = {"name": "Mine", "pattern": PATTERN, "scope": scope, "actions": [], **values}
    return create_rule(given, by=world.people.manager)


def test_a_rule_stands_in_the_list_with_its_sentence_scope_and_firings(page, world):
    shown = html.unescape(text_of(page.get("/rules")))
    assert "When odometer_km is over 10,000" in shown
    assert "1 fleet" in shown
    assert 'aria-label="1 firings in 7 days"' in shown
    assert " style=" not in shown


def test_failing_actions_are_told_and_lead_to_their_firings(page, world):
    FiringAction.objects.update(status="FAILED", result="The mail server is away.")
    assert "1 failing action" in text_of(page.get("/rules"))
    shown = text_of(page.get(f"/rules/{world.rule.pk}?failing=1"))
    assert "The mail server is away." in shown
    assert f"/firings/{world.firing.pk}/actions/0/retry" in shown


def test_whoever_may_not_change_a_rule_reads_it_in_words(client, page, world):
    create_rule(
        {"name": "All", "pattern": PATTERN, "scope": {"everything": True}}, by=world.people.administrator
    )
    rule = Rule.objects.get(name="All")
    shown = text_of(page.get(f"/rules/{rule.pk}"))
    assert "When odometer_km is over 10,000" in shown
    assert "rule-save-btn" not in shown
    assert page.post(f"/rules/{rule.pk}/switch", {"enabled": "false"}, follow=True).status_code == 200
    rule.refresh_from_db()
    assert rule.enabled


def test_an_operator_sees_rules_and_changes_none(client, world):
    client.force_login(world.people.operator)
    shown = text_of(client.get(f"/rules/{world.rule.pk}"))
    assert "rule-save-btn" not in shown
    assert 'data-testid="firing-explanation"' in shown
    for path in ("switch", "duplicate", "delete"):
        assert client.post(f"/rules/{world.rule.pk}/{path}").status_code == 403
    assert client.get("/rules/new").status_code == 403


def test_the_editor_holds_the_rule_as_the_api_has_it(page, world):
    actions = [{"type": "store_log", "level": "INFO", "message": "due"}]
    rule = own_rule(world, actions=actions)
    data = data_of(page.get(f"/rules/{rule.pk}"))
    told = page.get(f"/api/v1/rules/{rule.pk}")
    for name in ("name", "pattern", "scope", "actions", "enabled", "skip_current"):
        assert data["rule"][name] == told.json()[name], name
    assert data["etag"] == told["ETag"]


def test_what_the_editor_sends_back_unchanged_makes_no_new_version(page, world):
    rule = own_rule(world)
    data = data_of(page.get(f"/rules/{rule.pk}"))
    names = ("name", "description", "enabled", "skip_current", "scope", "pattern", "actions")
    body = {name: data["rule"][name] for name in names}
    answer = page.put(
        f"/api/v1/rules/{rule.pk}", body, content_type="application/json", headers={"If-Match": data["etag"]}
    )
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_the_editor_offers_the_persons_own_fleets_and_attributes(page, world):
    data = data_of(page.get("/rules/new"))
    assert [fleet[0] for fleet in data["fleets"]] == [world.people.north.fleet_id]
    known = {field["name"]: field for field in data["fields"]}
    assert known["odometer_km"]["unit"] == "km"
    assert known["status"]["choices"]
    assert "tyre_wear" in known


def test_the_editor_has_words_for_every_operator_and_fields_for_every_action():
    assert operator_labels().keys() == OPERATORS.keys()
    assert words()["operators"] == operator_labels()
    offered = {kind["type"]: {field["name"] for field in kind["fields"]} for kind in action_kinds()}
    assert offered == {name: set(kind.checks) for name, kind in ACTIONS.items()}
    needed = {kind["type"]: {f["name"] for f in kind["fields"] if f["required"]} for kind in action_kinds()}
    assert needed == {name: set(kind.required) for name, kind in ACTIONS.items()}


@pytest.mark.parametrize("key", [key for key in RULE_TEMPLATES if key != "blank"])
def test_every_template_is_a_rule_that_can_be_saved(page, world, key):
    register({"speed_limit_kmh": "number"})
    draft = data_of(page.get(f"/rules/new?template={key}"))["rule"]
    body = {name: value for name, value in draft.items() if name != "id"}
    answer = page.post("/api/v1/rules", body, content_type="application/json")
    assert (answer.status_code, answer.json().get("errors")) == (201, None)
    assert draft["name"]
    assert draft["actions"]


def test_a_template_tells_what_no_vehicle_has_told_so_far(page, world):
    waits = "Needs speed_limit_kmh, which no vehicle has told so far."
    assert text_of(page.get("/rules/new")).count(waits) == 1
    register({"speed_limit_kmh": "number"})
    assert waits not in text_of(page.get("/rules/new"))


def test_who_prefers_miles_types_miles(page, world):
    world.people.manager.units = "IMPERIAL"
    world.people.manager.save()
    data = data_of(page.get("/rules/new"))
    speed = next(field for field in data["fields"] if field["name"] == "speed_kmh")
    assert (speed["unit"], round(1 / speed["scale"], 3), speed["offset"]) == ("mph", 1.609, 0)
    assert data["measures"]["m"]["unit"] == "ft"


def test_a_place_begins_where_one_of_the_persons_vehicles_is(page, world):
    report(world.vehicle, row=1, latitude=48.1, longitude=11.5)
    draft = data_of(page.get("/rules/new?template=leaves_place"))["rule"]
    circle = draft["pattern"]["all"][0]["outside"]["circle"]
    assert (circle["latitude"], circle["longitude"]) == (48.1, 11.5)


def test_a_rule_is_switched_duplicated_and_deleted(page, world):
    rule = own_rule(world)
    page.post(f"/rules/{rule.pk}/switch", {"enabled": "false"})
    rule.refresh_from_db()
    assert not rule.enabled
    page.post(f"/rules/{rule.pk}/duplicate")
    assert Rule.objects.get(name="Copy of Mine").enabled is False
    page.post(f"/rules/{rule.pk}/delete")
    assert not Rule.objects.filter(pk=rule.pk).exists()


def test_a_rule_that_watches_nothing_says_why(page, world):
    rule = own_rule(world, scope={})
    assert "It watches nothing yet" in text_of(page.get(f"/rules/{rule.pk}"))


def test_a_firing_tells_the_whole_way_and_shows_the_mail(page, world, settings, tmp_path):
    settings.EMAIL_FILE_PATH = tmp_path
    settings.EMAIL_BACKEND = "rules.mail.FileBackend"
    action = {
        "type": "send_email",
        "to": "w@fleet.example",
        "subject": "$vehicle_id",
        "body": "<b>at</b> $odometer_km",
    }
    rule = own_rule(world, actions=[action, {"type": "create_task", "title": "Service $vehicle_id"}])
    report(world.vehicle, row=3, odometer_km=12_000)
    drain()
    run_pending_actions()
    firing = rule.firings.get()
    shown = html.unescape(text_of(page.get(f"/firings/{firing.pk}")))
    assert "odometer_km was 12,000, which is over 10,000" in shown
    assert '<a href="/files/7?row=3#row-3"' in shown
    assert "w@fleet.example" in shown
    assert "&lt;b&gt;at" in text_of(page.get(f"/firings/{firing.pk}"))
    task = firing.actions.get(type="create_task").task
    assert f'href="/tasks/{task.pk}"' in shown
    assert mail.outbox == []


def test_a_failed_action_is_tried_again(page, world):
    FiringAction.objects.update(status="FAILED")
    page.post(f"/firings/{world.firing.pk}/actions/0/retry")
    assert FiringAction.objects.get().status in ("PENDING", "DONE")
    answer = page.post(f"/firings/{world.firing.pk}/actions/0/retry", follow=True)
    assert answer.status_code == 200


def test_another_fleets_firings_are_neither_listed_nor_shown(client, world):
    client.force_login(world.people.stranger)
    assert client.get(f"/firings/{world.firing.pk}").status_code == 404
    assert world.firing.explanation not in text_of(client.get("/firings"))
    assert client.get(f"/rules/{world.rule.pk}").status_code == 404


def test_lists_ask_as_much_of_ten_rules_as_of_one(page, world):
    page.get("/rules")
    with CaptureQueriesContext(connection) as few:
        page.get("/rules")
    for number in range(10):
        own_rule(world, name=f"Rule {number}")
    with CaptureQueriesContext(connection) as many:
        page.get("/rules")
    assert len(many) == len(few)
