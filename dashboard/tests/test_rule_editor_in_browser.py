"""Rules built with the editor: conditions over time and place, ends, alerts, templates; and nothing is lost."""

import json
import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import UserFactory
from dashboard.tests.rule_hands import EVERY_KIND, add_other, compare, is_drawn, menu, row, save, sentence
from rules.models import Rule
from rules.services import create_rule
from rules.tests.factories import make_vehicle, report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# A browser whose computer cannot draw maps.
NO_WEBGL = """
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...others) {
  return kind.startsWith("webgl") ? null : given.call(this, kind, ...others);
};
"""


@pytest.fixture
def person(server):
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def tab(logged_in, person):
    page = logged_in(person)
    page.set_default_timeout(30_000)
    return page


def test_a_rule_that_lasts_and_ends_and_raises_an_alert_is_built_by_mouse(tab):
    tab.expected_errors.append("422")  # while an escalation has no recipients yet
    tab.goto("/rules/new")
    compare(tab, 0, "speed_kmh", "gt", "80")
    menu(row(tab, 0), "How long, how often", "Must last")
    row(tab, 0).get_by_label("without a break for", exact=True).fill("2")
    expect(sentence(tab)).to_have_text("When speed_kmh is over 80 for 2 min")
    tab.get_by_text("When it fires and ends").click()
    tab.get_by_text("It ends by a condition of its own").click()
    ends = tab.locator(".rule-clear")
    expect(ends.locator("[data-field]")).to_have_value("speed_kmh")
    expect(ends.locator("[data-operator]")).to_have_value("le")
    ends.locator("[data-value]").fill("75")
    tab.locator("#rule-cooldown_s").fill("1")
    tab.locator("#rule-cooldown_s + select").select_option("h")
    expect(tab.locator(".rule-short")).to_contain_text("Ends when speed_kmh is at most 75")
    expect(tab.locator(".rule-short")).to_contain_text("rests 1 h per vehicle")
    tab.locator("[data-add-action=raise_alert]").click()
    tab.locator("#action-0-alert_type").press_sequentially("over speed")
    tab.locator("#action-0-severity").select_option("HIGH")
    tab.locator("#action-0-escalate_after_minutes").fill("15")
    tab.get_by_role("button", name="its managers").click()
    tab.locator("#rule-name").fill("Overspeed")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = Rule.objects.get()
    over = {"field": "speed_kmh", "operator": "gt", "value": 80}
    assert rule.pattern == {"all": [{"lasts": over, "seconds": 120}]}
    assert rule.clear == {"all": [{"field": "speed_kmh", "operator": "le", "value": 75}]}
    assert (rule.cooldown_s, rule.repeat_s, rule.per_day) == (3_600, None, None)
    assert rule.actions == [
        {
            "type": "raise_alert",
            "alert_type": "OVER_SPEED",
            "severity": "HIGH",
            "escalate_after_minutes": 15,
            "escalate_to": ["role:MANAGER"],
        }
    ]


def test_a_rule_is_built_with_the_keyboard_alone(tab):
    keys = tab.keyboard
    tab.goto("/rules/new")
    row(tab, 0).locator("[data-field]").focus()
    keys.type("battery_pct")
    expect(row(tab, 0).locator("[data-operator]")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.type("15")
    row(tab, 0).get_by_label("How long, how often").focus()
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Enter")
    keys.type("5")
    expect(sentence(tab)).to_have_text("When battery_pct is at least 15 for 5 min")
    tab.get_by_text("When it fires and ends").locator("xpath=ancestor::summary").focus()
    keys.press("Enter")
    tab.locator("[data-setting=clear]").focus()
    keys.press("Space")
    tab.locator(".rule-clear [data-value]").focus()
    keys.type("20")
    tab.locator("[data-add-action=raise_alert]").focus()
    keys.press("Enter")
    expect(tab.locator("#action-0-alert_type")).to_be_focused()
    keys.type("FULL")
    tab.locator("#rule-name").focus()
    keys.type("Charged")
    keys.press("Control+s")
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = Rule.objects.get()
    full = {"field": "battery_pct", "operator": "ge", "value": 15}
    assert rule.pattern == {"all": [{"lasts": full, "seconds": 300}]}
    assert rule.clear == {"all": [{"field": "battery_pct", "operator": "lt", "value": 20}]}


def test_a_circle_is_drawn_on_the_map(tab, person):
    report(make_vehicle("VH-1"), row=1, latitude=53.55, longitude=9.99)
    tab.goto("/rules/new")
    compare(tab, 0, "speed_kmh", "gt", "5")
    add_other(tab, "place")
    place = row(tab, 1)
    place.get_by_label("Inside or outside").select_option("outside")
    place.get_by_label("Name of the place").fill("depot")
    drawn = tab.locator(".rule-map")
    drawn.scroll_into_view_if_needed()
    is_drawn(tab)
    box = drawn.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.click(*middle)
    expect(sentence(tab)).to_have_text("When speed_kmh is over 5 and it is outside depot")
    latitude, radius = place.get_by_label("Latitude"), place.get_by_label("Radius")
    assert abs(float(latitude.input_value()) - 53.55) < 0.001
    assert abs(float(place.get_by_label("Longitude").input_value()) - 9.99) < 0.001
    # The middle is taken hold of and moved up.
    before, north = float(radius.input_value()), float(latitude.input_value())
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0], middle[1] - 30, steps=4)
    tab.mouse.up()
    assert float(latitude.input_value()) > north
    assert float(radius.input_value()) == before
    radius.fill("300")
    tab.locator("#rule-name").fill("Leaves")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    held = Rule.objects.get().pattern["all"][1]["outside"]
    assert (held["name"], held["circle"]["radius_m"]) == ("depot", 300)


