"""Reports: the time that they cover, what vehicles and drivers did, who may see it, what is empty or wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.report_range import range_of
from dashboard.report_tiles import tiles_of
from dashboard.tests.answers import text_of
from telemetry.tests.factories import store
from telemetry.tests.trips import make_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
REPORTS = ("/reports", "/reports/scores", "/reports/charts", "/trips")
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def driven(world):
    """Two trips of yesterday and today, and the readings of an hour."""
    now = timezone.now()
    make_trip(
        world.vehicle, started_at=now - HALF_AN_HOUR, driver_id="D-1", safety_score=90, harsh_braking_count=2
    )
    make_trip(world.vehicle, started_at=now - 25 * 2 * HALF_AN_HOUR, driver_id="D-2", safety_score=60)
    step = timedelta(minutes=1)
    store(
        world.vehicle,
        [
            (now - n * step, {"speed_kmh": 30 + n, "battery_pct": 80, "odometer_km": 8_999 - n})
            for n in range(1, 30)
        ],
    )
    return world


def listed(answer):
    """The first cell of each row that the page lists."""
    return [str(cells[0][1]) for _row, cells in answer.context["listing"].rows]


# ---------------------------------------------------------------- the span of time


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"range": "fortnight"},
            "There is no range “fortnight”; there are: today, yesterday, 7d, 30d, custom.",
        ),
        ({"range": "custom", "from": "soon", "to": "2026-03-02T08:00"}, "“soon” is not a time such as"),
        ({"from": "2026-03-02T08:00"}, "“” is not a time such as"),
        ({"from": "2026-03-03T08:00", "to": "2026-03-02T08:00"}, "does not lie before its end"),
        ({"from": "2020-01-01T00:00", "to": "2026-03-02T08:00"}, "A report covers up to 400 days"),
        ({"from": "0001-01-01T00:00+14:00", "to": "9999-12-31T23:59-12:00"}, "is not a time such as"),
    ],
)
@pytest.mark.parametrize("path", [*REPORTS, "/vehicles/fleet-north-VH-001?tab=trips"])
def test_a_span_that_cannot_be_is_told_and_the_usual_one_shown(page, path, asked, told):
    answer = page.get(path, {"tab": "trips", **asked})
    assert answer.status_code == 200
    assert told in text_of(answer)
    assert 'role="alert"' in text_of(answer)


@pytest.mark.parametrize("bucket", ["0", "7", "abc", "-1", "99999999999", "\x00"])
def test_a_bucket_that_is_not_offered_is_the_usual_one(page, bucket):
    answer = page.get("/reports/charts", {"range": "7d", "bucket": bucket})
    assert answer.context["report"].span.bucket_minutes == 30


@pytest.mark.parametrize(
    ("hours", "minutes"), [(1, 1), (6, 1), (7, 5), (48, 5), (49, 30), (9 * 24, 30), (10 * 24, 60)]
)
def test_a_longer_span_has_wider_buckets(hours, minutes):
    start = datetime(2026, 3, 2, tzinfo=UTC)
    asked = {"from": start.isoformat(), "to": (start + timedelta(hours=hours)).isoformat()}
    assert range_of(asked).bucket_minutes == minutes


def test_days_are_those_of_the_persons_calendar():
    with timezone.override("Asia/Tokyo"):
        span = range_of({"range": "yesterday"})
        assert timezone.localtime(span.start).strftime("%H:%M") == "00:00"
        assert span.end - span.start == timedelta(days=1)


def test_a_shared_link_shows_others_the_same_times(page, driven):
    shared = page.get("/reports", {"range": "today"}).context["report"]
    again = page.get(shared.link).context["report"].span
    assert again.error == ""
    assert (again.start, again.key) == (shared.span.start, "custom")
    assert shared.span.end - again.end < timedelta(minutes=1)


# ---------------------------------------------------------------- performance


def test_vehicles_are_listed_by_what_they_drove(page, driven):
    answer = page.get("/reports", {"range": "7d"})
    assert "fleet-north-VH-001" in listed(answer)[0]
    assert answer.context["totals"]["distance_km"] == pytest.approx(30)
    assert "2 vehicles sent 31 readings" in text_of(answer)


@pytest.mark.parametrize("ordering", ["vehicle_id", "-max_speed_kmh", "avg_battery_pct", "nonsense", "\x00"])
def test_the_report_is_sorted_by_any_column(page, driven, ordering):
    assert page.get("/reports", {"ordering": ordering}).status_code == 200


def test_the_search_narrows_the_report(page, driven):
    answer = page.get("/reports", {"search": "VH-002"})
    assert ["VH-002" in one for one in listed(answer)] == [True]


def test_the_report_is_exported_as_it_is_searched(page, driven):
    lines = page.get("/reports/performance.csv", {"search": "VH-001"}).getvalue().decode().splitlines()
    assert lines[0].startswith("\ufeffvehicle_id,")
    assert [line.split(",")[0] for line in lines[1:]] == ["fleet-north-VH-001"]


def test_a_part_is_only_the_listing(page, driven):
    answer = page.get("/reports", headers={"HX-Request": "true", "HX-Target": "listing"})
    assert "<html" not in text_of(answer)
    assert 'id="listing"' in text_of(answer)


# ---------------------------------------------------------------- scores


def test_the_best_driver_stands_first(page, driven):
    answer = page.get("/reports/scores", {"range": "7d"})
    rows = answer.context["listing"].queryset
    assert [(row["place"], row["driver_id"], row["safety_score"]) for row in rows] == [
        (1, "D-1", 90),
        (2, "D-2", 60),
    ]
    assert 'data-testid="chart-score"' in text_of(answer)


def test_vehicles_have_a_league_too(page, driven):
    answer = page.get("/reports/scores", {"by": "vehicle"})
    assert [row["vehicle_id"] for row in answer.context["listing"].queryset] == ["fleet-north-VH-001"]
    lines = page.get("/reports/scores.csv", {"by": "vehicle"}).getvalue().decode().splitlines()
    assert len(lines) == 2


def test_trips_without_drivers_lead_to_the_vehicles(page, world):
    make_trip(world.vehicle, started_at=timezone.now() - HALF_AN_HOUR)
    assert "No trip of this time names its driver" in text_of(page.get("/reports/scores"))


def test_a_day_has_no_chart_of_days(page, driven):
    assert 'data-testid="chart-score"' not in text_of(page.get("/reports/scores", {"range": "today"}))


def test_tiles_tell_how_things_changed(world):
    now = timezone.now()
    make_trip(world.vehicle, started_at=now - HALF_AN_HOUR, safety_score=95)
    make_trip(world.vehicle, started_at=now - timedelta(days=9), safety_score=80)
    span = range_of({"range": "7d"})
    tiles = {tile.name: tile for tile in tiles_of(world.people.manager, None, span)}
    assert (tiles["safety_score"].trend, tiles["safety_score"].tone) == ("15.0", "good")
    assert tiles["trips"].way == "same"


# ---------------------------------------------------------------- charts


def test_charts_show_the_vehicle_that_was_heard_of_last(page, driven):
    answer = page.get("/reports/charts", {"range": "today"})
    assert answer.context["vehicle"].fleet == driven.people.north
    for name in ("speed_kmh", "battery_pct", "engine_temp_c"):
        assert f'data-testid="chart-{name}"' in text_of(answer)


def test_what_charts_and_exports_ask_of_the_api_is_there(page, driven):
    answer = page.get("/reports/charts", {"vehicle_id": "fleet-north-VH-001", "range": "today"})
    for chart in answer.context["charts"]:
        rows = page.get(chart.spec["address"])
        assert rows.status_code == 200
        assert all({"bucket", "avg_value", "min_value", "max_value"} <= row.keys() for row in rows.json())
    for _name, _told, address in answer.context["exports"]:
        assert page.get(address).status_code == 200


@pytest.mark.parametrize("asked", ["nowhere", "fleet-south-VH-001", "\x00", "a" * 3000])
def test_a_vehicle_that_one_does_not_see_is_told(page, world, asked):
    VehicleFactory(vehicle_id="fleet-south-VH-001", fleet=world.people.south)
    shown = text_of(page.get("/reports/charts", {"vehicle_id": asked}))
    assert "There is no vehicle" in shown
    assert "data-chart=" not in shown


def test_charts_are_in_the_persons_units(page, driven):
    me = driven.people.manager
    me.units = "IMPERIAL"
    me.save()
    chart = page.get("/reports/charts", {"vehicle_id": "fleet-north-VH-001"}).context["charts"][0]
    assert chart.unit == "mph"
    assert chart.spec["scale"] == pytest.approx(0.621371, rel=1e-4)


# ---------------------------------------------------------------- a vehicle's tab


def test_a_vehicle_has_a_tab_of_its_trips_and_charts(page, driven):
    answer = page.get("/vehicles/fleet-north-VH-001", {"tab": "trips", "range": "7d"})
    assert len(answer.context["rows"]) == 2
    assert len(answer.context["charts"]) == 3
    part = page.get(
        "/vehicles/fleet-north-VH-001?tab=trips", headers={"HX-Request": "true", "HX-Target": "tab-content"}
    )
    assert text_of(part).lstrip().startswith('<div id="tab-content"')


def test_a_vehicle_that_never_drove_has_the_tab_too(page, world):
    shown = text_of(page.get(f"/vehicles/{world.other_vehicle.vehicle_id}?tab=trips&range=yesterday"))
    assert "No trip began in this time" in shown


# ---------------------------------------------------------------- the overview


def test_the_overview_shows_the_trips_that_went_worst(page, driven):
    answer = page.get("/")
    assert [trip.safety_score for trip in answer.context["driving"]["worst"]] == [60, 90]
    assert "75.0" in text_of(answer)


def test_the_overview_tells_of_trips_that_could_not_be_scored(page, world):
    make_trip(world.vehicle, started_at=timezone.now(), status="FAILED", safety_score=None, reason="x")
    assert "/trips?range=7d&amp;status=FAILED" in text_of(page.get("/"))


# ---------------------------------------------------------------- who sees what


@pytest.mark.parametrize("path", REPORTS)
def test_strangers_see_nothing_of_it(client, driven, path):
    client.force_login(driven.people.stranger)
    shown = text_of(client.get(path, {"range": "7d"}))
    assert "fleet-north" not in shown
    assert "D-1" not in shown


@pytest.mark.parametrize("path", [*REPORTS, "/reports/performance.csv", "/reports/scores.csv", "/trips.csv"])
def test_a_fleet_of_others_is_refused(page, world, path):
    assert page.get(path, {"fleet_id": world.people.south.fleet_id}).status_code == 403


@pytest.mark.parametrize("path", REPORTS)
def test_an_unknown_fleet_is_no_failure(client, world, path):
    client.force_login(world.people.administrator)
    assert client.get(path, {"fleet_id": "nowhere\x00"}).status_code == 200


@pytest.mark.parametrize("path", ["/reports", "/reports/scores", "/trips"])
def test_an_empty_span_says_what_to_do(page, world, path):
    shown = text_of(page.get(path, {"from": "2001-01-01T00:00", "to": "2001-01-02T00:00"}))
    assert 'data-testid="report-nothing"' in shown
    assert "POST /api/v1/telemetry" in shown


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize("path", [*REPORTS, "/", "/vehicles/fleet-north-VH-001?tab=trips"])
def test_more_vehicles_and_trips_take_no_more_queries(page, driven, path):
    page.get(path)
    with CaptureQueriesContext(connection) as few:
        page.get(path)
    for number in range(5):
        vehicle = VehicleFactory(fleet=driven.people.north)
        make_trip(vehicle, started_at=timezone.now() - HALF_AN_HOUR, driver_id=f"X-{number}", safety_score=70)
        make_trip(driven.vehicle, started_at=timezone.now() - HALF_AN_HOUR, safety_score=75)
    with CaptureQueriesContext(connection) as many:
        page.get(path)
    assert len(many) <= len(few)
