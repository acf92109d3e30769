"""Reports and trips in a browser: charts are drawn, the map shows the way, one cursor is in both."""

import gzip
import json
import math
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from telemetry.models import ParkedEntry
from telemetry.tests.factories import store
from telemetry.tests.trips import make_trip

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SECOND = timedelta(seconds=1)
EVENTS = ((40, "HARSH_BRAKING", -0.62), (90, "RAPID_ACCEL", 0.55))
# A browser whose computer cannot draw maps.
NO_WEBGL = """
const given = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...others) {
  return kind.startsWith("webgl") ? null : given.call(this, kind, ...others);
};
"""


def samples_from(start):
    """Two minutes along a bow through Bogotá."""
    harsh = {index: g for index, _kind, g in EVENTS}
    return [
        {
            "timestamp": (start + n * SECOND).isoformat(),
            "latitude": 4.65 + n * 1e-4,
            "longitude": -74.08 + 0.004 * math.sin(n / 40),
            "speed_kmh": 40 + 10 * math.sin(n / 9),
            "g_force_long": harsh.get(n, 0.02),
        }
        for n in range(120)
    ]


@pytest.fixture
def start():
    """A while ago, and today."""
    now = timezone.now().replace(microsecond=0)
    return max(now - timedelta(minutes=20), now.replace(hour=0, minute=0, second=0))


@pytest.fixture
def trip(server, world, start):
    body = {"vehicle_id": world.vehicle.vehicle_id, "data": samples_from(start)}
    events = [
        {"kind": kind, "index": index, "at": (start + index * SECOND).isoformat(), "g": g, "samples": 1,
         "latitude": 4.65 + index * 1e-4, "longitude": -74.08 + 0.004 * math.sin(index / 40)}
        for index, kind, g in EVENTS
    ]  # fmt: skip
    return make_trip(
        world.vehicle,
        driver_id="D-1",
        started_at=start,
        ended_at=start + 119 * SECOND,
        duration_s=119,
        samples=120,
        safety_score=90,
        harsh_braking_count=1,
        rapid_accel_count=1,
        harsh_braking_episodes=1,
        rapid_accel_episodes=1,
        events=events,
        body=gzip.compress(json.dumps(body).encode()),
    )


@pytest.fixture
def readings(server, world, start):
    values = [
        {"speed_kmh": 30 + n % 20, "battery_pct": 90 - n / 3, "engine_temp_c": 80, "odometer_km": 8_000 + n}
        for n in range(20)
    ]
    store(world.vehicle, [(start + n * 60 * SECOND, one) for n, one in enumerate(values)])


@pytest.fixture
def tab(logged_in, world):
    return logged_in(world.people.administrator)


def is_painted(canvas):
    """Some of the canvas is not empty."""
    pixels = "one.getContext('2d').getImageData(0, 0, one.width, one.height).data"
    return canvas.evaluate(f"one => {pixels}.some(Boolean)")


def charts(place):
    return place.locator("[data-chart] canvas")


# ---------------------------------------------------------------- reports


def test_charts_of_a_vehicle_are_drawn_and_tell_values_by_keyboard(tab, world, readings, poll):
    tab.goto(f"/reports/charts?vehicle_id={world.vehicle.vehicle_id}&range=today")
    expect(charts(tab)).to_have_count(3)
    assert all(poll(lambda chart=chart: is_painted(chart)) for chart in charts(tab).all())
    speed = tab.get_by_test_id("chart-speed_kmh").locator(".chart-canvas")
    speed.focus()
    tab.keyboard.press("End")
    expect(speed.locator(".chart-tip")).to_contain_text("km/h")
    tab.keyboard.press("Escape")
    expect(speed.locator(".chart-tip")).to_be_hidden()


def test_another_time_redraws_the_charts_and_stands_in_the_address(tab, world, readings):
    tab.goto(f"/reports/charts?vehicle_id={world.vehicle.vehicle_id}&range=today")
    expect(charts(tab)).to_have_count(3)
    tab.get_by_role("radio", name="30 days").check()
    expect(tab).to_have_url(re.compile(r"range=30d"))
    expect(tab.get_by_test_id("report-span")).to_contain_text("60 min a point")
    expect(charts(tab)).to_have_count(3)
    tab.get_by_role("radio", name="Yesterday").check()
    expect(tab.get_by_text("No speed was reported in this time.")).to_be_visible()
    tab.go_back()
    expect(tab).to_have_url(re.compile(r"range=30d"))


def test_tabs_keep_the_time_and_columns_sort(tab, trip, readings):
    tab.goto("/reports?range=30d")
    expect(tab.get_by_test_id("performance-row")).to_have_count(2)
    tab.get_by_role("link", name="Vehicle", exact=True).click()
    expect(tab).to_have_url(re.compile(r"ordering=vehicle_id"))
    tab.get_by_role("link", name="Scores", exact=True).click()
    expect(tab).to_have_url(re.compile(r"/reports/scores\?range=30d"))
    expect(tab.get_by_test_id("score-row")).to_contain_text("D-1")
    expect(charts(tab)).to_have_count(1)
    tab.get_by_role("radio", name="By vehicle").check()
    expect(tab.get_by_test_id("score-row")).to_contain_text("VH-001")