def test_a_polygon_is_typed_where_there_is_no_map(tab):
    tab.add_init_script(NO_WEBGL)
    tab.goto("/rules/new")
    add_other(tab, "place")
    tab.get_by_label("Remove this condition").first.click()
    place = row(tab, 0)
    expect(place).to_contain_text("This browser cannot draw maps")
    place.get_by_text("Polygon").click()
    for number, (latitude, longitude) in enumerate(((53.5, 9.9), (53.6, 9.9), (53.6, 10.1)), 1):
        place.get_by_role("button", name="Add corner").click()
        tab.keyboard.type(str(latitude))
        place.get_by_label(f"Corner {number}: Longitude").fill(str(longitude))
    expect(sentence(tab)).to_contain_text("When it is inside")
    tab.locator("#rule-name").fill("Harbour")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    corners = [[53.5, 9.9], [53.6, 9.9], [53.6, 10.1]]
    assert Rule.objects.get().pattern == {"all": [{"inside": {"polygon": corners}}]}


def test_hours_are_those_of_the_persons_time_zone(tab, person):
    person.time_zone = "Europe/Berlin"
    person.save()
    tab.goto("/rules/new")
    add_other(tab, "hours")
    tab.get_by_label("Remove this condition").first.click()
    expect(row(tab, 0).get_by_text("next day")).to_be_visible()
    row(tab, 0).get_by_text("Sat", exact=True).click()
    row(tab, 0).get_by_text("Sun", exact=True).click()
    tab.locator("#rule-name").fill("Nights")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    days = ["mon", "tue", "wed", "thu", "fri"]
    hours = {"from": "22:00", "to": "06:00", "weekdays": days, "time_zone": "Europe/Berlin"}
    assert Rule.objects.get().pattern == {"all": [{"hours": hours}]}


def test_who_prefers_miles_types_miles_and_finds_them_again(tab, person):
    person.units = "IMPERIAL"
    person.save()
    tab.goto("/rules/new")
    compare(tab, 0, "engine_temp_c", "gt", "212")
    expect(row(tab, 0).locator(".input-group-text")).to_have_text("°F")
    tab.get_by_role("button", name="Add condition").click()
    compare(tab, 1, "odometer_km", "rose_by", "100")
    tab.locator("#rule-name").fill("Hot")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    assert [node["value"] for node in Rule.objects.get().pattern["all"]] == [100, 160.9344]
    expect(row(tab, 0).locator("[data-value]")).to_have_value("212")
    expect(row(tab, 1).locator("[data-value]")).to_have_value("100")


def test_a_template_is_begun_with_and_saved(tab):
    tab.goto("/rules/new")
    tab.get_by_role("link", name="Low battery").click()
    expect(tab.get_by_test_id("rule-templates")).to_contain_text("Begun from the template “Low battery”")
    expect(sentence(tab)).to_have_text("When battery_pct is under 15")
    expect(tab.locator(".rule-short")).to_contain_text("Ends when battery_pct is at least 20")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = Rule.objects.get()
    assert rule.clear == {"all": [{"field": "battery_pct", "operator": "ge", "value": 20}]}
    assert [action["type"] for action in rule.actions] == ["raise_alert", "create_task"]


