"""Trips: their list, and one trip with its way, its score and what became of it."""

import gzip
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from dashboard.pages.trip import score_sentence
from dashboard.tests.answers import text_of
from telemetry.models import Trip
from telemetry.scoring import RAPID_ACCEL
from telemetry.tests.trips import MONDAY, make_trip

pytestmark = pytest.mark.django_db
MARCH = {"from": "2026-03-01T00:00", "to": "2026-03-08T00:00"}
BRAKING = {
    "kind": "HARSH_BRAKING",
    "index": 2,
    "at": "2026-03-02T08:00:02Z",
    "g": -0.7,
    "samples": 3,
    "latitude": 4.62,
    "longitude": -74.08,
}
HARSH = {
    "safety_score": 80,
    "harsh_braking_count": 3,
    "rapid_accel_count": 1,
    "harsh_braking_episodes": 1,
    "rapid_accel_episodes": 1,
    "events": [BRAKING, {**BRAKING, "kind": RAPID_ACCEL, "at": None, "g": 0.55, "samples": 1}],
}


def trip_of(world, **values):
    return make_trip(world.vehicle, **values)


def ids(answer):
    return {trip.pk for trip, _cells in answer.context["listing"].rows}


# ---------------------------------------------------------------- the list


def test_trips_of_the_span_are_listed_the_latest_first(page, world):
    later = trip_of(world, started_at=MONDAY + timedelta(hours=3))
    trip_of(world, started_at=MONDAY + timedelta(days=30))
    answer = page.get("/trips", MARCH)
    assert [trip.pk for trip, _cells in answer.context["listing"].rows] == [later.pk, world.trip.pk]


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"driver_id": "D-9"}, True),
        ({"driver_id": "D-1"}, False),
        ({"score_below": "81"}, True),
        ({"score_below": "80"}, False),
        ({"distance_min": "20"}, True),
        ({"distance_min": "20.5"}, False),
        ({"harsh": "true"}, True),
        ({"harsh": "false"}, False),
        ({"origin": "POSTED"}, True),
        ({"origin": "FOUND"}, False),
        ({"status": "COMPLETED"}, True),
        ({"status": "FAILED"}, False),
        ({"vehicle_id": "fleet-north-VH-001"}, True),
        ({"vehicle_id": "fleet-north-VH-002"}, False),
        ({"search": "d-9 vh-001"}, True),
        ({"search": "\x00"}, True),
    ],
)
def test_trips_are_filtered(page, world, asked, is_found):
    trip = trip_of(world, driver_id="D-9", **HARSH)
    assert (trip.pk in ids(page.get("/trips", {**MARCH, **asked}))) is is_found


@pytest.mark.parametrize(
    "asked", [{"score_below": "many"}, {"distance_min": "-1"}, {"origin": "SOLD"}, {"driver_id": "\x00"}]
)
def test_a_filter_that_is_wrong_is_told_and_lists_nothing(page, world, asked):
    answer = page.get("/trips", {**MARCH, **asked})
    assert answer.status_code == 200
    assert answer.context["listing"].total == 0
    assert 'role="alert"' in text_of(answer)


def test_the_list_is_exported(page, world):
    lines = page.get("/trips.csv", MARCH).getvalue().decode().splitlines()
    assert lines[0].startswith("\ufeffstarted_at,vehicle_id,driver_id")
    assert len(lines) == 2


def test_trips_of_hidden_vehicles_are_not_shown(page, world):
    world.vehicle.deleted_at = timezone.now()
    world.vehicle.save()
    assert ids(page.get("/trips", MARCH)) == set()
    assert page.get(f"/trips/{world.trip.pk}").status_code == 404


# ---------------------------------------------------------------- one trip


def test_a_trip_shows_its_score_its_events_and_how_the_score_came_about(page, world):
    trip = trip_of(world, driver_id="D-9", **HARSH)
    answer = page.get(f"/trips/{trip.pk}")
    shown = text_of(answer)
    assert "100 − 5 × (3 samples below −0.4 g + 1 sample above 0.4 g) = 80." in shown
    assert [event["label"] for event in answer.context["events"]] == ["Harsh braking", "Rapid acceleration"]
    assert "−0.70 g" in shown
    assert "data-map" in shown
    assert answer.context["script"]["track"] == f"/api/v1/trips/{trip.pk}/track"


