"""Days that are over are put in order, while readings go on coming."""

from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread

import orjson
import pytest
from django.db import connection, transaction

from telemetry import closing
from telemetry.models import Rollup
from telemetry.partitions import make_days, partition_of
from telemetry.rollups import FIVE_MINUTES, refresh_rollups
from telemetry.spans import sums_of
from telemetry.tests.factories import store

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
NEXT_DAY = datetime(2026, 3, 3, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_day(monkeypatch):
    """An empty table of the day, and no patience with who holds it."""
    monkeypatch.setattr(closing, "LOCKED_WITHIN", "200ms")
    monkeypatch.setattr(closing, "PAUSE_S", 0.05)
    drop_day()
    make_days([DAY])
    yield
    drop_day()


def drop_day():
    run(f"DROP TABLE IF EXISTS {partition_of(DAY)}")


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None


def fill(vehicles=(1, 2, 3), minutes=range(0, 600, 7)):
    """As it comes: every vehicle a reading, then every vehicle the next."""
    for minute in minutes:
        for vehicle in vehicles:
            store(vehicle, [(MORNING + timedelta(minutes=minute), {"speed_kmh": minute})])


def stored():
    return run("SELECT vehicle, recorded_at, speed_kmh FROM telemetry_reading ORDER BY 1, 2")


def as_it_lies():
    return [row[:2] for row in run(f"SELECT vehicle, recorded_at FROM {partition_of(DAY)} ORDER BY ctid")]


def left_over():
    return run("SELECT relname FROM pg_class WHERE relname ~ '^telemetry_reading_.*(_new|_late)'")


def test_a_day_that_is_over_lies_in_order_of_vehicle_and_time_and_says_the_same():
    fill()
    before = stored()
    assert closing.close_days(now=NEXT_DAY) == [DAY]
    assert stored() == before
    assert as_it_lies() == [row[:2] for row in before]
    assert left_over() == []


def test_a_day_is_closed_some_hours_after_its_end_and_once():
    fill()
    assert closing.due_days(datetime(2026, 3, 3, 5, 59, tzinfo=UTC)) == []
    assert closing.due_days(NEXT_DAY) == [DAY]
    closing.close_day(DAY)
    assert closing.due_days(NEXT_DAY) == []
    [(comment,)] = run(f"SELECT obj_description('{partition_of(DAY)}'::regclass, 'pg_class')")
    assert orjson.loads(comment)["rows"] == len(stored())


def test_a_day_without_readings_is_left_as_it_is():
    assert closing.due_days(NEXT_DAY) == []


def test_a_closed_day_takes_late_readings_and_of_the_same_time_the_first_wins():
    fill()
    closing.close_day(DAY)
    before = stored()
    store(2, [(MORNING + timedelta(minutes=1), {"speed_kmh": 99}), (MORNING, {"speed_kmh": 99})])
    assert len(stored()) == len(before) + 1
    assert run("SELECT speed_kmh FROM telemetry_reading WHERE vehicle = 2 AND recorded_at = %s", MORNING) == [
        (0,)
    ]


def test_a_closed_day_to_which_much_came_late_is_closed_again(monkeypatch):
    monkeypatch.setattr(closing, "CHANGED_ROWS", 10)
    fill()
    closing.close_day(DAY)
    fill(vehicles=[1], minutes=range(1, 3))
    run(f"ANALYZE {partition_of(DAY)}")
    assert closing.due_days(NEXT_DAY) == []
    fill(vehicles=[4], minutes=range(40))
    run(f"ANALYZE {partition_of(DAY)}")
    assert closing.close_days(now=NEXT_DAY) == [DAY]
    assert as_it_lies() == [row[:2] for row in stored()]


def test_what_comes_while_a_day_is_copied_is_in_the_new_table_too(monkeypatch):
    fill()
    copy = closing._copy

    def copy_while_readings_come(old, new, day):
        store(7, [(MORNING + timedelta(seconds=1), {"speed_kmh": 1})])
        copy(old, new, day)
        store(7, [(MORNING + timedelta(seconds=2), {"speed_kmh": 2}), (MORNING, {"speed_kmh": 3})])

    monkeypatch.setattr(closing, "_copy", copy_while_readings_come)
    assert closing.close_day(DAY)
    told = run("SELECT speed_kmh FROM telemetry_reading WHERE vehicle = 7 ORDER BY recorded_at")
    assert told == [(3,), (1,), (2,)]


def test_nothing_is_lost_while_readings_come_in_at_any_moment():
    fill(minutes=range(0, 600, 20))
    over, counts, begun = Event(), [], Event()

    def write():
        count = 0
        try:
            while not over.is_set():
                store(50, [(MORNING + timedelta(milliseconds=count), {})])
                count += 1
                if count > 10:
                    begun.set()
        finally:
            counts.append(count)
            connection.close()

    writer = Thread(target=write)
    writer.start()
    try:
        assert [closing.close_day(DAY) for _turn in range(4)] == [True] * 4
        assert begun.wait(20)
        assert closing.close_day(DAY)
    finally:
        over.set()
        writer.join()
    assert run("SELECT count(*) FROM telemetry_reading WHERE vehicle = 50") == [(counts[0],)]
    assert counts[0] > 10


def test_a_day_whose_table_is_in_use_stays_as_it_is_and_is_closed_later(monkeypatch):
    fill(minutes=range(3))
    held, over = Event(), Event()

    def hold():
        try:
            with transaction.atomic():
                run(f"SELECT count(*) FROM {partition_of(DAY)}")
                held.set()
                over.wait(10)
        finally:
            connection.close()

    holder = Thread(target=hold)
    holder.start()
    held.wait(10)
    before = stored()
    assert not closing.close_day(DAY)
    store(9, [(MORNING, {})])
    over.set()
    holder.join()
    assert len(stored()) == len(before) + 1
    assert closing.close_days(now=NEXT_DAY) == [DAY]
    assert left_over() == []


def test_a_closing_that_broke_is_taken_up_by_the_next(monkeypatch):
    fill(minutes=range(3))

    def break_down(*_args):
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(closing, "_swap", break_down)
        with pytest.raises(RuntimeError):
            closing.close_days(now=NEXT_DAY)
    assert len(left_over()) >= 2
    store(9, [(MORNING, {})])
    assert closing.close_days(now=NEXT_DAY) == [DAY]
    assert len(stored()) == 10
    assert left_over() == []


def test_only_one_process_closes_days_at_a_time():
    fill(minutes=range(3))
    answers = []

    def close():
        answers.append(closing.close_days(now=NEXT_DAY))
        connection.close()

    with closing.only_one() as is_mine:
        assert is_mine
        other = Thread(target=close)
        other.start()
        other.join()
    assert answers == [[]]
    assert closing.close_days(now=NEXT_DAY) == [DAY]


def test_the_days_rollups_are_put_in_order_and_say_the_same():
    fill()
    refresh_rollups()
    start, end = MORNING + timedelta(minutes=3), MORNING + timedelta(hours=9, minutes=1)
    before, count = sums_of([1, 2, 3], start, end), Rollup.objects.count()
    closing.close_day(DAY)
    assert (sums_of([1, 2, 3], start, end), Rollup.objects.count()) == (before, count)
    lying = run("SELECT vehicle, bucket FROM telemetry_rollup WHERE width = %s ORDER BY ctid", FIVE_MINUTES)
    assert lying == sorted(lying)
