"""Rollups, and the sums of any span that are put together from them, against a plain count of the readings."""

from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Thread

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry.models import Rollup, StaleBuckets
from telemetry.rollups import DAY, FIVE_MINUTES, HOUR, LOCK, refresh_rollups
from telemetry.spans import sums_of
from telemetry.tests import oracle
from telemetry.tests.factories import bucket, store

BEGIN = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)
SPAN_MS = 26 * 3_600_000
KEYS = count(1_000)


def number(least, most):
    """What a column of type real holds exactly."""
    return st.none() | st.integers(least * 8, most * 8).map(lambda eighths: eighths / 8)


times = st.integers(0, SPAN_MS).map(lambda ms: BEGIN + timedelta(milliseconds=ms))
# Where buckets of all widths meet.
edges = st.sampled_from([timedelta(minutes=minutes) for minutes in (0, 5, 10, 70, 75, 190, 1510)]).map(
    lambda after: BEGIN + after
)
values = st.fixed_dictionaries(
    {
        "speed_kmh": number(0, 200),
        "battery_pct": number(0, 100),
        "engine_temp_c": number(-20, 120),
        "odometer_km": number(0, 1_000),
        "latitude": st.none() | st.integers(-900, 900).map(lambda tenths: tenths / 10),
        "longitude": st.none() | st.integers(-1_800, 1_800).map(lambda tenths: tenths / 10),
    }
)
readings = st.lists(st.tuples(times | edges, values), max_size=40)
spans = st.tuples(times | edges, times | edges).map(sorted).filter(lambda ends: ends[0] < ends[1])


def told(key, start, end):
    """The sums of a span as the oracle tells them."""
    sums = sums_of([key], start, end).get(key)
    if sums is None:
        return oracle.metrics([], start, end)

    def mean(name):
        return sums[f"{name}_sum"] / sums[f"{name}_count"] if sums[f"{name}_count"] else None

    by_odometer = sums["odometer_count"] >= 2 and sums["odometer_last"] >= sums["odometer_first"]
    driven = sums["odometer_last"] - sums["odometer_first"] if by_odometer else sums["distance_km"]
    return {
        "total_readings": sums["readings"],
        "avg_speed_kmh": mean("speed"),
        "max_speed_kmh": sums["speed_max"],
        "avg_battery_pct": mean("battery"),
        "min_battery_pct": sums["battery_min"],
        "avg_engine_temp_c": mean("temp"),
        "max_engine_temp_c": sums["temp_max"],
        "total_distance_km": driven,
    }


def check(key, stored, start, end):
    expected, told_now = oracle.metrics(stored, start, end), told(key, start, end)
    assert told_now.keys() == expected.keys()
    for name, value in expected.items():
        assert told_now[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)), name


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(early=readings, late=readings, unseen=readings, asked=st.lists(spans, min_size=1, max_size=4))
def test_the_sums_of_any_span_are_those_of_its_readings_however_far_the_rollups_are(
    early, late, unseen, asked
):
    key = next(KEYS)
    stored = []
    for some in (early, late):
        store(key, some)
        stored += some
        for start, end in asked:
            check(key, stored, start, end)
        refresh_rollups()
        for start, end in asked:
            check(key, stored, start, end)
    store(key, unseen)
    for start, end in asked:
        check(key, stored + unseen, start, end)


@pytest.mark.django_db
@settings(max_examples=30, deadline=None)
@given(stored=readings)
def test_each_bucket_of_each_width_says_what_its_readings_say(stored):
    key = next(KEYS)
    store(key, stored)
    refresh_rollups()
    for seconds in (FIVE_MINUTES, HOUR, DAY):
        width = timedelta(seconds=seconds)
        rollups = {one.bucket: one for one in Rollup.objects.filter(width=seconds, vehicle=key)}
        assert set(rollups) == {bucket(at, width) for at, _values in stored}
        for start, rollup in rollups.items():
            expected = oracle.metrics(stored, start, start + width)
            assert rollup.readings == expected["total_readings"]
            assert rollup.speed_max == expected["max_speed_kmh"]
            assert rollup.battery_min == expected["min_battery_pct"]


