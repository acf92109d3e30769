"""The run of an import: what stops it, and what does not."""

import gc

import pytest
from django.db import OperationalError, connection, transaction

from accounts.tests.factories import FleetFactory
from file_manager import run, storage
from file_manager.models import Upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db
GOOD = "vehicle_id,plate\nVH-1,N 1\n"


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch):
    """The first upload's second pass stops on an error that nobody foresaw."""
    whole = run._stage
    first = hand_in(GOOD, fleet=FleetFactory())

    def fail(upload: Upload) -> None:
        if upload.pk == first.pk:
            raise ZeroDivisionError
        whole(upload)

    monkeypatch.setattr(run, "_stage", fail)
    return first


def test_an_upload_that_breaks_holds_up_no_other_and_is_told_in_the_end(breaks: Upload) -> None:
    other = hand_in(GOOD.replace("VH-1", "VH-2"), fleet=FleetFactory())
    work_uploads()
    breaks.refresh_from_db()
    other.refresh_from_db()
    assert (breaks.status, breaks.breaks, other.status) == ("READING", 1, "APPLIED")
    work_uploads()
    breaks.refresh_from_db()
    assert breaks.breaks == 1, "it rests before it is tried again"
    for _again in range(4):
        Upload.objects.update(rests_until=None)
        work_uploads()
    breaks.refresh_from_db()
    assert (breaks.status, breaks.finished_at is not None) == ("FAILED", True)
    assert "ZeroDivisionError" in breaks.faults.get().message


def test_what_broke_once_is_taken_up_again(breaks: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    work_uploads()
    monkeypatch.undo()
    Upload.objects.update(rests_until=None)
    work_uploads()
    breaks.refresh_from_db()
    assert (breaks.status, Vehicle.objects.count()) == ("APPLIED", 1)


def test_a_database_that_is_away_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = hand_in(GOOD, fleet=FleetFactory())

    def fail(upload: Upload) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(run, "_stage", fail)
    with pytest.raises(OperationalError):
        work_uploads()
    upload.refresh_from_db()
    assert (upload.status, upload.breaks) == ("READING", 0)


def test_an_error_of_the_database_that_is_no_outage_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_in(GOOD, fleet=FleetFactory())
    other = hand_in(GOOD.replace("VH-1", "VH-2"), fleet=FleetFactory())
    whole = run._stage

    def fail(upload: Upload) -> None:
        if upload.pk != other.pk:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'a limit' USING ERRCODE = '54000'; END $$")
        whole(upload)

    monkeypatch.setattr(run, "_stage", fail)
    work_uploads()
    other.refresh_from_db()
    assert other.status == "APPLIED"


def test_a_fault_below_a_very_long_header_is_told() -> None:
    header = "".join(chr(97 + (i * i) % 26) + str(i) for i in range(3_000))
    upload = hand_in(f"vehicle_id,{header},model_year\nVH-1,x,1196\n", fleet=FleetFactory())
    upload.mapping = {header: "in_service_date"}
    upload.save()
    work_uploads()
    upload.refresh_from_db()
    assert upload.status == "APPLIED"
    assert {len(fault.column) for fault in upload.faults.all()} == {200, len("model_year")}


def test_a_file_that_is_gone_from_the_storage_fails_with_what_to_do() -> None:
    upload = hand_in(GOOD, fleet=FleetFactory())
    storage.uploads().delete(upload.stored_as)
    work_uploads()
    upload.refresh_from_db()
    assert upload.status == "FAILED"
    assert "upload it again" in upload.faults.get().message


def test_the_collector_is_as_it_was_when_an_import_is_over() -> None:
    before = gc.get_threshold()
    hand_in(GOOD, fleet=FleetFactory())
    work_uploads()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
