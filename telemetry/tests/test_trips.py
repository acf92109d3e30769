import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from api_pattern.exceptions import FleetForbidden, Unprocessable
from msg_pattern.bus import BusError
from msg_pattern.memory import MemoryBus
from telemetry import tasks, trip_scoring
from telemetry.exceptions import TripConflict
from telemetry.models import Trip, TripScan
from telemetry.trip_scoring import LEASE, MOST_ATTEMPTS, PATIENCE, score_due_trips, score_trip
from telemetry.trips import score_again, submit_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
RAW = "fleet.telemetry.raw"


@pytest.fixture
def people():
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)


@pytest.fixture(autouse=True)
def bus(monkeypatch):
    held = MemoryBus()
    monkeypatch.setattr(trip_scoring, "get_bus", lambda: held)
    return held


@pytest.fixture
def post(people, vehicle):
    """Post these samples as a trip; other fields by name, ``by`` and ``key`` tell who and with which key."""

    def submit(*data, by="manager", key=None, **fields):
        body = {"vehicle_id": vehicle.vehicle_id, "driver_id": "D-1", "data": list(data), **fields}
        return submit_trip(body, json.dumps(body).encode(), people.actor(by), key)

    return submit


def g(*forces):
    return [{"speed_kmh": 40, "g_force_long": force} for force in forces]


def timed(*forces, begin=None):
    begin = begin or timezone.now().replace(microsecond=0) - timedelta(minutes=10)
    return [
        {**sample, "timestamp": (begin + timedelta(seconds=place)).isoformat()}
        for place, sample in enumerate(g(*forces))
    ]


def scored(trip):
    assert score_trip(trip.pk)
    trip.refresh_from_db()
    return trip


def fresh(trip):
    trip.refresh_from_db()
    return trip


# ---------------------------------------------------------------- posting


def test_a_posted_trip_is_stored_as_it_came_and_waits_for_its_score(post, people):
    trip = post(*g(0.1, -0.5))

    stored = Trip.objects.get()
    assert (stored.pk, stored.status, stored.origin) == (trip.pk, "PENDING", "POSTED")
    assert (stored.driver_id, stored.samples, stored.safety_score) == ("D-1", 2, None)
    assert json.loads(gzip.decompress(stored.body))["data"] == g(0.1, -0.5)
    assert stored.cause.data == people.manager.as_cause()


def test_the_bell_rings_when_the_trip_is_committed(post, django_capture_on_commit_callbacks):
    with (
        patch.object(tasks.score_posted_trip, "apply_async", autospec=True),
        patch("celery.canvas.Signature.apply_async") as ring,
        django_capture_on_commit_callbacks(execute=True) as callbacks,
    ):
        post(*g(0.1))

    assert len(callbacks) == 1
    ring.assert_called_once_with(retry=False, expires=60)


def test_a_task_scores_the_trip_that_it_names(post):
    trip = post(*g(0.1))

    assert tasks.score_posted_trip(str(trip.pk))

    assert fresh(trip).status == "COMPLETED"


@pytest.mark.parametrize(
    ("fields", "path", "told"),
    [
        ({"data": []}, "data", "There are 0 samples; a trip has 1 to 100,000."),
        ({"data": [{}] * 100_001}, "data", "There are 100,001 samples; a trip has 1 to 100,000."),
        ({"data": "x"}, "data", "A trip has its samples in data, a list of objects."),
        ({"vehicle_id": None}, "vehicle_id", "A trip names its vehicle"),
        ({"vehicle_id": "nobody"}, "vehicle_id", "No vehicle “nobody” is known; make it first."),
        ({"driver_id": "x" * 65}, "driver_id", "is not an id: 1 to 64 characters"),
        ({"driver_id": 7}, "driver_id", "“7” is not an id"),
        ({"driver_id": "a\x00b"}, "driver_id", "is not an id"),
        ({"driver": "D-1"}, "driver", "There is no field “driver” here; there are: vehicle_id, fleet_id"),
        ({"fleet_id": "fleet-north-2"}, None, "Fleet fleet-north-2 is not one of yours."),
    ],
)
def test_a_faulty_trip_is_refused_by_field(post, fields, path, told):
    with pytest.raises((Unprocessable, FleetForbidden), match=told.replace("(", r"\(")) as refused:
        post(*g(0.1), **fields)

    if path is not None:
        assert list(refused.value.errors) == [path]
    assert not Trip.objects.exists()


AHEAD = (datetime.now(UTC) + timedelta(days=400)).isoformat()


