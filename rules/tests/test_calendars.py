"""Hours of the week, held against a clock on the wall that is read minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.calendars import WEEKDAYS, Hours

BERLIN = "Europe/Berlin"
FORWARD, BACK = date(2026, 3, 29), date(2026, 10, 25)


def hours(begins, ends, *weekdays, zone="UTC"):
    days = frozenset(map(WEEKDAYS.index, weekdays)) or frozenset(range(7))
    return Hours(time.fromisoformat(begins), time.fromisoformat(ends), days, zone)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def at(text, zone=BERLIN, *, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def first_minute(day, clock, zone):
    """When the wall first shows this time on that day; one that is left out counts as an hour later."""
    wanted = clock.strftime("%H:%M")
    later = (datetime.combine(day, clock) + timedelta(hours=1)).strftime("%H:%M")
    begin = datetime.combine(day, time(12), UTC) - timedelta(hours=26)
    shown = [begin + timedelta(minutes=minute) for minute in range(52 * 60)]
    shown = [(one, one.astimezone(ZoneInfo(zone))) for one in shown]
    for text in (wanted, later):
        for moment, local in shown:
            if local.date() == day and local.strftime("%H:%M") == text:
                return moment.timestamp()
    raise AssertionError(f"{clock} never comes on {day}")


def spans(asked, first, last):
    """All hours that begin on the days from ``first`` to ``last``."""
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        if WEEKDAYS[day.weekday()] in {WEEKDAYS[number] for number in asked.weekdays}:
            ends = day if asked.begins < asked.ends else day + timedelta(days=1)
            yield first_minute(day, asked.begins, asked.zone), first_minute(ends, asked.ends, asked.zone)


def test_they_hold_from_their_beginning_until_just_before_their_end():
    day = hours("08:00", "17:00")
    assert [day.hold(utc(f"2026-03-02T{clock}")) for clock in ("07:59:59", "08:00", "16:59:59", "17:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_what_passes_midnight_belongs_to_the_day_on_which_it_begins():
    night = hours("22:00", "06:00", "fri")
    assert night.hold(utc("2026-03-06T22:00"))
    assert night.hold(utc("2026-03-07T00:00"))
    assert night.hold(utc("2026-03-07T05:59:59"))
    assert not night.hold(utc("2026-03-07T06:00"))
    assert not night.hold(utc("2026-03-06T05:00"))
    assert not night.hold(utc("2026-03-07T22:00"))


def test_until_midnight_and_a_whole_day():
    evening, whole = hours("18:00", "00:00", "mon"), hours("00:00", "00:00", "mon")
    assert evening.hold(utc("2026-03-02T23:59:59"))
    assert not evening.hold(utc("2026-03-03T00:00"))
    assert whole.hold(utc("2026-03-02T00:00"))
    assert whole.hold(utc("2026-03-02T23:59:59"))
    assert not whole.hold(utc("2026-03-03T00:00"))
    assert hours("07:30", "07:30").hold(utc("2026-03-02T07:30"))


def test_days_and_hours_are_those_of_the_time_zone():
    monday = hours("00:00", "12:00", "mon", zone="Asia/Kolkata")
    assert monday.hold(utc("2026-03-01T18:30"))
    assert not monday.hold(utc("2026-03-01T18:29:59"))
    assert not monday.hold(utc("2026-03-02T06:30"))


def test_a_night_is_an_hour_shorter_when_clocks_go_forward_and_longer_when_they_go_back():
    night = hours("22:00", "06:00", zone=BERLIN)
    short = night.next_edge(at("2026-03-28T23:00")) - at("2026-03-28T22:00")
    long = night.next_edge(at("2026-10-24T23:00")) - at("2026-10-24T22:00")
    assert (short / 3_600, long / 3_600) == (7, 9)


def test_a_time_that_is_left_out_counts_as_an_hour_later():
    early = hours("02:30", "06:00", zone=BERLIN)
    assert not early.hold(at("2026-03-29T03:29"))
    assert early.hold(at("2026-03-29T03:30"))
    assert early.next_edge(at("2026-03-29T01:00")) == at("2026-03-29T03:30")


def test_a_time_that_comes_twice_counts_when_it_comes_first():
    early = hours("02:30", "06:00", zone=BERLIN)
    assert early.hold(at("2026-10-25T02:30"))
    assert early.hold(at("2026-10-25T02:10", fold=1))
    late = hours("01:00", "02:30", zone=BERLIN)
    assert not late.hold(at("2026-10-25T02:10", fold=1))


@pytest.mark.parametrize(
    ("after", "edge"),
    [
        ("2026-03-02T07:00", "2026-03-02T08:00"),
        ("2026-03-02T08:00", "2026-03-02T17:00"),
        ("2026-03-02T16:59:59", "2026-03-02T17:00"),
        ("2026-03-02T17:00", "2026-03-06T08:00"),
        ("2026-03-06T17:00", "2026-03-09T08:00"),
    ],
)
def test_the_next_edge_lies_after_the_time_that_is_asked(after, edge):
    assert hours("08:00", "17:00", "mon", "fri").next_edge(utc(after)) == utc(edge)


def test_one_day_a_week_is_found_from_any_other():
    sunday = hours("08:00", "09:00", "sun")
    for day in range(2, 9):
        assert sunday.next_edge(utc(f"2026-03-0{day}T10:00")) == (
            utc("2026-03-08T08:00") if day < 8 else utc("2026-03-15T08:00")
        )


clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@settings(max_examples=40, deadline=None)
@given(
    begins=clocks,
    ends=clocks,
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from([BERLIN, "America/New_York", "Asia/Kolkata", "UTC"]),
    day=st.sampled_from([FORWARD, BACK, date(2026, 3, 8), date(2026, 11, 1), date(2026, 7, 1)]),
    step=st.sampled_from([7, 13, 29]),
)
def test_they_agree_with_the_wall_minute_by_minute(begins, ends, weekdays, zone, day, step):
    asked = Hours(begins, ends, frozenset(weekdays), zone)
    known = list(spans(asked, day - timedelta(days=2), day + timedelta(days=1)))
    edges = sorted({edge for span in known for edge in span})
    first = datetime.combine(day, time(0), UTC) - timedelta(hours=12)
    for minute in range(0, 36 * 60, step):
        moment = (first + timedelta(minutes=minute)).timestamp()
        is_within = any(begin <= moment < end for begin, end in known)
        assert asked.hold(moment) is is_within, (asked, datetime.fromtimestamp(moment, UTC))
        after = [edge for edge in edges if edge > moment]
        # Whole days that follow one another have edges at which nothing changes.
        if after and after[0] < (first + timedelta(hours=36)).timestamp():
            assert asked.next_edge(moment) == after[0]
