from datetime import UTC, datetime, timedelta

import pytest

from accounts.tests.factories import FleetFactory
from accounts.tests.people import People
from telemetry.models import Trip
from telemetry.scores import score_of_all, score_series, scores_by_driver, scores_by_vehicle
from telemetry.tests.trips import MONDAY, make_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
MARCH = {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, tzinfo=UTC)}


@pytest.fixture
def people():
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id="N-1", fleet=people.north)


def test_a_driver_s_score_weighs_each_trip_by_its_way(people, vehicle):
    make_trip(vehicle, driver_id="ana", safety_score=90, distance_km=30, harsh_braking_count=2)
    make_trip(
        vehicle, driver_id="ana", safety_score=50, distance_km=10, harsh_braking_count=3, rapid_accel_count=7
    )

    assert scores_by_driver(people.manager, fleet=people.north, **MARCH) == [
        {
            "driver_id": "ana",
            "trips": 2,
            "scored_trips": 2,
            "safety_score": 80,
            "harsh_braking_count": 5,
            "rapid_accel_count": 7,
            "harsh_per_100_km": 30,
            "distance_km": 40,
            "duration_s": 3_600,
        }
    ]


def test_samples_weigh_where_a_trip_has_no_distance(people, vehicle):
    make_trip(vehicle, driver_id="ana", safety_score=90, distance_km=30, samples=100)
    make_trip(vehicle, driver_id="ana", safety_score=50, distance_km=None, samples=300)

    [row] = scores_by_driver(people.manager, fleet=None, **MARCH)

    assert row["safety_score"] == 60
    assert row["harsh_per_100_km"] is None
    assert row["distance_km"] == 30


def test_trips_that_did_not_move_count_by_their_samples(people, vehicle):
    make_trip(vehicle, driver_id="ana", safety_score=90, distance_km=0, samples=100)

    assert scores_by_driver(people.manager, fleet=None, **MARCH)[0]["safety_score"] == 90


def test_a_trip_without_a_score_counts_as_a_trip_alone(people, vehicle):
    make_trip(vehicle, driver_id="ana", safety_score=70, distance_km=10)
    make_trip(vehicle, driver_id="ana", safety_score=None, distance_km=90)
    make_trip(vehicle, driver_id="bea", safety_score=None, distance_km=None, duration_s=None)

    ana, bea = scores_by_driver(people.manager, fleet=None, **MARCH)

    assert (ana["trips"], ana["scored_trips"], ana["safety_score"], ana["distance_km"]) == (2, 1, 70, 100)
    assert (bea["safety_score"], bea["distance_km"], bea["duration_s"]) == (None, None, None)


def test_only_completed_trips_of_the_time_count_and_those_without_times_when_they_came(people, vehicle):
    make_trip(vehicle, driver_id="ana", started_at=MARCH["end"])
    make_trip(vehicle, driver_id="ana", status=Trip.Status.PROCESSING, safety_score=None)
    timeless = make_trip(vehicle, driver_id="bea", started_at=None)
    Trip.objects.filter(pk=timeless.pk).update(created_at=MARCH["start"])
    make_trip(vehicle)

    assert [row["driver_id"] for row in scores_by_driver(people.manager, fleet=None, **MARCH)] == ["bea"]


def test_vehicles_come_best_first_and_those_without_a_score_last(people, vehicle):
    for vehicle_id, score in (("N-2", 95), ("N-3", None), ("N-4", 95)):
        make_trip(VehicleFactory(vehicle_id=vehicle_id, fleet=people.north), safety_score=score)
    make_trip(vehicle, safety_score=60)

    rows = scores_by_vehicle(people.manager, fleet=people.north, **MARCH)

    assert [row["vehicle_id"] for row in rows] == ["N-2", "N-4", "N-1", "N-3"]


def test_nobody_sees_another_fleet_s_trips(people, vehicle):
    make_trip(vehicle, driver_id="ana")

    for fleet in (None, people.north, people.south):
        assert scores_by_driver(people.stranger, fleet=fleet, **MARCH) == []
        assert scores_by_vehicle(people.stranger, fleet=fleet, **MARCH) == []
        assert score_series(people.stranger, fleet=fleet, **MARCH) == []


def test_a_series_has_days_and_weeks_of_the_fleet_s_time_zone(people):
    fleet = FleetFactory(time_zone="America/Bogota")
    vehicle = VehicleFactory(vehicle_id="B-1", fleet=fleet)
    sunday = MONDAY.replace(hour=2)
    make_trip(vehicle, driver_id="ana", started_at=sunday, safety_score=40)
    make_trip(vehicle, driver_id="ana", started_at=MONDAY, safety_score=80)
    make_trip(vehicle, driver_id="bea", started_at=MONDAY + timedelta(days=1), safety_score=100)

    def told(**more):
        rows = score_series(people.administrator, fleet=fleet, **MARCH, **more)
        return [(row["bucket"].isoformat(), row["trips"], row["safety_score"]) for row in rows]

    assert told() == [
        ("2026-03-01T00:00:00-05:00", 1, 40),
        ("2026-03-02T00:00:00-05:00", 1, 80),
        ("2026-03-03T00:00:00-05:00", 1, 100),
    ]
    assert told(bucket="week") == [
        ("2026-02-23T00:00:00-05:00", 1, 40),
        ("2026-03-02T00:00:00-05:00", 2, 90),
    ]
    assert told(bucket="week", driver_id="bea") == [("2026-03-02T00:00:00-05:00", 1, 100)]
    assert told(vehicle_id="another") == []


def test_all_trips_together_are_told_as_one_and_none_as_nothing(people, vehicle):
    assert score_of_all(people.manager, fleet=None, **MARCH) == {
        "trips": 0,
        "scored_trips": 0,
        "safety_score": None,
        "harsh_braking_count": 0,
        "rapid_accel_count": 0,
        "harsh_per_100_km": None,
        "distance_km": None,
        "duration_s": None,
    }
    make_trip(vehicle, driver_id="ana", safety_score=90, distance_km=30, harsh_braking_count=2)
    make_trip(vehicle, driver_id="ben", safety_score=50, distance_km=10)
    told = score_of_all(people.manager, fleet=people.north, **MARCH)
    assert (told["trips"], told["safety_score"], told["harsh_per_100_km"]) == (2, 80, 5)
    assert score_of_all(people.stranger, fleet=None, **MARCH)["trips"] == 0