@pytest.mark.parametrize(
    ("sample", "path", "told"),
    [
        ({"speed_kmh": "fast"}, ".speed_kmh", "“fast” is not a number."),
        ({"speed_kmh": 1_001}, ".speed_kmh", "1001 is not between 0 and 1000 km/h."),
        ({"latitude": 91}, ".latitude", "91 is not between -90 and 90 °."),
        ({"g_force_long": "-0.5"}, ".g_force_long", "“-0.5” is not a number."),
        ({"g_force_long": 101}, ".g_force_long", "101 is not between -100 and 100 g."),
        ({"g_force_long": True}, ".g_force_long", "“True” is not a number."),
        ({"timestamp": "2026-01-31T14:05:00"}, ".timestamp", "has no offset"),
        ({"timestamp": 5}, ".timestamp", "“5” is not a time"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, ".timestamp", "lies before 1970"),
        ({"recorded_at": AHEAD}, ".recorded_at", "is more than 5 minutes in the future"),
        ({"status": "FLYING"}, ".status", "“FLYING” is none of IDLE"),
        ({"vehicle_id": "another"}, ".vehicle_id", "All samples of a trip are of its vehicle"),
        ({"note": "a\x00b"}, ".note", "holds a NUL"),
        ({"": 1}, ".", "An attribute's name has 1 to 100 printable characters."),
        ({str(name): 1 for name in range(201)}, "", "There are 201 attributes; up to 200 are taken."),
        (["not", "a", "sample"], "", "A sample is a JSON object"),
        (None, "", "A sample is a JSON object"),
    ],
)
def test_a_faulty_sample_is_refused_by_its_place(post, sample, path, told):
    with pytest.raises(Unprocessable) as refused:
        post(*g(0.1, 0.2), sample, *g(0.3))

    assert {f"data[2]{path}".rstrip("."): True} == {
        place.rstrip("."): told in messages[0] for place, messages in refused.value.errors.items()
    }


def test_every_fault_is_told_up_to_a_hundred(post):
    with pytest.raises(Unprocessable) as refused:
        post({"speed_kmh": -1, "g_force_long": "x"}, {"latitude": 100})

    assert list(refused.value.errors) == ["data[0].speed_kmh", "data[0].g_force_long", "data[1].latitude"]
    with pytest.raises(Unprocessable) as refused:
        post(*[{"speed_kmh": -1}] * 5_000)
    assert len(refused.value.errors) == 100


def test_a_status_is_taken_as_people_write_it_and_what_is_null_is_not_known(post):
    trip = scored(post({"status": "low battery", "g_force_long": None, "speed_kmh": None}, *g(-0.5)))

    assert (trip.status, trip.safety_score) == ("COMPLETED", 95)


def test_a_trip_is_of_a_vehicle_that_its_sender_sees(post, people):
    for name in ("stranger",):
        with pytest.raises(Unprocessable, match="No vehicle"):
            post(*g(0.1), by=name)
    for name in ("administrator", "manager", "ingest_key", "device_key"):
        assert post(*g(0.1), by=name).vehicle.vehicle_id == DEVICE_VEHICLE_ID
    VehicleFactory(vehicle_id="fleet-north-VH-009", fleet=people.north)
    with pytest.raises(Unprocessable, match="No vehicle"):
        post(*g(0.1), by="device_key", vehicle_id="fleet-north-VH-009")


def test_a_fleet_that_is_named_must_be_the_vehicle_s(post):
    assert post(*g(0.1), fleet_id="fleet-north").pk
    with pytest.raises(Unprocessable, match="does not belong to fleet “fleet-south”"):
        post(*g(0.1), fleet_id="fleet-south", by="administrator")


# ---------------------------------------------------------------- the same again


def test_the_same_key_and_body_of_the_same_sender_are_the_same_trip(post):
    first = post(*g(0.1), key="a b-1")

    assert post(*g(0.1), key="a b-1").pk == first.pk
    assert post(*g(0.1), key="another").pk != first.pk
    assert post(*g(0.1), key="a b-1", by="administrator").pk != first.pk
    assert post(*g(0.1)).pk != post(*g(0.1)).pk


def test_a_key_that_was_used_for_another_body_is_a_conflict(post):
    post(*g(0.1), key="a")

    with pytest.raises(TripConflict, match="“a” was used for another trip"):
        post(*g(0.2), key="a")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_a_key_has_1_to_255_printable_characters(post, key):
    with pytest.raises(Unprocessable) as refused:
        post(*g(0.1), key=key)

    assert list(refused.value.errors) == ["Idempotency-Key"]


