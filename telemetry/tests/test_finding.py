import json
import random
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tests.people import People
from telemetry import finding, tasks
from telemetry.finding import find_due
from telemetry.models import Rollup, Stop, Trip, TripScan
from telemetry.rollups import refresh_rollups
from telemetry.samples import distance_km
from telemetry.scans import note_changed
from telemetry.segments import find_segments
from telemetry.tests.drives import EIGHT, Recorder
from telemetry.tests.factories import bucket, store
from telemetry.tests.test_segments import TELLING
from telemetry.tests.trips import make_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
LATER = timedelta(days=1)


@pytest.fixture
def vehicle():
    return VehicleFactory(vehicle_id="N-1", fleet=People.make().north)


def as_readings(samples, **more):
    for sample in samples:
        values = {name: value for name, value in sample._asdict().items() if name not in ("at", "ignition")}
        attributes = {**more, **({} if sample.ignition is None else {"ignition": sample.ignition})}
        yield sample.at, {**values, "attributes": json.dumps(attributes) if attributes else None}


def tell(vehicle, samples, **more):
    """Store these as readings, and note the change as who rolls up does: by the start of its five minutes."""
    store(vehicle, as_readings(samples, **more))
    note_changed([(vehicle.pk, bucket(sample.at)) for sample in samples])


def find(samples, after=LATER):
    return find_due(now=max(sample.at for sample in samples) + after)


def minutes(at):
    return None if at is None else round((at - EIGHT).total_seconds() / 60, 1)


def trips(vehicle, **values):
    rows = Trip.objects.filter(vehicle=vehicle, origin="FOUND", **values).order_by("started_at")
    return [(minutes(trip.started_at), minutes(trip.ended_at), trip.status) for trip in rows]


def stops(vehicle):
    return [
        (minutes(stop.started_at), minutes(stop.ended_at))
        for stop in Stop.objects.filter(vehicle=vehicle).order_by("started_at")
    ]


def ids(vehicle):
    rows = (*Trip.objects.filter(vehicle=vehicle), *Stop.objects.filter(vehicle=vehicle))
    return {(type(row).__name__, minutes(row.started_at)): row.pk for row in rows}


# ---------------------------------------------------------------- what is found


