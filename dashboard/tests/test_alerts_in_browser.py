"""Alerts in a browser: acknowledged where they stand, rows that stay up to date, the badge, one with chart and map."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from alerts.models import Alert
from alerts.services import acknowledge_alert, close_alert
from dashboard.tests.conftest import PHONE
from dashboard.tests.test_alert_pages import make_alert
from telemetry.tests.factories import store

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Asked for by itself every five seconds.
SOON = 12_000


@pytest.fixture
def tab(server, logged_in, world):
    return logged_in(world.people.manager)


@pytest.fixture
def readings(server, world):
    """A drive that is too fast for a while."""
    start = world.alert.triggered_at - timedelta(minutes=5)
    values = [
        {
            "speed_kmh": 70 + 26 * (1 - abs(n - 30) / 30),
            "latitude": 53.55 + n * 2e-4,
            "longitude": 9.99 + n * 3e-4,
        }
        for n in range(60)
    ]
    store(world.vehicle, [(start + timedelta(seconds=10 * n), one) for n, one in enumerate(values)])


def rows(tab):
    return tab.get_by_test_id("alert-item")


def top_of(place):
    return place.bounding_box()["y"]


def test_an_alert_is_acknowledged_where_it_stands_and_nothing_moves(tab, world):
    make_alert(world.other_vehicle)
    tab.goto("/alerts")
    expect(rows(tab)).to_have_count(2)
    row = tab.locator(f"#alert-{world.alert.pk}")
    row.locator("[data-tick]").check()
    before = [top_of(one) for one in rows(tab).all()]
    row.get_by_test_id("ack-btn").click()
    expect(row).to_have_attribute("data-state", "ACKNOWLEDGED")
    expect(row).to_contain_text(world.people.manager.email)
    expect(row.locator("[data-tick]")).to_be_checked()
    assert [top_of(one) for one in rows(tab).all()] == before
    expect(tab).to_have_url(re.compile(r"/alerts$"))
    expect(tab.get_by_test_id("alert-badge")).to_have_attribute("data-count", "1")
    expect(tab).to_have_title(re.compile(r"^\(1\) Alerts"))


def test_notes_are_typed_beside_the_row_and_stay_until_they_arrive(tab, world):
    tab.goto("/alerts")
    row = tab.locator(f"#alert-{world.alert.pk}")
    row.get_by_test_id("ack-notes").click()
    notes = tab.get_by_label("Notes").last
    expect(notes).to_be_focused()
    notes.fill("Called the driver")
    tab.keyboard.press("Escape")
    expect(notes).to_be_hidden()
    row.get_by_test_id("ack-notes").click()
    expect(notes).to_have_value("Called the driver")
    tab.get_by_test_id("ack-notes-btn").click()
    expect(row).to_have_attribute("data-state", "ACKNOWLEDGED")
    expect(notes).to_be_hidden()
    world.alert.refresh_from_db()
    assert world.alert.notes == "Called the driver"


def test_rows_renew_themselves_and_keep_ticks_and_what_is_typed(tab, world):
    other = make_alert(world.other_vehicle)
    tab.goto("/alerts")
    first, second = tab.locator(f"#alert-{world.alert.pk}"), tab.locator(f"#alert-{other.pk}")
    second.locator("[data-tick]").check()
    tab.get_by_test_id("bulk-bar").get_by_label("Notes").fill("Half a sen")
    first.get_by_test_id("ack-notes").click()
    tab.get_by_placeholder("What you know").fill("I know that")
    before = [top_of(one) for one in rows(tab).all()]
    Alert.objects.filter(pk=other.pk).update(count=41, last_at=timezone.now(), worst_value=3)
    close_alert(world.alert, by=world.people.administrator)
    raised = make_alert(world.vehicle)
    expect(second).to_contain_text("41×", timeout=SOON)
    expect(first).to_have_attribute("data-state", "CLOSED")
    assert [top_of(one) for one in rows(tab).all()] == before
    expect(second.locator("[data-tick]")).to_be_checked()
    expect(tab.get_by_test_id("bulk-bar").get_by_label("Notes")).to_have_value("Half a sen")
    expect(tab.get_by_placeholder("What you know")).to_have_value("I know that")
    tab.keyboard.press("Escape")
    tab.get_by_text("1 new alert").click()
    expect(tab.locator(f"#alert-{raised.pk}")).to_be_visible()
    expect(first).to_have_count(0)


def test_ticked_alerts_are_acknowledged_together(tab, world):
    make_alert(world.other_vehicle)
    tab.goto("/alerts")
    tab.locator("[data-tick-all]").check()
    expect(tab.locator("[data-ticked]")).to_have_text("2")
    tab.get_by_test_id("bulk-ack-btn").click()
    expect(tab.locator("#toasts")).to_contain_text("2 alerts are acknowledged.")
    assert not Alert.objects.filter(acknowledged_at__isnull=True).exists()


def test_filters_stand_in_the_address_and_a_chip_takes_one_away(tab, world):
    make_alert(world.other_vehicle)
    tab.goto("/alerts?severity=HIGH")
    expect(rows(tab)).to_have_count(1)
    tab.get_by_role("link", name="Not acknowledged").click()
    expect(tab).to_have_url(re.compile(r"severity=HIGH&state=unacknowledged"))
    tab.locator("[data-chip=Severity]").click()
    expect(rows(tab)).to_have_count(2)
    expect(tab).to_have_url(re.compile(r"\?state=unacknowledged$"))


def test_the_badge_tells_of_a_new_alert_on_any_page_and_goes_at_none(tab, world):
    acknowledge_alert(world.alert, by=world.people.manager)
    tab.goto("/profile")
    badge = tab.get_by_test_id("alert-badge")
    expect(badge).to_have_attribute("data-count", "0")
    expect(tab.locator(".alert-bell-count")).to_have_count(0)
    expect(tab.get_by_test_id("count-alerts")).to_be_hidden()
    raised = make_alert(world.vehicle)
    expect(tab.locator(".alert-bell-count")).to_have_text("1", timeout=SOON)
    expect(tab.get_by_test_id("count-alerts")).to_have_text("1")
    expect(tab.locator("#alert-told")).to_have_text("1 alert waits to be acknowledged")
    expect(tab).to_have_title(re.compile(r"^\(1\) "))
    acknowledge_alert(raised, by=world.people.manager)
    expect(tab.locator(".alert-bell-count")).to_have_count(0, timeout=SOON)
    expect(tab).not_to_have_title(re.compile(r"^\("))


def test_an_alert_shows_its_attribute_around_it_and_where_it_was(tab, world, readings):
    tab.goto(f"/alerts/{world.alert.pk}")
    expect(tab.locator(".alert-page[data-ready]")).to_be_visible(timeout=30_000)
    expect(tab.get_by_test_id("alert-chart").locator("canvas")).to_have_count(1)
    expect(tab.get_by_test_id("alert-map").locator("canvas.maplibregl-canvas")).to_be_visible()
    tab.get_by_test_id("alert-chart").locator(".chart-canvas").focus()
    tab.keyboard.press("Home")
    expect(tab.locator(".chart-tip")).to_contain_text("70.0 km/h")


def test_an_alert_without_readings_says_so(tab, world):
    tab.goto(f"/alerts/{world.alert.pk}")
    expect(tab.get_by_test_id("alert-chart")).to_contain_text("No reading around it")
    expect(tab.get_by_test_id("alert-map")).to_contain_text("No reading around it")


def test_an_alert_is_acknowledged_on_its_page_and_says_when_it_changed_meanwhile(tab, world):
    tab.goto(f"/alerts/{world.alert.pk}")
    tab.get_by_role("main").get_by_label("Notes").fill("Called the driver")
    tab.get_by_test_id("ack-btn").click()
    expect(tab.get_by_test_id("alert-head")).to_contain_text("acknowledged")
    expect(tab.get_by_test_id("alert-story")).to_contain_text("Called the driver")
    close_alert(world.alert, "Over", by=world.people.administrator)
    expect(tab.get_by_test_id("alert-story")).to_contain_text("Over", timeout=SOON)
    tab.get_by_text("It has changed").click()
    expect(tab.get_by_test_id("alert-head")).to_contain_text("closed")


@pytest.mark.parametrize(
    "path", ["/alerts", "/alerts?state=all", "/alerts/{}", "/", "/vehicles/{vehicle}?tab=alerts"]
)
def test_nothing_is_wider_than_a_phone(tab, world, readings, path):
    make_alert(world.other_vehicle, message="An engine that is much too hot " * 4)
    acknowledge_alert(make_alert(world.vehicle), "Notes " * 30, by=world.people.manager)
    tab.set_viewport_size(PHONE)
    tab.goto(path.format(world.alert.pk, vehicle=world.vehicle.vehicle_id))
    expect(tab.get_by_test_id("alert-badge")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