def test_of_two_that_post_the_same_at_once_one_stores_it(post, monkeypatch):
    first = post(*g(0.1), key="a")
    asked = count()
    look = post.__globals__["submit_trip"].__globals__["_posted_before"]
    monkeypatch.setattr(
        "telemetry.trips._posted_before",
        # The first look is before the other one's commit.
        lambda *args: look(*args) if next(asked) else None,
    )

    assert post(*g(0.1), key="a").pk == first.pk
    assert Trip.objects.count() == 1


# ---------------------------------------------------------------- scoring


def test_a_trip_without_times_is_scored(post):
    trip = scored(post(*g(0.1, -0.5, -0.6, 0.3, 0.7)))

    assert (trip.status, trip.safety_score) == ("COMPLETED", 85)
    assert (trip.harsh_braking_count, trip.rapid_accel_count) == (2, 1)
    assert (trip.harsh_braking_episodes, trip.rapid_accel_episodes) == (1, 1)
    assert [event["kind"] for event in trip.events] == ["HARSH_BRAKING", "RAPID_ACCEL"]
    assert trip.thresholds == {"harsh_braking_g": -0.4, "rapid_accel_g": 0.4, "penalty": 5}
    assert (trip.started_at, trip.duration_s, trip.distance_km) == (None, None, None)
    assert (trip.max_speed_kmh, trip.lease_until) == (40, None)
    assert trip.scored_at is not None


def test_times_and_places_tell_when_and_how_far(post):
    begin = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    data = timed(0.1, 0.2, 0.3, begin=begin)
    for place, sample in enumerate(data):
        sample |= {"latitude": 4.6 + place / 100, "longitude": -74}

    trip = scored(post(*reversed(data)))

    assert (trip.started_at, trip.ended_at, trip.duration_s) == (begin, begin + timedelta(seconds=2), 2)
    assert trip.distance_km == pytest.approx(2 * 1.11195, rel=1e-4)


def test_settings_tell_the_thresholds(post, settings):
    settings.HARSH_BRAKING_G, settings.RAPID_ACCEL_G, settings.SCORE_PENALTY = -0.2, 0.8, 7.5

    trip = scored(post(*g(-0.3, 0.7)))

    assert trip.safety_score == 92.5
    assert trip.thresholds == {"harsh_braking_g": -0.2, "rapid_accel_g": 0.8, "penalty": 7.5}


def test_a_trip_that_tells_no_acceleration_is_complete_without_a_score(post):
    trip = scored(post({"speed_kmh": 40}))

    assert (trip.status, trip.safety_score) == ("COMPLETED", None)


def test_a_scored_trip_is_not_scored_again(post):
    trip = scored(post(*g(0.1)))

    assert not score_trip(trip.pk)
    assert fresh(trip).attempts == 1


def test_samples_with_times_become_readings_before_the_trip_is_complete(post, bus, vehicle):
    first = timed(*[0.1] * 1_500, begin=timezone.now() - timedelta(hours=1))
    first[0] |= {"rpm": 2_000, "vehicle_id": vehicle.vehicle_id}
    trip = scored(post(*first, *g(0.2)))

    entries = bus.consume(RAW, group="x").take(9, 0)
    batches = [json.loads(entry.data) for entry in entries]
    assert [len(batch) for batch in batches] == [1_000, 500]
    assert {entry.sender for entry in entries} == {trip.sender}
    assert {entry.received_ms for entry in entries} == {int(trip.created_at.timestamp() * 1000)}
    assert batches[0][0].pop("timestamp").startswith(first[0]["timestamp"][:19])
    assert batches[0][0] == {
        "vehicle_id": vehicle.vehicle_id,
        "speed_kmh": 40,
        "g_force_long": 0.1,
        "rpm": 2_000,
    }


def test_samples_too_old_for_readings_are_scored_alone(post, bus):
    old = timezone.now() - timedelta(days=400)
    trip = scored(post(*timed(-0.5, begin=old)))

    assert trip.safety_score == 95
    assert not bus.consume(RAW, group="x").take(9, 0)


def test_no_readings_come_of_a_vehicle_that_was_deleted_meanwhile(post, bus, vehicle):
    trip = post(*timed(-0.5))
    vehicle.deleted_at = timezone.now()
    vehicle.save()

    assert scored(trip).safety_score == 95
    assert not bus.consume(RAW, group="x").take(9, 0)


def test_a_posted_trip_has_its_time_s_found_ones_looked_at_again(post, vehicle):
    trip = scored(post(*timed(0.1)))

    [scan] = TripScan.objects.all()
    assert (scan.vehicle, scan.since) == (vehicle.pk, trip.started_at)


# ---------------------------------------------------------------- what may go wrong


