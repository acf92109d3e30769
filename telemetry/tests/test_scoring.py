from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from telemetry.samples import Sample, distance_km, great_circle_km, time_order
from telemetry.scoring import Thresholds, score

USUAL = Thresholds()
EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def drive(*gs, **more):
    return [Sample(g_force_long=g, **more) for g in gs]


def test_each_harsh_sample_costs_five_points():
    judged = score(drive(0.1, -0.41, 0.2, 0.41, 0.5), USUAL)

    assert judged.safety_score == 85
    assert (judged.harsh_braking_count, judged.rapid_accel_count) == (1, 2)


def test_a_sample_at_the_threshold_is_not_harsh():
    assert score(drive(-0.4, 0.4), USUAL).safety_score == 100


def test_a_score_does_not_fall_below_zero():
    assert score(drive(*[-0.9] * 21), USUAL).safety_score == 0


def test_thresholds_and_penalty_are_what_they_are_set_to():
    judged = score(drive(-0.3, 0.3, 0.5), Thresholds(-0.2, 0.4, 7.5))

    assert judged.safety_score == 85


def test_harsh_samples_in_a_row_are_one_episode():
    judged = score(drive(-0.5, -0.7, -0.6, 0, -0.5, 0.6, 0.7), USUAL)

    assert [event.told() for event in judged.events] == [
        {"kind": "HARSH_BRAKING", "index": 0, "at": None, "g": -0.7, "samples": 3, **NOWHERE},
        {"kind": "HARSH_BRAKING", "index": 4, "at": None, "g": -0.5, "samples": 1, **NOWHERE},
        {"kind": "RAPID_ACCEL", "index": 5, "at": None, "g": 0.7, "samples": 2, **NOWHERE},
    ]
    assert (judged.episodes("HARSH_BRAKING"), judged.episodes("RAPID_ACCEL")) == (2, 1)


NOWHERE = {"latitude": None, "longitude": None}


def test_a_sample_without_an_acceleration_counts_for_nothing():
    judged = score(drive(-0.5, None, -0.6), USUAL)

    assert judged.safety_score == 90
    assert [event.samples for event in judged.events] == [2]


def test_a_drive_without_any_acceleration_has_no_score():
    judged = score(drive(None, None), USUAL)

    assert judged.safety_score is None
    assert judged.events == []


def test_an_event_tells_when_and_where_it_began():
    samples = [
        Sample(at=EIGHT, latitude=4.6, longitude=-74.08, g_force_long=0),
        Sample(at=EIGHT + timedelta(seconds=1), g_force_long=-0.5),
        Sample(at=EIGHT + timedelta(seconds=2), latitude=4.61, longitude=-74.07, g_force_long=-0.6),
    ]

    [event] = score(samples, USUAL).events

    assert (event.at, event.latitude, event.longitude) == ("2026-03-02T08:00:01Z", 4.61, -74.07)


def test_samples_are_judged_in_the_order_of_their_times():
    later = Sample(at=EIGHT + timedelta(seconds=1), g_force_long=-0.6)
    between = Sample(at=EIGHT + timedelta(seconds=3), g_force_long=0.1)
    first = Sample(at=EIGHT, g_force_long=-0.5)

    [event] = score([later, between, first], USUAL).events

    assert (event.index, event.samples) == (2, 2)


def test_the_odometer_tells_the_way_where_there_is_one():
    samples = [
        Sample(odometer_km=100, latitude=0, longitude=0),
        Sample(latitude=9, longitude=9),
        Sample(odometer_km=112.5, latitude=0, longitude=1),
    ]

    assert distance_km(samples) == 12.5


def test_the_fixes_tell_the_way_where_the_odometer_was_changed_or_is_told_once():
    degree = great_circle_km((0, 0), (0, 1))

    assert round(degree, 3) == 111.195
    for first in (100, None):
        samples = [
            Sample(odometer_km=first, latitude=0, longitude=0),
            Sample(latitude=None, longitude=0.5),
            Sample(odometer_km=2, latitude=0, longitude=1),
        ]
        assert distance_km(samples) == degree


def test_a_drive_without_places_has_no_distance():
    assert distance_km(drive(0.1, 0.2)) is None
    assert distance_km([Sample(odometer_km=1, latitude=1, longitude=1)]) is None


# ---------------------------------------------------------------- against a plain oracle

accelerations = st.one_of(st.none(), st.sampled_from([-0.4, 0.4, -0.41, 0.41]), st.floats(-2, 2))
times = st.one_of(st.none(), st.integers(0, 5).map(lambda s: EIGHT + timedelta(seconds=s)))
drives = st.lists(st.builds(Sample, at=times, g_force_long=accelerations), max_size=12)


def slow_score(samples, low, high, penalty):
    """Straight from the words, with nothing shared with the code."""
    rows = list(enumerate(samples))
    if all(sample.at for sample in samples):
        rows.sort(key=lambda row: row[1].at)
    episodes, braking, accel, running = [], 0, 0, None
    for index, sample in rows:
        g = sample.g_force_long
        if g is None:
            continue
        kind = "B" if g < low else "A" if g > high else None
        braking += kind == "B"
        accel += kind == "A"
        if kind is not None and kind == running:
            episodes[-1][2] = min(episodes[-1][2], g) if kind == "B" else max(episodes[-1][2], g)
            episodes[-1][3] += 1
        elif kind is not None:
            episodes.append([kind, index, g, 1])
        running = kind
    has_g = any(sample.g_force_long is not None for sample in samples)
    points = max(0, 100 - penalty * (braking + accel)) if has_g else None
    return points, braking, accel, episodes


@given(drives, st.floats(-1, 0), st.floats(0, 1), st.integers(0, 30))
def test_a_score_is_what_the_words_say(samples, low, high, penalty):
    judged = score(samples, Thresholds(low, high, penalty))

    told = [
        [event.kind[0].replace("H", "B").replace("R", "A"), event.index, event.g, event.samples]
        for event in judged.events
    ]
    assert (judged.safety_score, judged.harsh_braking_count, judged.rapid_accel_count, told) == slow_score(
        samples, low, high, penalty
    )
    assert (
        sum(event.samples for event in judged.events) == judged.harsh_braking_count + judged.rapid_accel_count
    )


@given(drives)
def test_the_order_holds_every_sample_once_and_keeps_that_of_equal_times(samples):
    order = time_order(samples)

    assert sorted(order) == list(range(len(samples)))
    if all(sample.at for sample in samples):
        keys = [(samples[place].at, place) for place in order]
        assert keys == sorted(keys)
