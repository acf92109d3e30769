import gzip
import json
from datetime import timedelta
from itertools import pairwise

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from telemetry.finding import find_due
from telemetry.models import Trip
from telemetry.scans import note_changed
from telemetry.tests.factories import store
from telemetry.tests.trips import MONDAY, make_trip
from telemetry.tracks import MOST_POINTS, thinned
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
BRAKING = {
    "kind": "HARSH_BRAKING",
    "index": 2,
    "at": "2026-03-02T08:00:02Z",
    "g": -0.7,
    "samples": 3,
    "latitude": 4.62,
    "longitude": -74.08,
}


@pytest.fixture
def people():
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)


@pytest.fixture
def get(people):
    def send(path, by="operator", **parameters):
        return people.client(by).get(f"/api/v1/{path}", parameters)

    return send


def body_of(*data):
    return gzip.compress(json.dumps({"vehicle_id": DEVICE_VEHICLE_ID, "data": list(data)}).encode())


# ---------------------------------------------------------------- one trip


def test_a_trip_tells_all_that_is_known_of_it(get, vehicle):
    trip = make_trip(
        vehicle,
        driver_id="D-1",
        safety_score=85,
        harsh_braking_count=3,
        harsh_braking_episodes=1,
        events=[BRAKING],
    )

    answer = get(f"trip/{trip.pk}")

    assert answer.json() == {
        "trip_id": str(trip.pk),
        "status": "COMPLETED",
        "vehicle_id": DEVICE_VEHICLE_ID,
        "driver_id": "D-1",
        "origin": "POSTED",
        "reason": None,
        "started_at": "2026-03-02T08:00:00Z",
        "ended_at": "2026-03-02T08:30:00Z",
        "duration_s": 1_800,
        "distance_km": 20,
        "max_speed_kmh": 80,
        "samples": 1_800,
        "safety_score": 85,
        "harsh_braking_count": 3,
        "rapid_accel_count": 0,
        "harsh_braking_episodes": 1,
        "rapid_accel_episodes": 0,
        "created_at": answer.json()["created_at"],
        "scored_at": "2026-03-02T09:00:00Z",
        "events": [BRAKING],
        "thresholds": {"harsh_braking_g": -0.4, "rapid_accel_g": 0.4, "penalty": 5},
    }


def test_a_trip_that_waits_tells_nulls(get, vehicle):
    trip = Trip.objects.create(vehicle=vehicle)

    told = get(f"trip/{trip.pk}").json()

    assert told["status"] == "PENDING"
    assert {told[name] for name in ("driver_id", "started_at", "distance_km", "safety_score")} == {None}
    assert (told["events"], told["thresholds"]) == ([], {})


def test_a_tag_holds_as_long_as_the_answer(get, vehicle):
    trip = make_trip(vehicle, body=body_of({"speed_kmh": 1}))

    for path in (f"trip/{trip.pk}", f"trip/{trip.pk}/score", f"trips/{trip.pk}/track"):
        first = get(path)["ETag"]
        assert get(path)["ETag"] == first
        Trip.objects.update(safety_score=50, harsh_braking_count=9, events=[BRAKING])
        assert get(path)["ETag"] != first
        Trip.objects.update(safety_score=100, harsh_braking_count=0, events=[])


@pytest.mark.parametrize("path", ["trip/{}", "trip/{}/score", "trips/{}/track"])
def test_a_trip_of_another_fleet_or_of_none_is_not_found(get, people, path):
    foreign = make_trip(VehicleFactory(vehicle_id="S-1", fleet=people.south))

    for name in (foreign.pk, "00000000-0000-4000-8000-000000000000", "x", "1"):
        answer = get(path.format(name))
        assert (answer.status_code, answer.json()["detail"]) == (404, f"Trip {name} not found")


# ---------------------------------------------------------------- scores


def test_a_score_is_told_with_what_it_was_made_with(get, vehicle):
    trip = make_trip(vehicle, safety_score=85, harsh_braking_count=3, harsh_braking_episodes=1)

    assert get(f"trip/{trip.pk}/score").json() == {
        "trip_id": str(trip.pk),
        "safety_score": 85,
        "harsh_braking_count": 3,
        "rapid_accel_count": 0,
        "created_at": "2026-03-02T09:00:00Z",
        "harsh_braking_episodes": 1,
        "rapid_accel_episodes": 0,
        "thresholds": {"harsh_braking_g": -0.4, "rapid_accel_g": 0.4, "penalty": 5},
        "penalty": 5,
    }


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"status": "PENDING"}, "has no score yet, it is PENDING; ask again."),
        ({"status": "PROCESSING"}, "has no score yet, it is PROCESSING; ask again."),
        ({"status": "PROCESSING", "origin": "FOUND"}, "is under way; its score comes when it has ended."),
        (
            {"status": "FAILED", "reason": "The trip's body is gone."},
            "could not be scored: The trip's body is",
        ),
        ({"status": "COMPLETED"}, "has no score: none of its samples tells g_force_long."),
    ],
)
def test_a_trip_without_a_score_says_why(get, vehicle, values, told):
    trip = make_trip(vehicle, **{"safety_score": None, **values})

    answer = get(f"trip/{trip.pk}/score")

    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")
    assert f"Trip {trip.pk} {told}" in answer.json()["detail"]


# ---------------------------------------------------------------- the list


