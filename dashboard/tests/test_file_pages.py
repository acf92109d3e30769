"""Files as pages show them: the list, one upload on its way and at rest, its columns, faults and rows."""

import json
import re
from time import monotonic

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.progress import Pace, state_of
from dashboard.tests.answers import text_of
from file_manager.models import Upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in, run
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db

FLEET = "vehicle_id,make,model_year\nA-1,Ford,2020\nA-2,Volvo,never\nA-3,Volvo,2021\n"


def loaded(world, content=FLEET, **values):
    return run(content, fleet=world.people.north, by=world.people.manager, **values)


def words_of(answer):
    """What a reader sees, without markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", text_of(answer)).split())


def part(page, path, target):
    return page.get(path, headers={"HX-Request": "true", "HX-Target": target})


def test_the_list_holds_ones_own_fleets_files(page, world):
    run(FLEET, name="southern.csv", fleet=world.people.south, by=world.people.administrator)
    shown = text_of(page.get("/files"))
    assert "fleet.csv" in shown
    assert "southern.csv" not in shown


def test_only_who_may_upload_is_offered_a_place_to_drop(client, page, world):
    assert 'data-testid="drop-zone"' in text_of(page.get("/files"))
    client.force_login(world.people.operator)
    assert 'data-testid="drop-zone"' not in text_of(client.get("/files"))
    assert client.post("/files", {"kind": "auto"}).status_code == 403


def test_a_manager_names_a_fleet_and_an_administrator_need_not(client, page, world):
    assert 'id="fleet" required' in text_of(page.get("/files"))
    client.force_login(world.people.administrator)
    assert 'id="fleet" required' not in text_of(client.get("/files"))


@pytest.mark.parametrize("kind", ["vehicles", "customers", "statuses", "tasks"])
def test_a_template_is_a_file_that_the_import_takes_without_asking(page, world, kind):
    answer = page.get(f"/files/templates/{kind}.csv")
    assert answer["Content-Type"].startswith("text/csv")
    if kind in ("statuses", "tasks"):
        loaded(world, "vehicle_id,make\nfleet-001-VH-001,Ford\n")
    if kind == "vehicles":
        loaded(world, "name,email\nAcme Freight,a@b.example\n", kind="customers")
    upload = loaded(world, text_of(answer), kind="auto")
    assert (upload.kind, upload.status, upload.rows_created + upload.rows_updated) == (kind, "APPLIED", 1)


def test_a_page_tells_status_counts_and_how_the_file_was_read(page, world):
    upload = loaded(world)
    answer = page.get(f"/files/{upload.pk}")
    shown, words = text_of(answer), words_of(answer)
    assert re.search(r'data-testid="upload-status"[^>]*>APPLIED<', shown)
    assert "2 created 0 updated 0 unchanged 0 repeated 1 failed" in words
    assert "CSV" in words
    assert "matched by name" in words


def test_a_file_that_changes_nothing_says_so(page, world):
    loaded(world)
    again = loaded(world, "vehicle_id,make,model_year\nA-1,Ford,2020\n")
    assert "Nothing changed: all 1 rows say what was known already." in words_of(
        page.get(f"/files/{again.pk}")
    )


def test_faults_are_grouped_and_open_to_their_rows(page, world):
    upload = loaded(world)
    shown = text_of(page.get(f"/files/{upload.pk}"))
    assert 'data-testid="upload-faults"' in shown
    group = upload.fault_groups.get(level="FAULT")
    rows = words_of(part(page, f"/files/{upload.pk}?group={group.pk}", f"fault-{group.pk}"))
    assert "never" in rows
    assert "3" in rows


def test_a_row_is_found_by_its_number_and_leads_to_what_it_became(page, world):
    upload = loaded(world, "vehicle_id\n" + "\n".join(f"B-{n}" for n in range(120)))
    shown = text_of(page.get(f"/files/{upload.pk}?row=100"))
    assert '<tr id="row-100" class="is-sought">' in shown
    assert 'href="/vehicles/B-98"' in shown
    assert 'id="row-2"' not in shown


def test_failed_rows_say_why(page, world):
    upload = loaded(world)
    rows = words_of(part(page, f"/files/{upload.pk}?outcome=failed", "rows"))
    assert "model_year: " in rows
    assert "created" not in rows.split("Changes")[1]


def test_a_review_is_mapped_and_applied(page, world):
    upload = loaded(world, "Base,Who\nB1,Acme\nB2,Globex\n", kind="customers", apply=False)
    shown = text_of(page.get(f"/files/{upload.pk}"))
    assert 'data-testid="apply-btn"' in shown
    assert 'data-header="Base"' in shown
    chosen = {"kind": "customers", "column-0": "external_id", "column-1": "name"}
    assert page.post(f"/files/{upload.pk}/apply", chosen).status_code == 302
    work_uploads()
    upload.refresh_from_db()
    assert (upload.status, upload.rows_created) == ("APPLIED", 2)


def test_a_field_that_moves_to_another_column_leaves_the_one_that_had_it(page, world):
    upload = loaded(world, "Base Number,Base Name,Name\nB1,Acme,Bob\n", kind="customers", apply=False)
    planned = {column["header"]: column["field"] for column in upload.columns}
    assert planned["Name"] == "name"
    chosen = {"kind": "customers", "column-0": "external_id", "column-1": "name", "column-2": "name"}
    assert page.post(f"/files/{upload.pk}/apply", chosen).status_code == 302
    upload.refresh_from_db()
    assert upload.mapping == {"Base Number": "external_id", "Base Name": "name"}


def test_a_wrong_choice_is_told_and_nothing_chosen_is_lost(page, world):
    upload = loaded(world, "a,b\nB1,Acme\n", kind="customers", apply=False)
    chosen = {"kind": "customers", "column-0": "email", "column-1": "email"}
    answer = page.post(f"/files/{upload.pk}/apply", chosen)
    assert answer.status_code == 422
    assert "Two columns are mapped to “email”" in text_of(answer)
    assert text_of(answer).count('<option value="email" selected>') == 2


def test_another_kind_is_tried_without_storing_it(page, world):
    upload = loaded(world, "Number,Who\nB1,Acme\n", kind="vehicles", apply=False)
    shown = text_of(page.get(f"/files/{upload.pk}?kind=customers"))
    assert '<optgroup label="What a row is known by"><option value="external_id"' in shown
    upload.refresh_from_db()
    assert upload.kind == "vehicles"


def test_an_operator_sees_a_review_and_may_not_go_on(client, world):
    upload = loaded(world, FLEET, apply=False)
    client.force_login(world.people.operator)
    shown = text_of(client.get(f"/files/{upload.pk}"))
    assert "apply-btn" not in shown
    assert client.post(f"/files/{upload.pk}/apply").status_code == 403
    assert client.post(f"/files/{upload.pk}/cancel").status_code == 403


def test_a_canceled_upload_says_by_whom(page, world):
    upload = loaded(world, FLEET, apply=False)
    page.post(f"/files/{upload.pk}/cancel")
    words = words_of(page.get(f"/files/{upload.pk}"))
    assert f"Canceled by {world.people.manager.email}; nothing was applied." in words
    assert not Vehicle.objects.filter(vehicle_id="A-1").exists()


def test_a_strangers_upload_is_not_there(client, world):
    client.force_login(world.people.stranger)
    for path in ("", "/events", "/row"):
        assert client.get(f"/files/{world.upload.pk}{path}").status_code == 404


def test_an_upload_at_rest_sends_one_event(page, world):
    upload = loaded(world)
    answer = page.get(f"/files/{upload.pk}/events")
    assert answer["Content-Type"] == "text/event-stream"
    text = b"".join(answer.streaming_content).decode()
    state = json.loads(text.removeprefix("data: "))
    assert (state["status"], state["resting"], state["percent"]) == ("APPLIED", True, 100)
    assert state["counts"]["created"] == "2"


def test_a_state_tells_pace_and_time_left():
    upload = Upload(status="APPLYING", rows_total=10_000, rows_created=2_000)
    pace = Pace(status="APPLYING", since=monotonic() - 2, began_with=0)
    told = state_of(upload, pace)
    assert 30 < told["percent"] < 100
    assert "rows/s" in told["pace"]
    assert "left" in told["pace"]


def test_names_and_values_cannot_become_markup(page, world):
    upload = loaded(world, 'vehicle_id,"<b>x"\nA-1,<script>alert(1)</script>\n', name="<i>.csv", apply=False)
    shown = text_of(page.get(f"/files/{upload.pk}"))
    assert "<script>alert" not in shown
    assert "<b>x" not in shown
    assert "<i>.csv" not in shown


def test_a_list_asks_as_much_of_ten_files_as_of_one(page, world):
    page.get("/files")
    with CaptureQueriesContext(connection) as few:
        page.get("/files")
    for number in range(10):
        hand_in(FLEET, name=f"{number}.csv", fleet=world.people.north, by=world.people.manager)
    with CaptureQueriesContext(connection) as many:
        page.get("/files")
    assert len(many) == len(few)


def test_an_upload_asks_as_much_with_many_rows_as_with_few(page, world):
    few_rows = loaded(world, "vehicle_id,make\nC-1,Ford\n")
    many_rows = loaded(world, "vehicle_id,make\n" + "\n".join(f"D-{n},Ford" for n in range(60)))
    page.get(f"/files/{few_rows.pk}")
    with CaptureQueriesContext(connection) as few:
        page.get(f"/files/{few_rows.pk}")
    with CaptureQueriesContext(connection) as many:
        page.get(f"/files/{many_rows.pk}")
    assert len(many) == len(few)
