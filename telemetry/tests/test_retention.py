"""Readings that are older than their fleet wants lie in archives, and come back from there."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.utils import timezone

from accounts.tests.factories import FleetFactory
from api_pattern.exceptions import Unprocessable
from telemetry import archives, retention
from telemetry.archives import ArchiveIsDamaged
from telemetry.closing import only_one
from telemetry.models import Archive, Reading, Rollup
from telemetry.partitions import existing_days, make_days, partition_of
from telemetry.restoring import ArchiveIsBusy, load_requested, request_restore, restore_archive
from telemetry.retention import archive_readings, keep_days_of, set_retention
from telemetry.rollups import ARCHIVED, DAY, refresh_rollups
from telemetry.spans import series_of, sums_of
from telemetry.tests.factories import store
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db(transaction=True)

THE_DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
READING = {
    "speed_kmh": 42.3,
    "heading_deg": 359.9,
    "battery_pct": 81,
    "engine_temp_c": 88.1,
    "odometer_km": 10_412.123456,
    "latitude": 4.711,
    "longitude": -74.0721,
    "g_force_long": -0.12,
    "status": "MOVING",
    "attributes": '{"driver": "Ana ☺", "count": 123456789012345678901234567890}',
}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """An empty storage, and no readings of other tests."""
    options = {"location": str(tmp_path), "base_url": None}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options},
    }
    run("TRUNCATE telemetry_reading")
    make_days([THE_DAY])
    yield tmp_path
    run("TRUNCATE telemetry_reading")


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None


def after(days):
    return END + timedelta(days=days)


@pytest.fixture
def short():
    fleet = FleetFactory(fleet_id="short")
    set_retention(fleet, 10)
    return fleet


@pytest.fixture
def long():
    return FleetFactory(fleet_id="long")


def vehicle(fleet, name):
    return Vehicle.objects.create(vehicle_id=name, fleet=fleet)


def drive(one, count=20, first=0):
    store(one, [(MORNING + timedelta(minutes=number), READING) for number in range(first, first + count)])


def rows():
    return list(Reading.objects.order_by("vehicle", "recorded_at").values())


def sums(*vehicles):
    return sums_of([one.pk for one in vehicles], START, END)


def test_a_fleets_days_are_its_own_or_the_settings(short, long, settings):
    settings.READINGS_KEEP_DAYS = 77
    assert (keep_days_of(short), keep_days_of(long), keep_days_of(None)) == (10, 77, 77)
    assert set_retention(short, None) == 77


def test_each_fleets_readings_go_when_they_are_older_than_it_wants(short, long):
    near, far, stray = vehicle(short, "near"), vehicle(long, "far"), vehicle(None, "stray")
    for one in (near, far, stray):
        drive(one)
    assert archive_readings(now=after(9.9)) == []
    assert [one.name for one in archive_readings(now=after(10))] == ["archives/short/2026-03-02.parquet"]
    assert {one["vehicle"] for one in rows()} == {far.pk, stray.pk}
    assert archive_readings(now=after(89.9)) == []
    assert sorted(one.name for one in archive_readings(now=after(90))) == [
        "archives/long/2026-03-02.parquet",
        "archives/none/2026-03-02.parquet",
    ]
    assert rows() == []
    assert archive_readings(now=after(90)) == []


def test_an_archive_is_a_file_that_anyone_can_read(short, folder):
    one = vehicle(short, "near")
    drive(one, 3)
    [archive] = archive_readings(now=after(10))
    table = pq.read_table(folder / archive.name)
    assert table.num_rows == archive.readings == 3
    assert (folder / archive.name).stat().st_size == archive.size
    first = table.to_pylist()[0]
    assert (first["vehicle_id"], first["recorded_at"], first["latitude_e6"]) == ("near", MORNING, 4_711_000)
    assert first["speed_kmh"] == pytest.approx(42.3)
    assert "Ana ☺" in first["attributes"]


def test_sums_stay_when_readings_go(short):
    one = vehicle(short, "near")
    drive(one)
    before = sums(one)
    archive_readings(now=after(10))
    assert (rows(), sums(one)) == ([], before)


def test_a_span_that_cuts_archived_five_minutes_counts_them_as_a_whole(short, long):
    near, far = vehicle(short, "near"), vehicle(long, "far")
    for one in (near, far):
        drive(one)
    archive_readings(now=after(10))
    keys, begin = [near.pk, far.pk], MORNING + timedelta(minutes=2)
    told = sums_of(keys, begin, begin + timedelta(minutes=10))
    assert {key: told[key]["readings"] for key in keys} == {near.pk: 15, far.pk: 10}
    told = sums_of(keys, begin, begin + timedelta(minutes=1))
    assert {key: told[key]["readings"] for key in keys} == {near.pk: 5, far.pk: 1}


def test_a_series_of_archived_readings_is_of_five_minutes_or_refused(short):
    one = vehicle(short, "near")
    drive(one)
    span = (MORNING + timedelta(minutes=2), MORNING + timedelta(minutes=18))
    before = len(json.loads(series_of(one.pk, *span, seconds=300, measure="speed")))
    archive_readings(now=after(10))
    assert len(json.loads(series_of(one.pk, *span, seconds=300, measure="speed"))) == before == 4
    with pytest.raises(Unprocessable, match="readings of 2026-03-02 lie in an archive"):
        series_of(one.pk, *span, seconds=60, measure="speed")


def test_a_late_reading_is_added_to_the_sums_of_an_archived_day_and_archived_in_its_turn(short):
    one = vehicle(short, "near")
    drive(one)
    archive_readings(now=after(10))
    store(one, [(MORNING + timedelta(seconds=1), {**READING, "speed_kmh": 90})])
    refresh_rollups()
    told = sums(one)[one.pk]
    assert (told["readings"], told["speed_max"]) == (21, 90)
    store(one, [(MORNING + timedelta(seconds=2), {**READING, "speed_kmh": 95})])
    refresh_rollups()
    assert sums(one)[one.pk]["readings"] == 22
    [second] = archive_readings(now=after(10))
    assert (second.name, second.readings) == ("archives/short/2026-03-02-2.parquet", 2)
    store(one, [(MORNING + timedelta(seconds=3), READING)])
    refresh_rollups()
    told = sums(one)[one.pk]
    assert (told["readings"], told["speed_max"]) == (23, 95)


def test_archived_readings_come_back_as_they_were_and_go_again(short, folder):
    one = vehicle(short, "near")
    drive(one)
    before, told = rows(), sums(one)
    [archive] = archive_readings(now=after(10))
    until = timezone.now() + timedelta(days=2)
    restored = restore_archive(archive, until=until)
    assert (restored.status, restored.restored_until) == ("RESTORED", until)
    assert (rows(), sums(one)) == (before, told)
    refresh_rollups()
    assert sums(one) == told
    restore_archive(archive, until=until)
    assert rows() == before
    assert archive_readings(now=until - timedelta(minutes=1)) == []
    [again] = archive_readings(now=until + timedelta(minutes=1))
    assert (rows(), sums(one)) == ([], told)
    assert Archive.objects.get() == again
    assert [path.name for path in folder.rglob("*.parquet")] == [Path(again.name).name]
    assert rows() == []
    restore_archive(again, until=timezone.now() + timedelta(days=1))
    assert rows() == before


def test_with_an_archive_come_those_that_hold_other_readings_of_its_vehicles(short, long):
    one, other = vehicle(short, "moves"), vehicle(long, "stays")
    drive(one)
    [first] = archive_readings(now=after(10))
    Vehicle.objects.filter(pk=one.pk).update(fleet=long)
    drive(one, 5, first=100)
    drive(other, 1)
    refresh_rollups()
    told = sums(one, other)
    [second] = archive_readings(now=after(90))
    restore_archive(first, until=timezone.now() + timedelta(days=1))
    assert set(Archive.objects.values_list("pk", "status")) == {
        (first.pk, "RESTORED"),
        (second.pk, "RESTORED"),
    }
    assert len(rows()) == 26
    refresh_rollups()
    assert sums(one, other) == told


def test_what_came_late_stays_beside_what_comes_back(short):
    one = vehicle(short, "near")
    drive(one, 3)
    [archive] = archive_readings(now=after(10))
    late = MORNING + timedelta(seconds=1)
    store(one, [(late, {"speed_kmh": 90})])
    refresh_rollups()
    restore_archive(archive, until=timezone.now() + timedelta(days=1))
    refresh_rollups()
    assert sums(one)[one.pk]["readings"] == len(rows()) == 4
    assert not Rollup.objects.filter(width=ARCHIVED).exists()
    assert not Rollup.objects.filter(width=DAY, archived=True).exists()


def test_a_file_that_is_not_what_was_written_is_not_loaded(short, folder):
    drive(vehicle(short, "near"))
    [archive] = archive_readings(now=after(10))
    content = bytearray((folder / archive.name).read_bytes())
    content[100] ^= 1
    (folder / archive.name).write_bytes(content)
    until = timezone.now() + timedelta(days=1)
    with pytest.raises(ArchiveIsDamaged, match="SHA-256"):
        restore_archive(archive, until=until)
    (folder / archive.name).unlink()
    with pytest.raises(ArchiveIsDamaged, match="no longer in the storage"):
        restore_archive(archive, until=until)
    archive.refresh_from_db()
    assert (archive.status, archive.restored_until, rows()) == ("STORED", None, [])
    assert "no longer in the storage" in archive.reason


def test_what_was_requested_is_loaded_by_the_sweep(short):
    drive(vehicle(short, "near"), 4)
    [archive] = archive_readings(now=after(10))
    assert request_restore(archive, until=timezone.now() + timedelta(days=1)).status == "RESTORING"
    assert load_requested() == 1
    assert load_requested() == 0
    assert len(rows()) == 4


@pytest.mark.parametrize("step", ["write_archive", "_take_away"])
def test_a_run_that_is_killed_loses_nothing_and_the_next_one_does_its_work(short, monkeypatch, folder, step):
    drive(vehicle(short, "near"))
    before = rows()

    def kill(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(retention, step, kill)
        with pytest.raises(KeyboardInterrupt):
            archive_readings(now=after(10))
    assert rows() == before
    assert Archive.objects.get().status == "WRITING"
    [archive] = archive_readings(now=after(10))
    assert Archive.objects.get() == archive
    assert [str(path.relative_to(folder)) for path in folder.rglob("*.parquet")] == [archive.name]
    assert rows() == []


def test_a_reading_that_comes_while_its_day_is_written_is_not_taken_away(short, monkeypatch, folder):
    one = vehicle(short, "near")
    drive(one)
    write = retention.write_archive

    def write_while_readings_come(archive, vehicles):
        written = write(archive, vehicles)
        drive(one, 1, first=500)
        return written

    with monkeypatch.context() as busy:
        busy.setattr(retention, "write_archive", write_while_readings_come)
        assert archive_readings(now=after(10)) == []
    assert len(rows()) == 21
    assert list(folder.rglob("*.parquet")) == []
    [archive] = archive_readings(now=after(10))
    assert archive.readings == 21


def test_a_purged_vehicles_readings_and_sums_go_without_an_archive(short):
    one, other = vehicle(short, "purged"), vehicle(short, "near")
    drive(one)
    drive(other)
    refresh_rollups()
    Vehicle.all_objects.filter(pk=one.pk).delete()
    archive_readings(now=after(1))
    assert {row["vehicle"] for row in rows()} == {other.pk}
    assert not Rollup.objects.filter(vehicle=one.pk).exists()
    assert not Archive.objects.exists()


def test_a_hidden_vehicles_readings_are_archived_like_others(short):
    one = vehicle(short, "hidden")
    drive(one, 2)
    Vehicle.objects.filter(pk=one.pk).update(deleted_at=timezone.now())
    [archive] = archive_readings(now=after(10))
    assert archive.readings == 2


@pytest.mark.parametrize("fleet_id", ["..", "none", "a b", "Größe ☺", "x" * 64])
def test_a_fleets_id_that_no_path_can_hold_is_replaced(fleet_id, folder):
    fleet = FleetFactory(fleet_id=fleet_id)
    drive(vehicle(fleet, "near"), 1)
    [archive] = archive_readings(now=after(90))
    told = fleet_id if len(fleet_id) == 64 else f"fleet-{fleet.pk}"
    assert archive.name == f"archives/{told}/2026-03-02.parquet"
    assert (folder / archive.name).exists()


def test_a_file_of_many_readings_is_written_and_read_some_at_a_time(short, monkeypatch):
    monkeypatch.setattr(archives, "ROWS_AT_ONCE", 7)
    one = vehicle(short, "near")
    drive(one, 50)
    before = rows()
    [archive] = archive_readings(now=after(10))
    restore_archive(archive, until=timezone.now() + timedelta(days=1))
    assert rows() == before


def test_a_day_that_nobody_may_send_readings_for_any_more_is_dropped_when_it_is_empty(short):
    drive(vehicle(short, "near"), 2)
    archive_readings(now=after(10))
    assert THE_DAY in existing_days()
    archive_readings(now=after(406))
    assert THE_DAY not in existing_days()


def test_days_are_worked_on_by_one_process_at_a_time(short):
    drive(vehicle(short, "near"), 2)
    answers = []

    def archive():
        answers.append(archive_readings(now=after(10)))
        connection.close()

    with only_one():
        other = Thread(target=archive)
        other.start()
        other.join()
    assert answers == [[]]
    [made] = archive_readings(now=after(10))

    def restore():
        try:
            restore_archive(made, until=timezone.now() + timedelta(days=1))
        except ArchiveIsBusy as error:
            answers.append(str(error))
        finally:
            connection.close()

    with only_one():
        other = Thread(target=restore)
        other.start()
        other.join()
    assert "Another process" in answers[1]
    assert load_requested() == 1


def test_a_day_whose_readings_are_all_archived_gives_its_space_back(short):
    drive(vehicle(short, "near"), 50)
    archive_readings(now=after(10))
    assert run(f"SELECT pg_relation_size('{partition_of(THE_DAY)}')") == [(0,)]
