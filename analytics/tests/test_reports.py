"""A vehicle's metrics and series, and the comparison of a fleet's vehicles."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import People
from alerts.tests.factories import AlertFactory
from telemetry.rollups import refresh_rollups
from telemetry.tests.factories import store
from telemetry.tests.trips import MONDAY, make_trip
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPAN = "from=2026-03-02T12:00:00Z&to=2026-03-02T13:00:00Z"


@pytest.fixture
def people() -> People:
    return People.make()


def vehicle(fleet, name="north 1"):
    return Vehicle.objects.create(vehicle_id=name, fleet=fleet)


def after(minutes):
    return NOON + timedelta(minutes=minutes)


def get(people, path, role="operator", code=200):
    answer = people.client(role).get(f"/api/v1/analytics/{path}")
    assert answer.status_code == code, answer.content
    return answer.json()


def test_metrics_sum_up_what_is_from_the_one_time_on_and_before_the_other(people):
    one = vehicle(people.north)
    store(one, [(after(-0.01), {"speed_kmh": 200}), (after(60), {"speed_kmh": 200})])
    first = {"speed_kmh": 50.1, "battery_pct": 80, "engine_temp_c": 90, "odometer_km": 1_000.25}
    second = {"speed_kmh": 70, "battery_pct": 79.5, "odometer_km": 1_010.75}
    store(one, [(after(0), first), (after(59), second), (after(30), {"status": "MOVING"})])
    assert get(people, f"vehicle/north 1/metrics?{SPAN}") == {
        "vehicle_id": "north 1",
        "total_readings": 3,
        "avg_speed_kmh": 60.05,
        "max_speed_kmh": 70.0,
        "avg_battery_pct": 79.75,
        "min_battery_pct": 79.5,
        "avg_engine_temp_c": 90.0,
        "max_engine_temp_c": 90.0,
        "total_distance_km": 10.5,
        "alert_count": 0,
    }


def test_metrics_of_a_silent_vehicle_know_nothing_and_count_nothing(people):
    vehicle(people.north)
    told = get(people, "vehicle/north 1/metrics")
    assert (told["total_readings"], told["total_distance_km"], told["alert_count"]) == (0, 0, 0)
    assert told["avg_speed_kmh"] is told["max_speed_kmh"] is told["min_battery_pct"] is None


def test_without_two_odometers_the_way_is_measured_along_the_positions(people):
    one = vehicle(people.north)
    # A degree of a meridian is 111.195 km long.
    places = [(0, 4.0), (10, 4.5), (20, None), (40, 5.0)]
    store(one, [(after(at), {"latitude": place, "longitude": -74.0}) for at, place in places])
    store(one, [(after(5), {"odometer_km": 900.0})])
    assert get(people, f"vehicle/north 1/metrics?{SPAN}")["total_distance_km"] == 111.195
    refresh_rollups()
    assert get(people, f"vehicle/north 1/metrics?{SPAN}")["total_distance_km"] == 111.195


def test_an_odometer_that_ran_back_is_not_believed(people):
    one = vehicle(people.north)
    store(one, [(after(0), {"odometer_km": 900.0}), (after(1), {"odometer_km": 3.0})])
    assert get(people, f"vehicle/north 1/metrics?{SPAN}")["total_distance_km"] == 0


def test_a_series_has_the_buckets_with_speeds_in_order(people):
    one = vehicle(people.north)
    store(one, [(after(at), {"speed_kmh": speed}) for at, speed in ((4, 10), (4.5, 20.5), (5, 40), (31, 50))])
    store(one, [(after(20), {"battery_pct": 50})])
    for _round in range(2):
        assert get(people, f"vehicle/north 1/speed-series?{SPAN}") == [
            bucket("2026-03-02T12:00:00Z", 15.25, 20.5, 10.0),
            bucket("2026-03-02T12:05:00Z", 40.0, 40.0, 40.0),
            bucket("2026-03-02T12:30:00Z", 50.0, 50.0, 50.0),
        ]
        refresh_rollups()


def bucket(at, mean, most, least):
    return {"bucket": at, "avg_value": mean, "max_value": most, "min_value": least}


@pytest.mark.parametrize("minutes", [1, 5, 7, 10, 59, 60])
def test_buckets_of_any_minutes_begin_at_their_multiples_since_1970(people, minutes):
    one = vehicle(people.north)
    speeds = [(after(0.4 * number), number % 90) for number in range(150)]
    store(one, [(at, {"speed_kmh": speed}) for at, speed in speeds])
    refresh_rollups()
    buckets: dict[datetime, list[float]] = {}
    for at, speed in speeds:
        if after(2.2) <= at < after(58.1):
            start = datetime.fromtimestamp(at.timestamp() // (60 * minutes) * 60 * minutes, UTC)
            buckets.setdefault(start, []).append(speed)
    span = "from=2026-03-02T12:02:12Z&to=2026-03-02T12:58:06Z"
    assert get(people, f"vehicle/north 1/speed-series?{span}&bucket_minutes={minutes}") == [
        bucket(
            start.isoformat().replace("+00:00", "Z"),
            round(sum(some) / len(some), 2),
            float(max(some)),
            float(min(some)),
        )
        for start, some in buckets.items()
    ]


def test_a_series_may_be_of_the_battery_or_the_temperature(people):
    one = vehicle(people.north)
    store(one, [(after(0), {"battery_pct": 50, "engine_temp_c": 90}), (after(1), {"battery_pct": 40})])
    told = get(people, f"vehicle/north 1/series?metric=battery_pct&{SPAN}")
    assert told == [bucket("2026-03-02T12:00:00Z", 45.0, 50.0, 40.0)]
    assert get(people, f"vehicle/north 1/series?metric=engine_temp_c&{SPAN}")[0]["avg_value"] == 90
    assert get(people, f"vehicle/north 1/series?{SPAN}") == []
    refused = get(people, "vehicle/north 1/series?metric=vin", code=422)
    assert "speed_kmh, battery_pct, engine_temp_c" in refused["errors"]["metric"][0]


def test_a_fleet_is_told_with_most_distance_first_and_the_silent_last(people):
    for name, driven in (("a", 5), ("b", 20), ("c", None)):
        one = vehicle(people.north, name)
        if driven:
            store(one, [(after(0), {"odometer_km": 7, "speed_kmh": driven, "battery_pct": 50})])
            store(one, [(after(9), {"odometer_km": 7 + driven, "speed_kmh": driven})])
    store(vehicle(people.south, "elsewhere"), [(after(0), {"speed_kmh": 99})])
    assert get(people, f"fleet/fleet-north/performance?{SPAN}") == {
        "fleet_id": "fleet-north",
        "from": "2026-03-02T12:00:00Z",
        "to": "2026-03-02T13:00:00Z",
        "vehicles": [
            {"vehicle_id": "b", "avg_speed": 20.0, "avg_battery": 50.0, "distance_km": 20.0, "alerts": 0},
            {"vehicle_id": "a", "avg_speed": 5.0, "avg_battery": 50.0, "distance_km": 5.0, "alerts": 0},
            {"vehicle_id": "c", "avg_speed": None, "avg_battery": None, "distance_km": 0, "alerts": 0},
        ],
    }


def test_alerts_count_where_they_began_in_the_span(people):
    one, other = vehicle(people.north, "a"), vehicle(people.north, "b")
    for minutes in (-0.01, 0, 59.99, 60):
        AlertFactory(vehicle=one, triggered_at=after(minutes), last_at=after(90))
    AlertFactory(vehicle=other, triggered_at=after(5), closed=True)
    AlertFactory(vehicle=vehicle(people.south, "elsewhere"), triggered_at=after(5))
    assert get(people, f"vehicle/a/metrics?{SPAN}")["alert_count"] == 2
    told = get(people, f"fleet/fleet-north/performance?{SPAN}")["vehicles"]
    assert {row["vehicle_id"]: row["alerts"] for row in told} == {"a": 2, "b": 1}


def test_a_fleets_performance_can_be_taken_away_as_csv(people):
    store(vehicle(people.north, "=cmd"), [(after(0), {"speed_kmh": 12.5})])
    answer = people.client("operator").get(
        f"/api/v1/analytics/fleet/fleet-north/performance?{SPAN}&format=csv"
    )
    assert answer["Content-Type"].startswith("text/csv")
    assert "fleet-north-performance.csv" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows == [
        {"vehicle_id": "'=cmd", "avg_speed": "12.5", "avg_battery": "", "distance_km": "0.0", "alerts": "0"}
    ]


def test_the_last_24_hours_are_told_unless_a_span_is_given(people):
    one, now = vehicle(people.north), timezone.now()
    for hours in (23.9, 24.1, 47.9):
        store(one, [(now - timedelta(hours=hours), {})])
    assert get(people, "vehicle/north 1/metrics")["total_readings"] == 1
    until = (now - timedelta(hours=24)).isoformat().replace("+00:00", "Z")
    assert get(people, f"vehicle/north 1/metrics?to={until}")["total_readings"] == 2
    assert get(people, f"vehicle/north 1/metrics?from={until}&to=")["total_readings"] == 1


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("from=2026-03-02T12:00:00Z&to=2026-03-02T12:00:00Z", "from"),
        ("from=2026-03-02T13:00:00Z&to=2026-03-02T12:00:00Z", "from"),
        ("from=2026-03-02T12:00:00&to=2026-03-02T13:00:00Z", "from"),
        ("from=2025-01-01T00:00:00Z&to=2026-03-02T13:00:00Z", "from"),
        ("to=yesterday", "to"),
        ("to=0001-01-01T00:00:00Z", "to"),
        ("to=%00", "to"),
        ("form=2026-03-02T12:00:00Z", "form"),
    ],
)
def test_a_span_that_is_none_is_refused_by_its_name(people, asked, name):
    vehicle(people.north)
    assert list(get(people, f"vehicle/north 1/metrics?{asked}", code=422)["errors"]) == [name]


def test_an_offset_is_understood_also_where_its_plus_was_not_encoded(people):
    store(vehicle(people.north), [(after(0), {})])
    span = "from=2026-03-02T14:00:00+02:00&to=2026-03-02T14:30:00%2B02:00"
    assert get(people, f"vehicle/north 1/metrics?{span}")["total_readings"] == 1


@pytest.mark.parametrize("minutes", ["0", "61", "-5", "5.0", "five", "99999999999999999999"])
def test_minutes_out_of_range_are_refused(people, minutes):
    vehicle(people.north)
    told = get(people, f"vehicle/north 1/speed-series?bucket_minutes={minutes}", code=422)
    assert "from 1 to 60" in told["errors"]["bucket_minutes"][0]


def test_reports_of_what_one_does_not_see_are_not_found_or_forbidden(people):
    vehicle(people.south, "elsewhere")
    for name in ("elsewhere", "nowhere", "%00"):
        for report in ("metrics", "speed-series", "series"):
            assert get(people, f"vehicle/{name}/{report}", code=404)["error"] == "NOT_FOUND"
    get(people, "fleet/fleet-south/performance", code=403)
    get(people, "drivers?fleet_id=fleet-south", code=403)
    get(people, "fleet/nowhere/performance", role="administrator", code=404)


def test_an_answer_has_a_tag_that_changes_with_it(people):
    one = vehicle(people.north)
    client, path = people.client("operator"), f"/api/v1/analytics/vehicle/north 1/metrics?{SPAN}"
    before = client.get(path)["ETag"]
    assert client.get(path)["ETag"] == before
    store(one, [(after(0), {})])
    assert client.get(path)["ETag"] != before


def test_scores_are_told_by_driver_by_vehicle_and_by_week(people):
    one = vehicle(people.north)
    make_trip(one, driver_id="Ana", safety_score=80)
    make_trip(one, driver_id="Bo", safety_score=90, started_at=MONDAY + timedelta(hours=2))
    span = "from=2026-03-02T00:00:00Z&to=2026-03-09T00:00:00Z"
    drivers = get(people, f"drivers?fleet_id=fleet-north&{span}")
    assert drivers["fleet_id"] == "fleet-north"
    assert [(one["driver_id"], one["safety_score"]) for one in drivers["drivers"]] == [
        ("Bo", 90),
        ("Ana", 80),
    ]
    vehicles = get(people, f"vehicles/scores?{span}")["vehicles"]
    assert [(one["vehicle_id"], one["safety_score"], one["trips"]) for one in vehicles] == [
        ("north 1", 85, 2)
    ]
    weeks = get(people, f"scores?driver_id=Ana&bucket=week&{span}")
    assert [(one["bucket"], one["safety_score"]) for one in weeks] == [("2026-03-02T00:00:00Z", 80)]