def test_a_day_s_trips_and_stops_are_found_with_what_they_tell(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(10).stand(20).drive(10, kmh=60).stand(20).samples
    tell(vehicle, samples, driver_id="ana")

    assert find(samples) == 1

    assert trips(vehicle) == [(19, 30, "COMPLETED"), (49, 60, "COMPLETED")]
    assert stops(vehicle) == [(0, 19), (30, 49), (60, None)]
    first, second = Trip.objects.order_by("started_at")
    assert first.distance_km == pytest.approx(40 / 6, rel=1e-3)
    assert (second.max_speed_kmh, second.samples, second.duration_s) == (60, 12, 660)
    assert (first.driver_id, first.safety_score, first.events) == ("ana", None, [])
    stop = Stop.objects.get(started_at=first.ended_at)
    assert stop.latitude_e6 == pytest.approx(4_600_000 + 40 / 6 / 111.195 * 1e6, abs=2)
    assert not TripScan.objects.exists()


def test_a_trip_whose_readings_tell_acceleration_has_a_score_and_events(vehicle, settings):
    samples = Recorder().stand(10).drive(10).stand(10).samples
    for place, force in ((70, -0.4), (80, -0.41), (81, -0.6), (90, 0.5)):
        samples[place] = samples[place]._replace(g_force_long=force)
    tell(vehicle, samples)

    find(samples)

    trip = Trip.objects.get()
    assert (trip.safety_score, trip.harsh_braking_count, trip.rapid_accel_count) == (85, 2, 1)
    assert (trip.harsh_braking_episodes, trip.rapid_accel_episodes) == (1, 1)
    assert [event["at"] for event in trip.events] == ["2026-03-02T08:13:20Z", "2026-03-02T08:15:00Z"]
    assert trip.thresholds["harsh_braking_g"] == -0.4
    assert trip.scored_at is not None


def test_a_trip_under_way_is_open_and_closed_when_the_vehicle_falls_silent(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(10).samples
    tell(vehicle, samples)
    find(samples, after=timedelta(minutes=1))

    assert trips(vehicle) == [(19, None, "PROCESSING")]
    assert stops(vehicle) == [(0, 19)]
    before = ids(vehicle)

    assert find(samples, after=timedelta(minutes=9)) == 0
    assert find(samples, after=timedelta(minutes=11)) == 1

    assert trips(vehicle) == [(19, 29, "COMPLETED")]
    assert stops(vehicle) == [(0, 19), (29, None)]
    assert before.items() <= ids(vehicle).items()
    assert find(samples) == 0


def test_a_trip_under_way_grows_and_keeps_its_id(vehicle):
    recorder = Recorder(every_s=60).stand(20).drive(10)
    tell(vehicle, recorder.samples)
    find(recorder.samples, after=timedelta(0))
    before = ids(vehicle)

    told = len(recorder.samples)
    tell(vehicle, recorder.drive(5).stand(20).samples[told:])
    find(recorder.samples)

    assert trips(vehicle) == [(19, 35, "COMPLETED")]
    assert before.items() <= ids(vehicle).items()


# ---------------------------------------------------------------- late readings


def test_late_readings_merge_what_their_absence_had_split(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(50).stand(20).drive(10).stand(20).samples
    late = samples[35:50]
    tell(vehicle, [sample for sample in samples if sample not in late])
    find(samples)
    assert trips(vehicle) == [(19, 34, "COMPLETED"), (50, 70, "COMPLETED"), (89, 100, "COMPLETED")]
    before = ids(vehicle)

    tell(vehicle, late)
    find(samples)

    assert trips(vehicle) == [(19, 70, "COMPLETED"), (89, 100, "COMPLETED")]
    assert stops(vehicle) == [(0, 19), (70, 89), (100, None)]
    after = ids(vehicle)
    assert after.keys() == before.keys() - {("Trip", 50)}
    assert after.items() <= before.items()


def test_late_readings_split_what_their_absence_had_merged(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(10).stand(7).drive(10).stand(20).samples
    late = samples[30:36]
    tell(vehicle, [sample for sample in samples if sample not in late])
    find(samples)
    assert trips(vehicle) == [(19, 47, "COMPLETED")]

    tell(vehicle, late)
    find(samples)

    assert trips(vehicle) == [(19, 30, "COMPLETED"), (36, 47, "COMPLETED")]
    assert stops(vehicle) == [(0, 19), (30, 36), (47, None)]


def test_a_late_drive_within_a_long_stop_is_found(vehicle):
    recorder = Recorder(every_s=60).stand(300).silence(30).stand(300).drive(10).stand(20)
    samples = recorder.samples
    tell(vehicle, samples)
    find(samples)
    assert stops(vehicle) == [(0, 629), (640, None)]

    there_and_back = Recorder(every_s=60, at=EIGHT + timedelta(minutes=301)).drive(10).drive(10, kmh=-40)
    tell(vehicle, [sample._replace(speed_kmh=40.0) for sample in there_and_back.samples])
    find(samples)

    assert trips(vehicle) == [(301, 320, "COMPLETED"), (629, 640, "COMPLETED")]
    assert stops(vehicle) == [(0, 301), (320, 629), (640, None)]


def full(samples, now):
    """All trips and stops of all readings, found at once."""
    samples = sorted(samples, key=lambda sample: sample.at)
    rows = [
        (
            one.kind,
            samples[one.first].at,
            samples[one.last].at if one.is_closed else None,
            one.last + 1 - one.first,
        )
        for one in find_segments(samples, now=now)
    ]
    return (
        [(start, end, count) for kind, start, end, count in rows if kind == "TRIP"],
        [(start, end) for kind, start, end, _count in rows if kind == "STOP"],
    )


def stored(vehicle):
    return (
        list(
            Trip.objects.filter(vehicle=vehicle)
            .order_by("started_at")
            .values_list("started_at", "ended_at", "samples")
        ),
        list(
            Stop.objects.filter(vehicle=vehicle).order_by("started_at").values_list("started_at", "ended_at")
        ),
    )


@pytest.mark.parametrize("most", [40, 250, 50_000])
@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_readings_come_in_the_same_is_found_as_all_at_once(
    vehicle, monkeypatch, seed, most
):
    monkeypatch.setattr(finding, "MOST_READINGS", most)
    chance = random.Random(seed)
    recorder = Recorder(
        every_s=chance.choice([20, 60]),
        noise_km=chance.choice([0, 0.01, 0.03]),
        tells=frozenset(TELLING[seed % len(TELLING)]),
        seed=seed,
    )
    for _leg in range(chance.randint(3, 14)):
        leg, length = (
            chance.choice(["drive", "stand", "idle", "silence"]),
            chance.choice([1, 3, 6, 12, 25, 70]),
        )
        if leg == "drive":
            recorder.drive(length, kmh=chance.choice([4, 12, 50]))
        elif leg == "silence":
            recorder.silence(length, km=chance.choice([0, 0, 3]))
        else:
            recorder.stand(length, is_on=leg == "idle")
    come = recorder.stand(1).samples
    for _swap in range(chance.choice([0, 3, 40])):
        one, other = chance.randrange(len(come)), chance.randrange(len(come))
        come[one], come[other] = come[other], come[one]
    size, told = chance.choice([7, 30, 200]), []
    for start in range(0, len(come), size):
        chunk = come[start : start + size]
        told += chunk
        tell(vehicle, chunk)
        now = max(sample.at for sample in told) + timedelta(seconds=chance.choice([0, 900]))
        find_due(now=now)
        assert not TripScan.objects.exists()
        assert stored(vehicle) == full(told, now)


# ---------------------------------------------------------------- beside posted trips


def test_what_a_posted_trip_tells_of_is_not_found_as_well(vehicle):
    samples = (
        Recorder(every_s=60).stand(20).drive(10).stand(6).drive(10).stand(20).drive(10).stand(20).samples
    )
    tell(vehicle, samples)
    make_trip(vehicle, started_at=EIGHT + timedelta(minutes=20), ended_at=EIGHT + timedelta(minutes=45))
    find(samples)

    assert trips(vehicle) == [(65, 76, "COMPLETED")]
    assert stops(vehicle) == [(0, 19), (46, 65), (76, None)]


def test_a_trip_that_is_posted_later_takes_the_place_of_the_found_one(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(10).stand(20).samples
    tell(vehicle, samples)
    find(samples)
    posted = make_trip(
        vehicle, started_at=EIGHT + timedelta(minutes=20), ended_at=EIGHT + timedelta(minutes=29)
    )
    note_changed([(vehicle.pk, posted.started_at)])

    find(samples)
    assert list(Trip.objects.all()) == [posted]

    Trip.objects.update(status="FAILED")
    note_changed([(vehicle.pk, posted.started_at)])
    find(samples)
    assert trips(vehicle) == [(19, 30, "COMPLETED")]


# ---------------------------------------------------------------- what must not be lost


def test_what_was_found_in_archived_days_stays(vehicle):
    recorder = Recorder(every_s=60, at=EIGHT.replace(hour=23)).stand(20).drive(10).stand(20)
    recorder.drive(30).stand(30).drive(10).stand(20)
    tell(vehicle, recorder.samples)
    find(recorder.samples)
    before = ids(vehicle)
    assert len(before) == 7

    midnight = EIGHT.replace(hour=0) + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_reading WHERE recorded_at < %s", [midnight])
    counts = {field.name: 0 for field in Rollup._meta.fields if field.name.endswith("_count")}
    Rollup.objects.create(
        width=86_400,
        vehicle=vehicle.pk,
        bucket=midnight - timedelta(days=1),
        readings=1,
        distance_km=0,
        archived=True,
        **counts,
    )
    note_changed([(vehicle.pk, EIGHT)])
    find(recorder.samples)

    assert ids(vehicle) == before


def test_a_note_without_readings_changes_nothing(vehicle):
    make_trip(vehicle, origin="FOUND", started_at=EIGHT)
    note_changed([(vehicle.pk, EIGHT)])

    assert find_due() == 1

    assert Trip.objects.count() == 1
    assert not TripScan.objects.exists()


def test_a_note_of_a_vehicle_that_is_gone_is_dropped():
    note_changed([(999_999, EIGHT)])

    find_due()

    assert not TripScan.objects.exists()


def test_the_earliest_note_holds_and_a_note_that_comes_meanwhile_stays(vehicle):
    hour = timedelta(hours=1)
    note_changed([(vehicle.pk, EIGHT), (vehicle.pk, EIGHT - hour)])
    note_changed([(vehicle.pk, EIGHT + hour)])
    note_changed([])
    assert TripScan.objects.get().since == EIGHT - hour

    look = finding.beginning_of

    def somebody_notes(*args, **more):
        note_changed([(vehicle.pk, EIGHT + hour)])
        return look(*args, **more)

    with patch.object(finding, "beginning_of", somebody_notes):
        find_due()

    assert TripScan.objects.get().since == EIGHT - hour


def test_who_rolls_readings_up_notes_them(vehicle):
    store(vehicle, as_readings(Recorder(every_s=60, at=EIGHT + timedelta(minutes=3)).drive(10).samples))

    refresh_rollups()

    [scan] = TripScan.objects.all()
    assert (scan.vehicle, scan.since) == (vehicle.pk, EIGHT)


def test_another_process_that_works_on_the_vehicle_is_left_alone(vehicle, monkeypatch):
    note_changed([(vehicle.pk, EIGHT)])
    monkeypatch.setattr(finding, "_is_mine", lambda pk: False)

    find_due()

    assert TripScan.objects.exists()


def test_what_a_turn_has_no_time_for_stays_noted(vehicle, monkeypatch):
    note_changed([(vehicle.pk, EIGHT)])
    monkeypatch.setattr(finding, "LONGEST_TURN_S", 0)

    assert find_due() == 0
    assert TripScan.objects.exists()


def test_beat_finds_what_is_noted(vehicle):
    samples = Recorder(every_s=60).stand(20).drive(10).stand(20).samples
    tell(vehicle, samples)

    assert tasks.find_trips() == 1

    assert distance_km(samples) == pytest.approx(Trip.objects.get().distance_km, abs=0.01)
    assert Trip.objects.get().scored_at <= timezone.now()
