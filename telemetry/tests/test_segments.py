from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.samples import distance_km, great_circle_km
from telemetry.segments import Limits, find_segments, first_rest
from telemetry.tests.drives import EIGHT, Recorder

LONGEST_LOOK = timedelta(minutes=15)
TELLING = (
    {"position", "speed"},
    {"position"},
    {"speed"},
    {"odometer"},
    {"odometer", "position", "speed"},
    {"ignition"},
    {"ignition", "position", "speed", "odometer"},
)


def found(samples, *, after=timedelta(days=1), **more):
    """``(kind, minutes from eight o'clock to its first and last reading, whether closed)``."""
    return [
        (one.kind, minute(samples[one.first]), minute(samples[one.last]), one.is_closed)
        for one in find_segments(samples, now=samples[-1].at + after, **more)
    ]


def minute(sample):
    return (sample.at - EIGHT).total_seconds() / 60


def approximately(told, expected, within):
    assert [(kind, closed) for kind, _start, _end, closed in told] == [
        (kind, closed) for kind, _start, _end, closed in expected
    ]
    for one, other in zip(told, expected, strict=True):
        assert one[1:3] == pytest.approx(other[1:3], abs=within)


def test_nothing_comes_of_nothing():
    assert find_segments([], now=EIGHT) == []


@pytest.mark.parametrize("tells", TELLING, ids=lambda tells: "+".join(sorted(tells)))
@pytest.mark.parametrize("every_s", [1, 10, 30])
def test_two_drives_with_a_stop_between_are_found_whatever_the_device_tells(tells, every_s):
    recorder = Recorder(every_s=every_s, tells=frozenset(tells))
    samples = recorder.stand(20).drive(15).stand(10).drive(5).stand(20).samples

    approximately(
        found(samples),
        [
            ("STOP", 0, 20, True),
            ("TRIP", 20, 35, True),
            ("STOP", 35, 45, True),
            ("TRIP", 45, 50, True),
            ("STOP", 50, 70, False),
        ],
        # A device that tells positions alone stands within 150 m of where it came from.
        within=0.6,
    )


def test_a_red_light_does_not_end_a_trip():
    samples = Recorder().stand(10).drive(5).stand(4).drive(5).stand(10).samples

    assert [kind for kind, *_times in found(samples)] == ["STOP", "TRIP", "STOP"]


def test_ignition_off_ends_a_trip_after_a_minute_and_standing_with_it_on_does_not():
    tells = frozenset({"ignition", "speed", "position"})
    samples = Recorder(tells=tells).stand(5).drive(5).stand(30, is_on=True).drive(5).stand(2).drive(5).samples

    approximately(
        found(samples, after=timedelta(0)),
        [
            ("STOP", 0, 5, True),
            ("TRIP", 5, 45, True),
            ("STOP", 45, 47, True),
            ("TRIP", 47, 52, False),
        ],
        within=0.2,
    )


def test_an_engine_that_warms_up_in_its_place_is_no_trip():
    samples = (
        Recorder(tells=frozenset({"ignition", "position"})).stand(5).stand(20, is_on=True).stand(5).samples
    )

    approximately(found(samples), [("STOP", 0, 30, False)], within=0.2)


def test_a_trip_goes_from_the_last_reading_at_rest_to_the_first():
    samples = Recorder(every_s=60).stand(10).drive(10).stand(10).samples

    stop, trip, last = find_segments(samples, now=EIGHT + timedelta(days=1))

    assert (minute(samples[trip.first]), minute(samples[trip.last])) == (9, 20)
    assert distance_km(samples[trip.first : trip.last + 1]) == pytest.approx(10 * 40 / 60, abs=0.001)
    assert (stop.last, last.first) == (trip.first, trip.last)


def test_the_newest_trip_is_open_until_the_vehicle_stands_or_falls_silent():
    samples = Recorder().stand(10).drive(10).samples

    assert found(samples, after=timedelta(minutes=9))[-1][3] is False
    assert found(samples, after=timedelta(minutes=11))[-2:] == [
        ("TRIP", pytest.approx(9.8, abs=0.1), pytest.approx(19.8, abs=0.1), True),
        ("STOP", pytest.approx(19.8, abs=0.1), pytest.approx(19.8, abs=0.1), False),
    ]
    waiting = Recorder().stand(10).drive(10).stand(4).samples
    assert found(waiting, after=timedelta(0))[-1][3] is False
    assert found(waiting, after=timedelta(0))[-1][0] == "TRIP"


def test_silence_ends_a_trip_and_a_vehicle_that_is_found_elsewhere_did_not_stand_meanwhile():
    samples = Recorder().drive(10).silence(15, km=10).drive(10).samples

    approximately(
        found(samples),
        [("TRIP", 0, 10, True), ("TRIP", 25, 35, True), ("STOP", 35, 35, False)],
        within=0.2,
    )