@pytest.fixture
def several(vehicle, people):
    other = VehicleFactory(vehicle_id="fleet-north-VH-002", fleet=people.north)
    south = VehicleFactory(vehicle_id="S-1", fleet=people.south)
    return {
        "ana": make_trip(vehicle, driver_id="ana", safety_score=70, events=[BRAKING]),
        "bea": make_trip(other, driver_id="bea", started_at=MONDAY + timedelta(days=1), safety_score=90),
        "found": make_trip(other, origin="FOUND", started_at=MONDAY + timedelta(days=2), safety_score=None),
        "failed": make_trip(vehicle, status="FAILED", reason="x", started_at=None, safety_score=None),
        "south": make_trip(south),
    }


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, "failed found bea ana"),
        ({"vehicle_id": DEVICE_VEHICLE_ID}, "failed ana"),
        ({"fleet_id": "fleet-north"}, "failed found bea ana"),
        ({"driver_id": "bea"}, "bea"),
        ({"status": "FAILED"}, "failed"),
        ({"origin": "FOUND"}, "found"),
        ({"started_at_min": "2026-03-03T08:00:00Z"}, "found bea"),
        ({"started_at_max": "2026-03-03T08:00:00Z"}, "bea ana"),
        ({"ordering": "started_at", "origin": "POSTED", "status": "COMPLETED"}, "ana bea"),
        ({"ordering": "-safety_score", "status": "COMPLETED", "origin": "POSTED"}, "bea ana"),
    ],
)
def test_a_list_is_narrowed_and_ordered(get, several, parameters, names):
    told = get("trips", **parameters).json()

    by_pk = {str(trip.pk): name for name, trip in several.items()}
    assert [by_pk[row["trip_id"]] for row in told["data"]] == names.split()
    assert told["total"] == len(names.split())


def test_a_list_leaves_out_what_is_long(get, several):
    assert not {"events", "thresholds", "points"} & get("trips").json()["data"][0].keys()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"fleet_id": "fleet-south"}, 403),
        ({"driver": "ana"}, 422),
        ({"status": "DONE"}, 422),
        ({"started_at_min": "yesterday"}, 422),
        ({"ordering": "body"}, 422),
    ],
)
def test_a_list_refuses_what_it_does_not_know(get, several, parameters, code):
    assert get("trips", **parameters).status_code == code


def test_a_device_sees_the_trips_of_its_vehicle_alone(get, several):
    assert {row["vehicle_id"] for row in get("trips", by="device_key").json()["data"]} == {DEVICE_VEHICLE_ID}


# ---------------------------------------------------------------- the way


def test_a_posted_trip_s_way_is_what_was_posted_in_the_order_of_time(get, vehicle):
    later = {"timestamp": "2026-03-02T03:00:01-05:00", "speed_kmh": 41, "g_force_long": -0.5}
    first = {"timestamp": "2026-03-02T08:00:00Z", "latitude": 4.6, "longitude": -74.08}
    trip = make_trip(vehicle, body=body_of(later, first), events=[BRAKING])

    assert get(f"trips/{trip.pk}/track").json() == {
        "trip_id": str(trip.pk),
        "points": [
            {
                "at": "2026-03-02T08:00:00Z",
                "latitude": 4.6,
                "longitude": -74.08,
                "speed_kmh": None,
                "g_force_long": None,
            },
            {
                "at": "2026-03-02T08:00:01Z",
                "latitude": None,
                "longitude": None,
                "speed_kmh": 41,
                "g_force_long": -0.5,
            },
        ],
        "events": [BRAKING],
    }


def test_a_found_trip_s_way_is_its_readings(get, vehicle):
    start = timezone.now().replace(microsecond=0) - timedelta(hours=3)
    told = [
        (
            start + timedelta(seconds=10 * place),
            {"latitude": 4.6 + place / 1_000, "longitude": -74.08, "speed_kmh": 40, "g_force_long": 0.25},
        )
        for place in range(60)
    ]
    store(vehicle, told)
    note_changed([(vehicle.pk, start)])
    find_due()
    trip = Trip.objects.get()

    points = get(f"trips/{trip.pk}/track").json()["points"]

    assert len(points) == trip.samples == 60
    assert points[1] == {
        "at": (start + timedelta(seconds=10)).isoformat().replace("+00:00", "Z"),
        "latitude": 4.601,
        "longitude": -74.08,
        "speed_kmh": 40,
        "g_force_long": 0.25,
    }


def test_a_body_that_cannot_be_read_any_more_is_told(get, vehicle):
    answer = get(f"trips/{make_trip(vehicle).pk}/track")

    assert (answer.status_code, answer.json()["detail"]) == (409, "The trip's body is gone.")


def test_a_long_way_is_thinned_evenly_and_keeps_its_events(get, vehicle):
    data = [{"speed_kmh": place % 100} for place in range(12_001)]
    event = {**BRAKING, "index": 6_001}
    trip = make_trip(vehicle, body=body_of(*data), events=[event])

    points = get(f"trips/{trip.pk}/track").json()["points"]

    assert len(points) <= MOST_POINTS
    kept = thinned(range(12_001), {6_001})
    assert [point["speed_kmh"] for point in points] == [place % 100 for place in kept]
    assert {0, 6_001, 12_000} <= set(kept)
    assert max(b - a for a, b in pairwise(kept)) <= 3


def test_a_way_of_events_alone_is_thinned_too():
    kept = thinned(range(100_000), set(range(0, 100_000, 2)))

    assert len(kept) <= MOST_POINTS
    assert kept == sorted(set(kept))


# ---------------------------------------------------------------- in the admin


def test_an_administrator_has_failed_trips_scored_again(client, people, vehicle):
    failed = make_trip(vehicle, status="FAILED", reason="x", attempts=5, safety_score=None)
    done = make_trip(vehicle)
    client.force_login(people.administrator)

    answer = client.post(
        reverse("admin:telemetry_trip_changelist"),
        {"action": "score_again", "_selected_action": [failed.pk, done.pk]},
        follow=True,
    )

    assert "1 failed trip is scored again." in answer.content.decode()
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.status, failed.attempts, done.status) == ("PENDING", 0, "COMPLETED")
