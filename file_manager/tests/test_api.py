"""Files over the API: hand one in, see what became of it, go on with it or stop it."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.tests.people import People
from file_manager import storage
from file_manager.models import MappingProfile, Upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in, run
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db
PATH = "/api/v1/files"
GOOD = "vehicle_id,plate,model_year\nVH-1,N 1,2020\n"
FAULTY = "vehicle_id,plate,model_year\nVH-1,N 1,2020\nVH-2,N 2,1196\n"


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def manager(people):
    return people.client("manager")


def post(client, content: str | bytes = GOOD, *, name: str = "fleet.csv", **fields):
    raw = content.encode() if isinstance(content, str) else content
    given = {"kind": "vehicles", "fleet_id": "fleet-north", **fields}
    form = {key: value for key, value in given.items() if value is not None}
    return client.post(PATH, {"file": SimpleUploadedFile(name, raw), **form}, format="multipart")


def applied(people: People, content: str = GOOD, **values) -> Upload:
    return run(content, fleet=people.north, by=people.manager, **values)


def test_a_file_is_stored_at_once_and_applied_by_a_worker(manager, people):
    answer = post(manager)
    assert answer.status_code == 202, answer.content
    told = answer.json()
    assert (told["status"], told["name"], told["kind"]) == ("UPLOADED", "fleet.csv", "vehicles")
    assert (told["fleet_id"], told["uploaded_by"]) == ("fleet-north", "manager@example.org")
    assert told["size_bytes"] == len(GOOD)
    work_uploads()
    told = manager.get(f"{PATH}/{told['id']}").json()
    assert (told["status"], told["rows_total"], told["rows_created"]) == ("APPLIED", 1, 1)
    assert told["mapping"] == {"vehicle_id": "vehicle_id", "plate": "plate", "model_year": "model_year"}
    assert Vehicle.objects.get().fleet == people.north


def test_the_worker_is_rung_after_the_commit(manager, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(work_uploads, "apply_async", lambda **how: rung.append(how))
    with django_capture_on_commit_callbacks(execute=True):
        post(manager)
        assert rung == []
    assert len(rung) == 1


def test_a_broker_that_is_away_loses_no_upload(manager, monkeypatch, django_capture_on_commit_callbacks):
    def fail(**how):
        raise ConnectionError

    monkeypatch.setattr(work_uploads, "apply_async", fail)
    with django_capture_on_commit_callbacks(execute=True):
        assert post(manager).status_code == 202
    assert Upload.objects.unfinished().count() == 1


def test_a_key_hands_in_under_its_name(people):
    told = post(people.client("write_key")).json()
    assert told["uploaded_by"] == "write"


@pytest.mark.parametrize(
    ("role", "code"),
    [("anonymous", 401), ("operator", 403), ("read_key", 403), ("ingest_key", 403), ("device_key", 403)],
)
def test_who_may_not_write_hands_in_no_file(people, role, code):
    assert post(people.client(role)).status_code == code
    assert not Upload.objects.exists()


@pytest.mark.parametrize("fleet_id", ["fleet-south", "fleet-nowhere"])
def test_a_fleet_that_is_not_ones_own_is_forbidden_whether_it_is_there_or_not(manager, fleet_id):
    assert post(manager, fleet_id=fleet_id).status_code == 403


def test_a_manager_names_a_fleet_and_an_administrator_may_leave_it_out(people, manager):
    answer = post(manager, fleet_id=None)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["fleet_id"])
    assert post(people.client("administrator"), fleet_id=None).status_code == 202


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "rockets"}, "kind"),
        ({"mapping": "{"}, "mapping"),
        ({"mapping": '{"plate": 5}'}, "mapping"),
        ({"apply": "perhaps"}, "apply"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(manager, fields, field):
    answer = post(manager, **fields)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not Upload.objects.exists()


def test_a_form_without_a_file_is_refused(manager):
    answer = manager.post(PATH, {"kind": "vehicles", "fleet_id": "fleet-north"}, format="multipart")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["file"])


def test_a_file_that_is_no_form_is_refused(manager):
    answer = manager.post(PATH, {"kind": "vehicles"}, format="json")
    assert answer.status_code == 415


def test_an_empty_file_is_taken_and_told_to_be_empty(manager):
    pk = post(manager, b"").json()["id"]
    work_uploads()
    told = manager.get(f"{PATH}/{pk}").json()
    assert told["status"] == "FAILED"
    assert told["faults"][0]["message"].endswith(".")


def test_a_file_that_is_too_large_is_refused(manager, settings):
    settings.UPLOAD_MAX_BYTES = len(GOOD)
    assert post(manager).status_code == 202
    assert post(manager, GOOD + "x").status_code == 413
    assert Upload.objects.count() == 1


def test_a_files_name_is_its_last_part(manager):
    told = post(manager, name="C:\\fleets\\north.csv").json()
    assert told["name"] == "north.csv"


def test_a_list_tells_the_files_of_ones_fleets(people, manager):
    applied(people)
    run(GOOD, fleet=people.south, by=people.stranger, name="south.csv")
    assert [upload["name"] for upload in manager.get(PATH).json()["data"]] == ["fleet.csv"]
    assert manager.get(PATH, {"status": "REVIEW"}).json()["data"] == []
    assert manager.get(PATH, {"search": "fleet", "kind": "vehicles"}).json()["total"] == 1
    assert manager.get(PATH, {"status": "GONE"}).status_code == 422
    assert people.client("device_key").get(PATH).json()["total"] == 0


@pytest.mark.parametrize("part", ["", "/rows", "/errors", "/download"])
def test_a_file_of_another_fleet_is_not_found(people, part):
    upload = applied(people)
    assert people.client("stranger").get(f"{PATH}/{upload.pk}{part}").status_code == 404
    answer = people.client("operator").get(f"{PATH}/{upload.pk}{part}")
    assert answer.status_code == 200
    # Read to its end, a download closes its file.
    whole = {"/download": GOOD.encode(), "/errors": b"[]"}
    assert b"".join(getattr(answer, "streaming_content", ())) == whole.get(part, b"")


def test_each_row_says_what_became_of_it(people, manager):
    applied(people)
    upload = applied(people, FAULTY.replace("N 1", "N 9") + "VH-3,N 3,2021\n")
    rows = {row["row"]: row for row in manager.get(f"{PATH}/{upload.pk}/rows").json()["data"]}
    assert {number: row["outcome"] for number, row in rows.items()} == {
        2: "updated",
        3: "failed",
        4: "created",
    }
    assert rows[2]["vehicle_id"] == "VH-1"
    assert rows[2]["changes"] == {"plate": ["N 1", "N 9"]}
    failed = manager.get(f"{PATH}/{upload.pk}/rows", {"outcome": "failed"}).json()
    assert [row["row"] for row in failed["data"]] == [3]


def test_rows_come_in_pages(people, manager):
    lines = "".join(f"VH-{n},P {n}\n" for n in range(5))
    upload = applied(people, f"vehicle_id,plate\n{lines}")
    pages = [manager.get(f"{PATH}/{upload.pk}/rows", {"page": page, "limit": 2}).json() for page in (1, 2, 3)]
    assert [[row["row"] for row in page["data"]] for page in pages] == [[2, 3], [4, 5], [6]]
    assert {page["total"] for page in pages} == {5}


def test_a_parameter_that_rows_do_not_have_is_refused(people, manager):
    upload = applied(people)
    assert manager.get(f"{PATH}/{upload.pk}/rows", {"colour": "red"}).status_code == 422
    assert manager.get(f"{PATH}/{upload.pk}/rows", {"outcome": "lost"}).status_code == 422


def test_faults_are_told_by_row_and_column(people, manager):
    upload = applied(people, FAULTY)
    (fault,) = json.loads(manager.get(f"{PATH}/{upload.pk}/errors").getvalue())
    assert (fault["row"], fault["column"], fault["value"]) == (3, "model_year", "1196")
    assert fault["message"].endswith(".")


def test_failed_rows_come_back_as_a_csv_that_says_why(people, manager):
    upload = applied(people, FAULTY)
    answer = manager.get(f"{PATH}/{upload.pk}/errors", {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["vehicle_id"], row["model_year"]) == ("VH-2", "1196")
    assert (row["row"], row["why"].split(":")[0]) == ("3", "model_year")


def test_a_file_is_downloaded_as_it_was_sent(people, manager):
    raw = GOOD.replace("N 1", "Ñ 1").encode("latin-1")
    upload = run(raw, fleet=people.north, by=people.manager, name="flota ñ.csv")
    answer = manager.get(f"{PATH}/{upload.pk}/download")
    assert b"".join(answer.streaming_content) == raw
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("part", ["download", "errors?format=csv"])
def test_a_file_that_is_gone_from_the_storage_is_told(people, manager, part):
    upload = run(GOOD, fleet=people.north, by=people.manager)
    storage.uploads().delete(upload.stored_as)
    answer = manager.get(f"{PATH}/{upload.pk}/{part}")
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert "storage" in answer.json()["detail"]


def test_a_file_that_waits_for_review_is_applied_with_a_mapping(people, manager):
    upload = applied(people, "vehicle_id,Farbe\nVH-1,red\n", apply=False)
    assert upload.status == "REVIEW"
    assert not Vehicle.objects.exists()
    answer = manager.post(f"{PATH}/{upload.pk}/apply", {"mapping": {"Farbe": "color"}}, format="json")
    assert (answer.status_code, answer.json()["status"]) == (202, "READING")
    work_uploads()
    assert Vehicle.objects.get().color == "red"
    assert MappingProfile.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mapping": {"Farbe": "no_such_field"}}, "mapping"),
        ({"mapping": {"Colour": "color"}}, "mapping"),
        ({"mapping": "x"}, "mapping"),
        ({"kind": "auto"}, "kind"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_choice_that_does_not_fit_the_file_is_refused(people, manager, body, field):
    upload = applied(people, "vehicle_id,Farbe\nVH-1,red\n", apply=False)
    answer = manager.post(f"{PATH}/{upload.pk}/apply", body, format="json")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    upload.refresh_from_db()
    assert upload.status == "REVIEW"


def test_what_is_applied_is_neither_applied_nor_canceled_again(people, manager):
    upload = applied(people)
    for action in ("apply", "cancel"):
        answer = manager.post(f"{PATH}/{upload.pk}/{action}", {}, format="json")
        assert answer.status_code == 409
        assert "APPLIED" in answer.json()["detail"]


def test_what_is_not_applied_yet_is_canceled_and_stays_so(people, manager):
    upload = hand_in(GOOD, fleet=people.north, by=people.manager)
    answer = manager.post(f"{PATH}/{upload.pk}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "FAILED")
    assert answer.json()["faults"][0]["code"] == "canceled"
    work_uploads()
    assert not Vehicle.objects.exists()
    assert manager.post(f"{PATH}/{upload.pk}/cancel").status_code == 409


@pytest.mark.parametrize("action", ["apply", "cancel"])
def test_an_operator_neither_applies_nor_cancels(people, action):
    upload = applied(people, apply=False)
    assert people.client("operator").post(f"{PATH}/{upload.pk}/{action}").status_code == 403
    assert people.client("stranger").post(f"{PATH}/{upload.pk}/{action}").status_code == 404


@pytest.mark.parametrize("pk", ["0", "x", "99999999999999999999", "1.5"])
def test_what_is_no_files_id_is_not_found(manager, pk):
    assert manager.get(f"{PATH}/{pk}").status_code == 404