@pytest.mark.django_db
def test_several_vehicles_are_summed_at_once_and_kept_apart():
    keys = [next(KEYS) for _number in range(3)]
    for place, key in enumerate(keys[:2]):
        store(key, [(BEGIN + timedelta(hours=hour), {"speed_kmh": 10 * place}) for hour in range(30)])
    refresh_rollups()
    store(keys[0], [(BEGIN + timedelta(minutes=1), {"speed_kmh": 90})])
    sums = sums_of(keys, BEGIN, BEGIN + timedelta(days=3))
    assert {key: (one["readings"], one["speed_max"]) for key, one in sums.items()} == {
        keys[0]: (31, 90),
        keys[1]: (30, 10),
    }


@pytest.mark.django_db
def test_a_bucket_whose_readings_are_gone_goes_too():
    key = next(KEYS)
    store(key, [(BEGIN, {}), (BEGIN + timedelta(minutes=5), {})])
    refresh_rollups()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_reading WHERE recorded_at = %s", [BEGIN])
    StaleBuckets.objects.create(vehicles=[key], buckets=[BEGIN])
    assert refresh_rollups() == 1
    left = Rollup.objects.filter(vehicle=key).values_list("width", "readings")
    assert sorted(left) == [(FIVE_MINUTES, 1), (HOUR, 1), (DAY, 1)]


@pytest.mark.django_db
def test_buckets_that_have_not_ended_stay_marked_and_are_told_exactly_all_the_same():
    key = next(KEYS)
    open_bucket = BEGIN + timedelta(minutes=5)
    store(key, [(BEGIN, {"speed_kmh": 10}), (open_bucket, {"speed_kmh": 30})])
    assert refresh_rollups(ended_before=open_bucket + timedelta(minutes=4)) == 1
    assert [bucket for mark in StaleBuckets.objects.all() for bucket in mark.buckets] == [open_bucket]
    assert sums_of([key], BEGIN, BEGIN + timedelta(minutes=10))[key]["speed_sum"] == 40
    assert refresh_rollups() == 1
    assert not StaleBuckets.objects.exists()


@pytest.mark.django_db
def test_marks_are_taken_in_turns_of_a_few():
    key = next(KEYS)
    for minutes in range(0, 50, 5):
        store(key, [(BEGIN + timedelta(minutes=minutes), {})])
    assert refresh_rollups(most_marks=3) == 10
    assert Rollup.objects.filter(vehicle=key, width=FIVE_MINUTES).count() == 10


@pytest.mark.django_db(transaction=True)
def test_who_is_not_patient_leaves_the_work_to_whoever_does_it():
    key = next(KEYS)
    store(key, [(BEGIN, {})])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        assert in_a_thread(lambda: refresh_rollups(is_patient=False)) == [0]
    assert refresh_rollups(is_patient=False) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_counted_twice_while_several_store_and_several_roll_up():
    keys = [next(KEYS) for _number in range(4)]
    stored = {key: [] for key in keys}

    def write(key):
        for step in range(60):
            # Every third comes late.
            minutes = step if step % 3 else 60 - step
            some = [(BEGIN + timedelta(minutes=minutes, seconds=step), {"speed_kmh": step})]
            store(key, some)
            stored[key] += some

    def roll():
        for _turn in range(40):
            refresh_rollups(most_marks=2)

    run_at_once(*[lambda key=key: write(key) for key in keys], roll, roll)
    for key in keys:
        check(key, stored[key], BEGIN, BEGIN + timedelta(hours=2))
    refresh_rollups()
    for key in keys:
        check(key, stored[key], BEGIN, BEGIN + timedelta(hours=2))
        rolled = Rollup.objects.filter(vehicle=key, width=FIVE_MINUTES).values_list("readings", flat=True)
        assert sum(rolled) == len(oracle.first_ones(stored[key]))


def in_a_thread(work):
    answers = []
    run_at_once(lambda: answers.append(work()))
    return answers


def run_at_once(*works):
    faults = []

    def run(work):
        try:
            work()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