def test_an_error_of_the_end_stands_at_its_very_row(tab):
    tab.expected_errors.append("422")
    tab.goto("/rules/new?template=low_battery")
    tab.get_by_text("When it fires and ends").click()
    ends = tab.locator(".rule-clear")
    ends.locator("[data-operator]").select_option("is_set")
    ends.locator("[data-field]").fill("batery")
    ends.locator("[data-field]").press("Tab")
    tab.get_by_text("When it fires and ends").click()
    save(tab)
    expect(ends.locator(".rule-row > .rule-error")).to_contain_text("did you mean battery_pct")
    expect(ends.locator("[data-field]")).to_be_visible()
    expect(tab.locator("[data-part=pattern] .rule-error:visible")).to_have_count(0)
    assert not Rule.objects.exists()


def test_nothing_that_was_typed_is_lost_when_the_page_is_loaded_anew(tab):
    tab.goto("/rules/new")
    compare(tab, 0, "speed_kmh", "gt", "80")
    menu(row(tab, 0), "How long, how often", "Must happen often")
    add_other(tab, "due")
    tab.get_by_label("Every so far").fill("10000")
    tab.get_by_text("When it fires and ends").click()
    tab.locator("#rule-per_day").fill("7")
    tab.locator("[data-add-action=create_task]").click()
    tab.get_by_role("button", name="Add a line").click()
    tab.keyboard.type("Oil")
    tab.keyboard.press("Enter")
    tab.keyboard.type("Tyres")
    tab.locator("[data-add-action=send_email]").click()
    tab.locator("#action-1-to").press_sequentially("half@an.address")
    tab.reload()
    expect(tab.locator("[data-part=saved]")).to_contain_text("What you had typed here is back.")
    expect(row(tab, 0).locator("[data-value]")).to_have_value("80")
    expect(row(tab, 0).get_by_label("How often", exact=True)).to_have_value("3")
    expect(tab.get_by_label("Every so far")).to_have_value("10000")
    expect(tab.locator("#rule-per_day")).to_have_value("7")
    expect(tab.get_by_label("Checklist 2")).to_have_value("Tyres")
    expect(tab.locator("[data-action=send_email] .rule-chip")).to_have_text("half@an.address")


def test_what_is_typed_after_saving_is_there_again_too(tab):
    tab.goto("/rules/new?template=speeding")
    save(tab)
    tab.wait_for_url(re.compile(r"/rules/\d+$"))
    row(tab, 0).locator("[data-value]").fill("91")
    tab.reload()
    expect(row(tab, 0).locator("[data-value]")).to_have_value("91")


def test_a_draft_is_tried_as_it_stands(tab):
    sent = []
    tab.route(
        "**/rules/new/trial", lambda route: (sent.append(route.request.post_data), route.fulfill(body="ok"))
    )
    tab.goto("/rules/new")
    compare(tab, 0, "speed_kmh", "gt", "80")
    tab.get_by_test_id("rule-test-btn").click()
    tab.wait_for_url("**/rules/new/trial")
    draft = json.loads(parse_qs(sent[0])["draft"][0])
    over = {"field": "speed_kmh", "operator": "gt", "value": 80}
    assert (draft["pattern"], draft["name"], draft["lateness_s"]) == ({"all": [over]}, "", 0)
    tab.go_back()
    expect(row(tab, 0).locator("[data-value]")).to_have_value("80")


def test_the_way_back_from_a_trial_leads_to_the_draft(tab):
    tab.goto("/rules/new?template=speeding")
    row(tab, 0).locator("[data-value]").fill("83")
    tab.get_by_test_id("rule-test-btn").click()
    expect(tab.get_by_test_id("trial-sentence")).to_have_text("When speed_kmh is over 83 for 2 min")
    tab.get_by_role("link", name="Back to the editor").click()
    expect(row(tab, 0).locator("[data-value]")).to_have_value("83")


@pytest.mark.parametrize("width", [390, 1440])
def test_the_editor_is_no_wider_than_its_window(tab, person, width):
    tab.set_viewport_size({"width": width, "height": 844})
    rule = create_rule({"name": "All", "pattern": EVERY_KIND, "scope": {"everything": True}}, by=person)
    tab.goto(f"/rules/{rule.pk}")
    expect(row(tab, 0)).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == width