def test_a_parked_vehicle_that_sleeps_stands_through_the_silence():
    samples = Recorder().drive(10).stand(1).silence(600).stand(1).drive(10).samples

    approximately(
        found(samples),
        [("TRIP", 0, 10, True), ("STOP", 10, 612, True), ("TRIP", 612, 622, True), ("STOP", 622, 622, False)],
        within=0.3,
    )


def test_a_vehicle_that_was_carried_away_while_it_slept_has_two_stops():
    samples = Recorder().drive(10).stand(6).silence(600, km=30).stand(6).drive(10).samples

    assert [kind for kind, *_times in found(samples)] == ["TRIP", "STOP", "STOP", "TRIP", "STOP"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("every_s", [1, 10])
def test_noise_of_gps_makes_no_trips_of_a_parked_vehicle(seed, every_s):
    # Fixes shake by 15 m; the speed that is told is 2.4 km/h in the mean and goes up to 10.
    samples = Recorder(every_s=every_s, noise_km=0.015, seed=seed).stand(120).samples

    assert any(sample.speed_kmh > Limits().moving_kmh for sample in samples)
    assert [kind for kind, *_times in found(samples)] == ["STOP"]


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_gps_does_not_lengthen_a_trip(seed):
    samples = Recorder(noise_km=0.015, seed=seed).stand(30).drive(12).stand(120).drive(8).stand(40).samples

    approximately(
        found(samples),
        [
            ("STOP", 0, 30, True),
            ("TRIP", 30, 42, True),
            ("STOP", 42, 162, True),
            ("TRIP", 162, 170, True),
            ("STOP", 170, 210, False),
        ],
        within=0.7,
    )


def test_a_single_fix_far_away_is_no_trip():
    samples = Recorder(tells=frozenset({"position"})).stand(60).samples
    samples[180] = samples[180]._replace(latitude=4.7)

    assert [kind for kind, *_times in found(samples)] == ["STOP"]


def test_limits_can_be_others():
    samples = Recorder().stand(10).drive(5).stand(4).drive(5).stand(10).samples

    kinds = [kind for kind, *_times in found(samples, limits=Limits(stop_s=120))]

    assert kinds == ["STOP", "TRIP", "STOP", "TRIP", "STOP"]


# ---------------------------------------------------------------- against a plain oracle

legs = st.tuples(
    st.sampled_from(["drive", "stand", "idle", "silence"]),
    st.sampled_from([0.5, 1, 2, 4, 5, 6, 11, 20, 40]),
    st.sampled_from([3.0, 10.0, 40.0]),
)


plans = st.fixed_dictionaries(
    {
        "every_s": st.sampled_from([10, 30, 60]),
        "noise_km": st.sampled_from([0, 0.01, 0.03]),
        "tells": st.sampled_from(TELLING),
        "seed": st.integers(0, 9),
        "legs": st.lists(legs, min_size=1, max_size=8),
        "dropped": st.sets(st.integers(1, 60), max_size=10),
        "blind": st.sets(st.integers(0, 60), max_size=10),
    }
)


def recorded(plan):
    recorder = Recorder(plan["every_s"], noise_km=plan["noise_km"], tells=plan["tells"], seed=plan["seed"])
    for kind, minutes, amount in plan["legs"]:
        if kind == "drive":
            recorder.drive(minutes, kmh=amount)
        elif kind == "silence":
            recorder.silence(minutes, km=amount if amount == 3 else 0)
        else:
            recorder.stand(minutes, is_on=kind == "idle")
    return [
        sample._replace(latitude=None, speed_kmh=None) if place in plan["blind"] else sample
        for place, sample in enumerate(recorder.stand(1).samples)
        if place not in plan["dropped"]
    ]


def state(samples, i):
    one = samples[i]
    if one.ignition is not None:
        return "on" if one.ignition else "off"
    kmh = one.speed_kmh
    if kmh is None and i and None not in (one.odometer_km, samples[i - 1].odometer_km):
        hours = (one.at - samples[i - 1].at).total_seconds() / 3600
        kmh = (one.odometer_km - samples[i - 1].odometer_km) / hours if hours <= 1 / 6 else None
    return "?" if kmh is None else "fast" if kmh >= 5 else "slow"


def seconds(samples, i, j):
    return (samples[j].at - samples[i].at).total_seconds()


def is_block(samples, i, j):
    return all(seconds(samples, k, k + 1) <= 600 for k in range(i, j))


def box_is_small(samples, i, j):
    fixes = [(s.latitude, s.longitude) for s in samples[i : j + 1] if s.latitude is not None]
    if len(fixes) < 2:
        return False
    north = max(fix[0] for fix in fixes)
    height = north - min(fix[0] for fix in fixes)
    width = great_circle_km((north, min(fix[1] for fix in fixes)), (north, max(fix[1] for fix in fixes)))
    return height * 111.2 <= 0.15 and width <= 0.15


def resting(samples, states):
    n = len(samples)
    rest = set()
    for i in range(n):
        for j in range(i, n):
            if not is_block(samples, i, j):
                break
            long = seconds(samples, i, j)
            part = states[i : j + 1]
            is_slow = all(s in ("off", "slow") for s in part) and long >= 300
            is_off = all(s == "off" for s in part) and long >= 60
            is_shortest = long >= 300 and seconds(samples, i, j - 1) < 300
            is_stay = is_shortest and "on" not in part and box_is_small(samples, i, j)
            if is_slow or is_off or is_stay:
                rest |= set(range(i, j + 1))
    return rest


def near(samples, core, place):
    return (
        0 <= place < len(samples)
        and is_block(samples, min(core, place), max(core, place))
        and abs(seconds(samples, core, place)) <= 120
    )


def edge(samples, states, core, step):
    place = core
    while near(samples, core, place + step) and states[place + step] == "fast":
        place += step
    if step < 0 and states[place] == "on":
        return place
    return place + step if near(samples, core, place + step) else place


def leads_away(samples, first, last):
    part = samples[first : last + 1]
    odometers = [s.odometer_km for s in part if s.odometer_km is not None]
    fixes = [(s.latitude, s.longitude) for s in part if s.latitude is not None]
    if seconds(samples, first, last) < 60:
        return False
    if len(odometers) > 1 and odometers[-1] - odometers[0] >= 0.2:
        return True
    if len(fixes) > 1:
        return len([fix for fix in fixes if great_circle_km(fixes[0], fix) >= 0.2]) > 1
    if len(odometers) > 1:
        return False
    if all(s.speed_kmh is None for s in part):
        return True
    return sum((a.speed_kmh or 0) * (b.at - a.at).total_seconds() / 3600 for a, b in pairwise(part)) >= 0.2


def slow_trips(samples, now):
    """Straight from the words, looking at everything again for every reading."""
    states = [state(samples, i) for i in range(len(samples))]
    rest, trips, run = resting(samples, states), [], []
    for i in range(len(samples)):
        if i in rest:
            continue
        run.append(i)
        ends = i + 1 == len(samples) or i + 1 in rest or not is_block(samples, i, i + 1)
        if not ends:
            continue
        moving = [k for k in run if states[k] not in ("off", "slow")]
        is_open = i + 1 == len(samples) and (now - samples[i].at).total_seconds() <= 600
        run = []
        if moving:
            first = max(edge(samples, states, moving[0], -1), trips[-1][1] if trips else 0)
            last = i if is_open else edge(samples, states, moving[-1], 1)
            if leads_away(samples, first, last):
                trips.append((first, last, not is_open))
    return trips


@given(plans, st.sampled_from([0, 700]))
@settings(deadline=None, max_examples=60)
def test_trips_are_what_the_words_say(plan, later_s):
    samples = recorded(plan)[:120]
    now = samples[-1].at + timedelta(seconds=later_s)

    segments = find_segments(samples, now=now)

    trips = [(one.first, one.last, one.is_closed) for one in segments if one.kind == "TRIP"]
    assert trips == slow_trips(samples, now)
    for one, other in pairwise(segments):
        assert one.last <= other.first
    assert [one.is_closed for one in segments[:-1]] == [True] * (len(segments) - 1)
    assert not segments[-1].is_closed


@given(plans)
@settings(deadline=None, max_examples=60)
def test_going_on_from_a_stop_finds_what_beginning_at_the_start_finds(plan):
    samples = recorded(plan)
    now = samples[-1].at
    whole = find_segments(samples, now=now)
    for number, stop in enumerate(whole):
        for loaded, context in contexts(samples, stop) if stop.kind == "STOP" else ():
            again = find_segments(samples[loaded:], now=now, context=context - loaded)
            told = [(one.kind, one.first + loaded, one.last + loaded, one.is_closed) for one in again]
            expected = [(one.kind, one.first, one.last, one.is_closed) for one in whole[number:]]
            expected[0] = ("STOP", context, stop.last, stop.is_closed)
            assert told == expected


def contexts(samples, stop):
    """From where readings are loaded, and from where they are looked at: the stop's beginning, and far in it."""
    early = samples[stop.first].at - LONGEST_LOOK
    yield next(i for i, sample in enumerate(samples) if sample.at >= early), stop.first
    for end in range(stop.first + 1, stop.last + 1):
        start = samples[end].at - 2 * LONGEST_LOOK
        if start >= samples[stop.first].at:
            loaded = next(i for i, sample in enumerate(samples) if sample.at >= start)
            context = first_rest(samples[loaded:], start=start + LONGEST_LOOK, end=samples[end].at)
            if context is not None:
                yield loaded, loaded + context
