"""The whole way of a trip: posted, handed on, stored as readings, rolled up, and not found a second time."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from feed_processor.readings import take_readings
from msg_pattern.memory import MemoryBus
from telemetry import trip_scoring
from telemetry.finding import find_due
from telemetry.models import ParkedEntry, Reading, Trip
from telemetry.rollups import refresh_rollups
from telemetry.tests.drives import Recorder
from telemetry.trip_scoring import score_trip
from telemetry.trips import submit_trip
from vehicle_management.models import VehicleStatus
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
RAW = "fleet.telemetry.raw"


@pytest.fixture
def bus(monkeypatch):
    held = MemoryBus()
    monkeypatch.setattr(trip_scoring, "get_bus", lambda: held)
    return held


@pytest.fixture
def people():
    people = People.make()
    VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)
    return people


def drive(begin, **more):
    samples = Recorder(every_s=1, at=begin).drive(25).samples
    return [
        {
            "timestamp": sample.at.isoformat(),
            "latitude": sample.latitude,
            "longitude": sample.longitude,
            "speed_kmh": sample.speed_kmh,
            "g_force_long": -0.5 if place in (300, 301) else 0.125,
            "gear": 4,
            "status": "moving",
            **more,
        }
        for place, sample in enumerate(samples)
    ]


def post(people, data, by="device_key"):
    body = {"vehicle_id": DEVICE_VEHICLE_ID, "driver_id": "ana", "data": data}
    trip = submit_trip(body, json.dumps(body).encode(), people.actor(by), None)
    assert score_trip(trip.pk)
    trip.refresh_from_db()
    return trip


def listen(bus):
    consumer = bus.consume(RAW, group="feed")
    return take_readings(consumer, consumer.take(1_000, 0))


def test_a_posted_trip_s_samples_are_readings_and_the_trip_is_not_found_as_well(people, bus):
    begin = timezone.now().replace(microsecond=0) - timedelta(hours=2)

    trip = post(people, drive(begin))

    assert (trip.status, trip.safety_score, trip.harsh_braking_episodes) == ("COMPLETED", 90, 1)
    assert listen(bus) == 1_500
    assert not ParkedEntry.objects.exists()
    newest = Reading.objects.order_by("-recorded_at").first()
    assert (newest.recorded_at, newest.g_force_long, newest.status) == (trip.ended_at, 0.125, "MOVING")
    assert newest.attributes == {"gear": 4}
    assert VehicleStatus.objects.get().recorded_at == trip.ended_at

    refresh_rollups()
    find_due()
    assert list(Trip.objects.values_list("pk", flat=True)) == [trip.pk]


def test_the_same_trip_posted_and_scored_twice_has_its_readings_once(people, bus):
    begin = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    first = post(people, drive(begin))
    Trip.objects.filter(pk=first.pk).update(status="PENDING", lease_until=None)
    assert score_trip(first.pk)
    second = post(people, drive(begin, gear=5))

    assert listen(bus) == 1_500

    assert Reading.objects.count() == 1_500
    assert set(Reading.objects.values_list("attributes__gear", flat=True)) == {4}
    assert (second.safety_score, second.distance_km) == (first.safety_score, first.distance_km)


def test_readings_that_came_one_by_one_are_found_as_a_trip_that_scores_the_same(people, bus):
    begin = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    posted = post(people, drive(begin, driver_id="ana"))
    listen(bus)
    posted.delete()
    refresh_rollups()

    find_due()

    found = Trip.objects.get()
    assert (found.origin, found.status, found.driver_id) == ("FOUND", "COMPLETED", "ana")
    for name in ("samples", "safety_score", "harsh_braking_count", "duration_s", "started_at", "ended_at"):
        assert getattr(found, name) == getattr(posted, name)
    assert found.distance_km == pytest.approx(posted.distance_km, rel=1e-4)
    assert [(event["index"], event["g"]) for event in found.events] == [(300, -0.5)]