def test_a_span_of_ones_own_is_chosen(tab, trip, start):
    # A newer question takes the place of the one before; htmx tells so in the console.
    tab.expected_errors = ["htmx:afterRequest", "htmx:sendAbort"]
    tab.goto("/trips?range=yesterday")
    expect(tab.get_by_test_id("report-nothing")).to_be_visible()
    tab.get_by_role("radio", name="From … to …").check()
    inside = timezone.localtime(start)
    tab.get_by_label("To", exact=True).fill((inside + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    tab.get_by_label("From", exact=True).fill((inside - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    tab.keyboard.press("Enter")
    expect(tab.get_by_test_id("trip-row")).to_have_count(1)
    expect(tab).to_have_url(re.compile(r"range=custom"))


def test_the_tab_of_a_vehicle_draws_its_charts(tab, world, trip, readings):
    tab.goto(f"/vehicles/{world.vehicle.vehicle_id}")
    tab.get_by_role("link", name="Trips and charts").click()
    expect(charts(tab)).to_have_count(4)
    expect(tab.get_by_test_id("trip-row")).to_have_count(1)
    tab.get_by_role("link", name="Today", exact=True).click()
    expect(tab).to_have_url(re.compile(r"tab=trips&range=today"))
    expect(charts(tab)).to_have_count(3)
    with tab.expect_download() as download:
        tab.get_by_test_id("export-csv").click()
    assert download.value.suggested_filename.endswith(".csv")


@pytest.mark.parametrize(
    "path", ["/reports", "/reports/scores", "/reports/charts", "/trips", "/vehicles/{}?tab=trips"]
)
def test_nothing_is_wider_than_a_phone(tab, world, trip, readings, path):
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(path.format(world.vehicle.vehicle_id))
    expect(tab.get_by_test_id("report-span")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


# ---------------------------------------------------------------- a trip


def is_ready(tab):
    """Where no graphics card helps, a map takes its time."""
    expect(tab.locator("[data-trip][data-ready]")).to_be_visible(timeout=30_000)


def test_a_trip_is_on_the_map_with_its_harsh_events(tab, trip):
    tab.goto(f"/trips/{trip.pk}")
    is_ready(tab)
    expect(tab.get_by_test_id("trip-map").locator("canvas.maplibregl-canvas")).to_be_visible()
    expect(tab.get_by_test_id("trip-charts").locator("canvas")).to_have_count(2)
    expect(tab.get_by_test_id("trip-score")).to_have_text("90")
    tab.get_by_test_id("trip-event").first.click()
    popup = tab.locator(".maplibregl-popup")
    expect(popup).to_contain_text("Harsh braking")
    expect(popup).to_contain_text("0.62 g")


def test_the_charts_cursor_is_on_the_map(tab, trip):
    tab.goto(f"/trips/{trip.pk}")
    is_ready(tab)
    tab.get_by_test_id("trip-charts").locator(".chart-canvas").first.focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[data-trip]")).to_have_attribute("data-cursor", "1")


def test_a_browser_without_webgl_draws_the_way_all_the_same(tab, trip):
    tab.add_init_script(NO_WEBGL)
    tab.goto(f"/trips/{trip.pk}")
    is_ready(tab)
    expect(tab.get_by_test_id("trip-map")).to_contain_text("no WebGL")
    expect(tab.get_by_test_id("trip-map").locator("svg.drawing polyline").first).to_be_visible()


def test_a_trip_without_positions_says_so(tab, world, trip):
    trip.body = gzip.compress(
        json.dumps(
            {"vehicle_id": world.vehicle.vehicle_id, "data": [{"speed_kmh": 40}, {"speed_kmh": 42}]}
        ).encode()
    )
    trip.events, trip.samples = [], 2
    trip.save()
    tab.goto(f"/trips/{trip.pk}")
    expect(tab.get_by_test_id("trip-map")).to_contain_text("came without positions")


def test_a_trip_shows_its_score_as_soon_as_it_is_there(tab, trip):
    trip.status = "PENDING"
    trip.save()
    tab.goto(f"/trips/{trip.pk}")
    expect(tab.get_by_test_id("trip-state")).to_contain_text("waits for its score")
    trip.status = "COMPLETED"
    trip.save()
    tab.get_by_role("link", name="Show it").click()
    expect(tab.get_by_test_id("trip-score")).to_have_text("90")


# ---------------------------------------------------------------- parked entries


def test_forgetting_parked_entries_asks_first(tab, world):
    entry = ParkedEntry.objects.create(
        channel="fleet.telemetry.raw",
        entry="1-0",
        data=b"{",
        reason="It is cut off.",
        received_at=timezone.now(),
    )
    tab.goto("/parked")
    tab.locator("[data-tick]").check()
    tab.get_by_role("button", name="Forget").click()
    expect(tab.get_by_role("dialog")).to_contain_text("gone for good")
    tab.keyboard.press("Escape")
    assert ParkedEntry.objects.filter(pk=entry.pk).exists()
    tab.get_by_role("button", name="Forget").click()
    tab.get_by_test_id("confirm-dialog-btn").click()
    expect(tab.get_by_text("Nothing is parked")).to_be_visible()
    assert not ParkedEntry.objects.exists()
