"""The rule editor under a person's hands: conditions, values by type, actions, scope, errors, saving."""

import re

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import FleetFactory, UserFactory
from dashboard.tests.rule_hands import EVERY_KIND, OVER, compare, row, save, sentence
from rules.models import Rule
from rules.services import create_rule, update_rule
from rules.tests.factories import make_vehicle
from vehicle_management.tests.factories import VehicleFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def person(server):
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def tab(logged_in, person):
    page = logged_in(person)
    page.set_default_timeout(30_000)
    return page


def test_a_rule_is_built_said_and_saved(tab):
    tab.goto("/rules/new")
    compare(tab, 0, "odometer_km", "gt", "10000")
    expect(sentence(tab)).to_have_text("When odometer_km is over 10,000")
    tab.get_by_role("button", name="Add group").click()
    compare(tab, 1, "status", "in")
    row(tab, 1).get_by_text("MOVING", exact=True).click()
    tab.locator(".rule-group .rule-group").get_by_role("button", name="Add condition").click()
    compare(tab, 2, "make", "contains", "ford")
    expect(sentence(tab)).to_have_text(
        "When odometer_km is over 10,000 and (status is one of MOVING or make contains ford)"
    )
    tab.locator("[data-add-action=store_log]").click()
    tab.locator("#action-0-message").fill("Look at ")
    tab.locator(".rule-help summary").click()
    tab.get_by_role("button", name="$plate", exact=True).click()
    tab.locator("#rule-name").fill("Look")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = Rule.objects.get()
    parts = [
        {"field": "status", "operator": "in", "value": ["MOVING"]},
        {"field": "make", "operator": "contains", "value": "ford"},
    ]
    assert rule.pattern == {"all": [OVER, {"any": parts}]}
    assert rule.actions == [{"type": "store_log", "level": "INFO", "message": "Look at $plate"}]
    assert rule.everything


def test_what_a_rule_would_find_at_once_is_told_before_it_is_saved(tab, person):
    make_vehicle("VH-1", make="Ford"), make_vehicle("VH-2", make="Iveco")
    now = tab.get_by_test_id("rule-now")
    tab.goto("/rules/new")
    compare(tab, 0, "make", "eq", "Ford")
    expect(now).to_have_text("Now true for 1 of the 2 vehicles that it watches: they fire at once.")
    tab.get_by_text("Skip what is true already").click()
    expect(now).to_have_text("Now true for 1 of the 2 vehicles that it watches: they are skipped.")
    row(tab, 0).locator("[data-value]").fill("Volvo")
    expect(now).to_have_text("Now true for none of the 2 vehicles that it watches.")
    row(tab, 0).locator("[data-value]").fill("")
    expect(now).to_have_text("")


def test_a_stored_rule_fires_anew_only_where_it_changes(tab, person):
    make_vehicle("VH-1", make="Ford")
    pattern = {"field": "make", "operator": "eq", "value": "Ford"}
    rule = create_rule({"name": "Fords", "pattern": pattern, "scope": {"everything": True}}, by=person)
    now = tab.get_by_test_id("rule-now")
    tab.goto(f"/rules/{rule.pk}")
    expect(now).to_have_text("Now true for 1 of the 1 vehicles that it watches.")
    compare(tab, 0, "make", "ne", "Iveco")
    expect(now).to_have_text("Now true for 1 of the 1 vehicles that it watches: they fire at once.")


@pytest.mark.parametrize(
    "pattern",
    [
        OVER,
        {"not": {"any": [OVER, {"field": "plate", "operator": "is_not_set"}]}},
        {"all": [{"not": {"all": [OVER]}}, {"any": [OVER]}]},
        {
            "all": [
                {"field": "model_year", "operator": "between", "value": [2010, 2020]},
                {"field": "in_service_date", "operator": "lt", "value": "2020-01-01"},
                {"field": "make", "operator": "not_in", "value": ["Ford", "Volvo, Inc"]},
            ]
        },
        EVERY_KIND,
        {"lasts": {"not": OVER}, "seconds": 120},
    ],
)
def test_what_nobody_touched_is_saved_as_it_was(tab, person, pattern):
    rule = create_rule({"name": "Due", "pattern": pattern, "scope": {"everything": True}}, by=person)
    tab.goto(f"/rules/{rule.pk}")
    tab.locator("#rule-description").fill("told")
    save(tab)
    expect(tab.locator(".banner-green")).to_contain_text("Saved")
    rule.refresh_from_db()
    assert (rule.pattern, rule.epoch, rule.description) == (pattern, 1, "told")