def test_the_track_that_the_map_draws_is_there(page, world):
    track = page.get(page.get(f"/trips/{world.trip.pk}").context["script"]["track"])
    assert track.status_code == 200


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"safety_score": 100},
            "100: no sample braked harder than −0.4 g or accelerated by more than 0.4 g.",
        ),
        (
            {"safety_score": 0, "harsh_braking_count": 40},
            "100 − 5 × (40 samples below −0.4 g + 0 samples above 0.4 g) = 0 (never below 0).",
        ),
        ({"safety_score": None}, "There is no score: no sample tells an acceleration."),
        ({"safety_score": None, "scored_at": None, "thresholds": {}}, ""),
    ],
)
def test_the_score_is_told_in_a_sentence(world, values, told):
    assert score_sentence(trip_of(world, **values)) == told


def test_a_trip_that_failed_says_why_and_is_tried_again_by_who_may(page, client, world):
    body = gzip.compress(json.dumps({"vehicle_id": world.vehicle.vehicle_id, "data": []}).encode())
    trip = trip_of(
        world, status="FAILED", reason="Its body is damaged.", safety_score=None, scored_at=None, body=body
    )
    shown = text_of(page.get(f"/trips/{trip.pk}"))
    assert "Its body is damaged." in shown
    assert "data-map" not in shown
    page.post(f"/trips/{trip.pk}/score")
    trip.refresh_from_db()
    assert trip.status != Trip.Status.FAILED
    client.force_login(world.people.operator)
    assert client.post(f"/trips/{trip.pk}/score").status_code == 403


def test_a_trip_that_is_well_is_not_scored_again(page, world):
    answer = page.post(f"/trips/{world.trip.pk}/score", follow=True)
    assert "The trip has not failed; it stays." in text_of(answer)


def test_a_reason_cannot_carry_markup_into_the_page(page, world):
    trip = trip_of(
        world, status="FAILED", reason="<script>alert(1)</script>", driver_id='"><b>', safety_score=None
    )
    shown = text_of(page.get(f"/trips/{trip.pk}"))
    assert "<script>alert" not in shown
    assert '"><b>' not in shown


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
def test_a_trip_that_waits_asks_for_its_state_again(page, world, status):
    trip = trip_of(world, status=status, safety_score=None, scored_at=None, started_at=None)
    state = page.get(f"/trips/{trip.pk}", headers={"HX-Request": "true", "HX-Target": "trip-state"})
    assert 'hx-trigger="every 2s"' in text_of(state)
    trip.status = "COMPLETED"
    trip.save()
    state = page.get(f"/trips/{trip.pk}", headers={"HX-Request": "true", "HX-Target": "trip-state"})
    assert "The score is there." in text_of(state)


def test_a_trip_without_times_and_positions_is_shown(page, world):
    bare = trip_of(
        world, started_at=None, duration_s=None, distance_km=None, max_speed_kmh=None, driver_id=""
    )
    assert page.get(f"/trips/{bare.pk}").status_code == 200


def test_a_trip_under_way_is_shown_with_its_way_so_far(page, world):
    trip = trip_of(
        world, origin="FOUND", status="PROCESSING", safety_score=None, scored_at=None, thresholds={}
    )
    shown = text_of(page.get(f"/trips/{trip.pk}"))
    assert "This trip is under way" in shown
    assert "data-map" in shown


@pytest.mark.parametrize("path", ["/trips/{}", "/trips/{}/score"])
def test_no_trip_of_others_and_none_that_is_not_there(client, world, path):
    client.force_login(world.people.stranger)
    ask = client.post if path.endswith("score") else client.get
    assert ask(path.format(world.trip.pk)).status_code == 404
    assert ask(path.format(uuid4())).status_code == 404


def test_a_trip_is_told_in_the_persons_units(page, world):
    me = world.people.manager
    me.units = "IMPERIAL"
    me.save()
    answer = page.get(f"/trips/{world.trip.pk}")
    assert answer.context["script"]["speed_unit"] == "mph"
    assert "12.4" in text_of(answer)
