"""Trying a rule before it is switched on, and asking why it did not fire."""

import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import FleetFactory, UserFactory
from dashboard.tests.conftest import PHONE
from rules import trial_jobs
from rules.models import Firing, Rule
from rules.services import create_rule
from telemetry.tests.factories import store
from vehicle_management.models import VehicleStatus
from vehicle_management.services import create_vehicles

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
LOG = {"type": "store_log", "level": "WARNING", "message": "$vehicle_id drives $speed_kmh km/h"}
SHOTS = os.environ.get("SHOTS")
# A first trial compiles templates and asks many tables, beside others who work on the machine.
SLOW_MS = 20_000


@pytest.fixture
def person(server):
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def tab(logged_in, person):
    return logged_in(person)


@pytest.fixture
def rule(person):
    values = {"name": "Too fast", "pattern": FAST, "scope": {"everything": True}, "actions": [LOG]}
    return create_rule({**values, "enabled": False}, by=person)


def drive(person, vehicle_id, speeds, *, hours_ago=26.0, step=600):
    fleet = FleetFactory()
    vehicle = create_vehicles([{"vehicle_id": vehicle_id, "fleet": fleet}], by=person)[0]
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago)
    told = [(first + timedelta(seconds=place * step), {"speed_kmh": v}) for place, v in enumerate(speeds)]
    store(vehicle, told)
    last = {"recorded_at": told[-1][0], **told[-1][1]}
    VehicleStatus.objects.update_or_create(vehicle=vehicle, defaults=last)
    return vehicle, told


def shoot(tab, name):
    """For whoever wants to look: SHOTS names a folder."""
    if not SHOTS:
        return
    for width, height in ((1440, 900), (390, 844)):
        for scheme in ("light", "dark"):
            tab.set_viewport_size({"width": width, "height": height})
            tab.emulate_media(color_scheme=scheme)
            tab.wait_for_timeout(300)
            tab.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1440, "height": 900})


def test_a_rule_is_tried_over_the_last_week(tab, person, rule):
    drive(person, "VH-1", [50, 90, 95.5, 60, 70, 110, 60] * 9)
    drive(person, "VH-2", [50, 60, 85, 60], hours_ago=90)
    drive(person, "VH-3", [50, 60])
    tab.goto(f"/rules/{rule.pk}/trial")
    expect(tab.get_by_test_id("trial-firings")).to_contain_text("19", timeout=SLOW_MS)
    expect(tab.get_by_test_id("trial-result")).to_contain_text("of 3 that were tried", timeout=SLOW_MS)
    expect(tab.get_by_test_id("trial-lines")).to_contain_text("VH-2")
    tab.get_by_test_id("trial-firing").nth(1).locator("summary").click()
    opened = tab.get_by_test_id("trial-firing").nth(1)
    expect(opened).to_contain_text("VH-1 drives 90 km/h")
    expect(opened.locator(".is-own")).to_contain_text("90")
    tab.locator("#why-not [name=vehicle_id]").fill("VH-3")
    tab.get_by_test_id("why-btn").click()
    expect(tab.get_by_test_id("why-answer")).to_contain_text("The rule was off.")
    expect(tab.get_by_test_id("why-node")).to_contain_text("speed_kmh was 60, which is not over 80")
    shoot(tab, "trial")
    tab.get_by_label("Yesterday").check(force=True)
    expect(tab.get_by_test_id("trial-result")).to_contain_text("of 3 that were tried", timeout=SLOW_MS)
    assert not Firing.objects.exists()


def test_a_draft_is_tried_and_nothing_of_it_is_stored(tab, person):
    drive(person, "VH-1", [50, 90, 60])
    tab.goto("/rules/new")
    draft = {"name": "Draft", "pattern": FAST, "scope": {"everything": True}, "actions": [LOG]}
    tab.evaluate(
        """(draft) => {
            const form = document.getElementById("rule-trial").cloneNode(true);
            form.removeAttribute("id");
            form.querySelector("[name=draft]").value = draft;
            document.body.append(form);
            form.submit();
        }""",
        json.dumps(draft),
    )
    expect(tab.get_by_test_id("trial-firings")).to_contain_text("1", timeout=SLOW_MS)
    expect(tab.get_by_role("heading", name="Try “Draft”")).to_be_visible()
    tab.locator("#why-not [name=vehicle_id]").fill("VH-1")
    tab.get_by_test_id("why-btn").click()
    expect(tab.get_by_test_id("why-verdict")).to_have_text("The pattern was not true.")
    assert not Rule.objects.exists()


def test_a_long_trial_shows_how_far_it_has_come(tab, person, rule, monkeypatch):
    drive(person, "VH-1", [50, 90, 60])
    monkeypatch.setattr(trial_jobs, "AT_ONCE", 1)
    rung = []
    monkeypatch.setattr(trial_jobs, "_ring", lambda token, later=False: rung.append(token))
    tab.goto(f"/rules/{rule.pk}/trial")
    expect(tab.get_by_test_id("trial-result")).to_contain_text("waiting for a worker", timeout=SLOW_MS)
    trial_jobs.work_on(rung[0])
    expect(tab.get_by_test_id("trial-firings")).to_contain_text("1", timeout=SLOW_MS)


def test_what_cannot_be_tried_is_told(tab, person, rule):
    tab.goto(f"/rules/{rule.pk}/trial?vehicles=nobody")
    expect(tab.get_by_role("alert")).to_contain_text("There is no vehicle nobody that you may see.")
    tab.goto(f"/rules/{rule.pk}/trial?range=file")
    expect(tab.get_by_role("alert")).to_contain_text("Choose a file")
    tab.goto(f"/rules/{rule.pk}/trial")
    expect(tab.get_by_test_id("trial-result")).to_contain_text(
        "It watches no vehicle that you see", timeout=SLOW_MS
    )
    shoot(tab, "nothing")


def test_why_has_a_page_of_its_own(tab, person):
    _vehicle, told = drive(person, "VH-1", [50, 90, 95, 95, 60], step=30)
    lasts = {"all": [{"lasts": FAST, "seconds": 120}, {"field": "fuel_pct", "operator": "lt", "value": 10}]}
    rule = create_rule({"name": "Long", "pattern": lasts, "scope": {"everything": True}}, by=person)
    Rule.objects.update(started_at=told[0][0] - timedelta(hours=1))
    rule.versions.update(at=told[0][0] - timedelta(hours=1))
    moment = (told[2][0] + timedelta(seconds=18)).isoformat().replace("+00:00", "Z")
    tab.goto(f"/rules/{rule.pk}/why?vehicle_id=VH-1&at={moment}")
    expect(tab.get_by_test_id("why-answer")).to_contain_text(re.compile(r"48 s of 2 min"))
    expect(tab.get_by_test_id("why-answer")).to_contain_text("fuel_pct was not known")
    shoot(tab, "why")
    tab.set_viewport_size(PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