def test_errors_stand_at_the_very_place(tab):
    tab.expected_errors.append("422")
    tab.goto("/rules/new")
    compare(tab, 0, "battery_pct", "lt", "20")
    tab.locator("[data-add-action=send_email]").click()
    tab.locator("#action-0-to").press_sequentially("workshop")
    tab.locator("#action-0-subject").fill("Hello")
    save(tab)
    expect(tab.locator("[data-param=to]")).to_contain_text("“workshop” is not an e-mail address")
    expect(tab.locator("[data-part=name-error]")).to_have_text("A rule needs a name.")
    expect(tab.locator("[data-part=trouble]")).to_contain_text("2 to mend")
    row(tab, 0).locator("[data-field]").fill("odometer")
    row(tab, 0).locator("[data-field]").press("Tab")
    save(tab)
    expect(row(tab, 0).locator(".rule-error")).to_contain_text("did you mean odometer_km")
    expect(tab.locator("[data-action=send_email] .rule-chip")).to_have_text("workshop")
    assert not Rule.objects.exists()


def test_a_scope_is_chosen_by_search(tab):
    fleet = FleetFactory(fleet_id="harbour", fleet_name="Harbour")
    VehicleFactory(vehicle_id="truck-7", fleet=fleet)
    tab.goto("/rules/new?template=low_battery")
    tab.get_by_text("What I choose").click()
    tab.get_by_text("Harbour", exact=True).click()
    tab.locator("#pick-vehicles").press_sequentially("truck")
    tab.get_by_role("option", name="truck-7").click()
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = Rule.objects.get()
    assert not rule.everything
    assert [one.fleet_id for one in rule.fleets.all()] == ["harbour"]
    assert [one.vehicle_id for one in rule.vehicles.all()] == ["truck-7"]


def test_whoever_saves_second_is_told_and_loses_nothing(tab, person):
    tab.expected_errors.append("412")
    rule = create_rule({"name": "Due", "pattern": OVER, "scope": {"everything": True}}, by=person)
    tab.goto(f"/rules/{rule.pk}")
    expect(sentence(tab)).to_contain_text("10,000")
    update_rule(rule, {"name": "Theirs"}, by=person)
    tab.locator("#rule-name").fill("Mine")
    save(tab)
    trouble = tab.locator("[data-part=trouble]")
    expect(trouble).to_contain_text("Somebody else changed this rule")
    with tab.expect_response("**/rules/validate"):
        tab.locator("#rule-name").fill("Mine after all")
    expect(trouble).to_contain_text("Somebody else changed this rule")
    expect(tab.locator("#rule-name")).to_have_value("Mine after all")
    rule.refresh_from_db()
    assert rule.name == "Theirs"


def test_what_was_typed_is_there_again_after_leaving(tab):
    tab.goto("/rules/new")
    compare(tab, 0, "odometer_km", "gt", "777")
    expect(sentence(tab)).to_contain_text("777")
    tab.goto("/rules")
    tab.goto("/rules/new")
    expect(row(tab, 0).locator("[data-value]")).to_have_value("777")
    tab.get_by_role("link", name="Discard it").click()
    expect(row(tab, 0).locator("[data-field]")).to_have_value("")


def test_a_rule_is_switched_off_from_the_list(tab, person):
    rule = create_rule({"name": "Due", "pattern": OVER, "scope": {"everything": True}}, by=person)
    tab.goto("/rules")
    tab.get_by_role("switch", name="Due").click()
    expect(tab.get_by_role("switch", name="Due")).to_have_attribute("aria-checked", "false")
    rule.refresh_from_db()
    assert not rule.enabled