class Clock:
    """Lets time pass for the work on trips."""

    def __init__(self, monkeypatch):
        self.ahead = timedelta()
        now = timezone.now
        monkeypatch.setattr(trip_scoring, "timezone", SimpleNamespace(now=lambda: now() + self.ahead))

    def pass_by(self, delta):
        self.ahead += delta


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_the_sweep_takes_up_what_no_bell_woke(post, clock):
    trip = post(*g(0.1))
    assert score_due_trips() == 0

    clock.pass_by(PATIENCE)

    assert score_due_trips() == 1
    assert fresh(trip).status == "COMPLETED"
    assert tasks.score_trips() == 0


def test_while_the_bus_is_away_the_trip_waits_and_is_not_blamed(post, clock, bus, monkeypatch):
    trip = post(*timed(-0.5))
    with monkeypatch.context() as broken:
        broken.setattr(bus, "append", raising(BusError("away")))
        for _round in range(MOST_ATTEMPTS + 2):
            assert score_trip(trip.pk)
            assert (fresh(trip).status, trip.attempts) == ("PENDING", 0)
            clock.pass_by(timedelta(hours=1))

    assert score_due_trips() == 1
    assert (fresh(trip).status, trip.safety_score) == ("COMPLETED", 95)


def raising(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_nobody_takes_a_trip_that_somebody_works_on_until_the_lease_is_over(post, clock):
    trip = post(*g(0.1))
    Trip.objects.update(status="PROCESSING", attempts=1, lease_until=timezone.now() + LEASE)

    assert not score_trip(trip.pk)
    clock.pass_by(LEASE + PATIENCE)

    assert score_due_trips() == 1
    assert (fresh(trip).status, trip.attempts) == ("COMPLETED", 2)


def test_who_lost_the_lease_writes_nothing(post, monkeypatch):
    trip = post(*g(0.1))
    judge = trip_scoring.judged

    def slow(samples):
        Trip.objects.filter(pk=trip.pk).update(attempts=2)
        return judge(samples)

    monkeypatch.setattr(trip_scoring, "judged", slow)
    assert score_trip(trip.pk)

    assert (fresh(trip).status, trip.safety_score) == ("PROCESSING", None)


def test_a_trip_that_breaks_the_worker_every_time_fails_with_the_reason(post, clock, monkeypatch, caplog):
    trip = post(*timed(0.1))
    monkeypatch.setattr(trip_scoring, "judged", raising(ZeroDivisionError("oh")))
    for attempt in range(1, MOST_ATTEMPTS):
        assert score_trip(trip.pk)
        assert (fresh(trip).status, trip.attempts) == ("PENDING", attempt)
        assert not score_trip(trip.pk)
        clock.pass_by(timedelta(hours=1))
    assert score_trip(trip.pk)

    assert (fresh(trip).status, trip.reason) == ("FAILED", "Given up after 5 attempts: ZeroDivisionError: oh")
    assert TripScan.objects.count() == 1
    assert "cannot be scored at attempt 5" in caplog.text


def test_a_trip_at_which_workers_die_is_given_up(post, clock):
    trip = post(*g(0.1))
    Trip.objects.update(status="PROCESSING", attempts=MOST_ATTEMPTS, lease_until=timezone.now())

    assert not score_trip(trip.pk)

    assert (fresh(trip).status, trip.reason) == ("FAILED", "Scoring broke off 5 times; it was given up.")


def test_a_lost_database_leaves_the_trip_to_the_sweep(post, monkeypatch):
    trip = post(*g(0.1))
    monkeypatch.setattr(trip_scoring, "judged", raising(OperationalError("gone")))

    with pytest.raises(OperationalError), transaction.atomic():
        score_trip(trip.pk)

    assert fresh(trip).status == "PENDING"


@pytest.mark.parametrize(
    "body", [None, b"no gzip", gzip.compress(b"{", mtime=0), gzip.compress(b'{"data": []}', mtime=0)]
)
def test_a_body_that_cannot_be_read_any_more_fails_with_the_reason(post, body):
    trip = post(*g(0.1))
    Trip.objects.update(body=body)

    assert score_trip(trip.pk)

    assert fresh(trip).status == "FAILED"
    assert trip.reason


def test_a_failed_trip_can_be_scored_again(post):
    trip = post(*g(0.1))
    done = scored(post(*g(0.1)))
    Trip.objects.filter(pk=trip.pk).update(status="FAILED", attempts=5, reason="x")

    assert score_again([trip, done]) == 1

    assert (fresh(trip).status, trip.reason, trip.attempts) == ("PENDING", "", 0)
    assert scored(trip).status == "COMPLETED"
