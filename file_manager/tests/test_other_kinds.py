"""Customers, statuses and tasks from files, and files whose kind nobody said."""

import pytest

from accounts.tests.factories import FleetFactory, UserFactory
from customer_management.models import Customer
from file_manager.models import UploadChange
from file_manager.services import apply_upload, cancel_upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import counts, hand_in, run, told
from task_management.models import Task
from vehicle_management.models import Vehicle, VehicleChange

pytestmark = pytest.mark.django_db


def test_customers_are_made_changed_and_left_alone() -> None:
    content = "Customer No,Company,E-mail,Tier\nC1,Acme,a@acme.example,gold\nC2,Globex,,\n"
    assert counts(run(content, kind="customers")) == {"created": 2}
    assert counts(run(content, kind="customers")) == {"unchanged": 2}
    upload = run(content.replace("gold", "silver"), kind="customers")
    assert counts(upload) == {"updated": 1, "unchanged": 1}
    assert UploadChange.objects.get().changes == {"attributes.Tier": ["gold", "silver"]}
    assert Customer.objects.get(external_id="C1").attributes == {"Tier": "silver"}


def test_statuses_of_different_times_are_all_changes_in_event_order() -> None:
    run("vehicle_id,make\nA,Ford\n")
    upload = run(
        "vehicle_id,recorded_at,odometer,Tyre\n"
        "A,2026-01-03T00:00:00Z,300,worn\nA,2026-01-01T00:00:00Z,100,new\nA,2026-01-02T00:00:00Z,200,\n",
        kind="statuses",
    )
    assert counts(upload) == {"updated": 3}
    history = VehicleChange.objects.order_by("id").values_list("cause_row", "changes")
    assert [(row, changes["status.odometer_km"][1]) for row, changes in history] == [
        (3, 100.0),
        (4, 200.0),
        (2, 300.0),
    ]
    status = Vehicle.objects.get().status
    assert (status.odometer_km, status.attributes) == (300, {"Tyre": "worn"})
    assert counts(run("vehicle_id,recorded_at,odometer\nA,2026-01-02T12:00:00Z,250\n", kind="statuses")) == {
        "unchanged": 1
    }


def test_a_status_without_a_time_whose_values_are_known_is_unchanged() -> None:
    run("vehicle_id,make\nA,Ford\n")
    assert counts(run("vehicle_id,speed\nA,50\n", kind="statuses")) == {"updated": 1}
    assert counts(run("vehicle_id,speed\nA,50\n", kind="statuses")) == {"unchanged": 1}


def test_a_status_of_an_unknown_vehicle_or_of_the_future_is_a_fault() -> None:
    run("vehicle_id,make\nA,Ford\n")
    upload = run("vehicle_id,recorded_at,speed\nX,,1\nA,2099-01-01T00:00:00Z,1\n", kind="statuses")
    assert (counts(upload), told(upload)) == (
        {"failed": 2},
        [(2, "vehicle_id", "unknown_name"), (3, "recorded_at", "time_ahead")],
    )


def test_tasks_are_made_and_closed_by_files() -> None:
    run("vehicle_id,make\nA,Ford\n")
    content = "Task No,Title,Vehicle ID,Status\nT1,Oil,A,created\nT2,Tyres,,\n,No id,A,\n"
    assert counts(run(content, kind="tasks")) == {"created": 3}
    upload = run("Task No,Status\nT1,complete\nT2,\n", kind="tasks")
    assert counts(upload) == {"updated": 1, "unchanged": 1}
    task = Task.objects.get(external_id="T1")
    assert (task.status, task.vehicle.vehicle_id) == ("complete", "A")
    upload = run("Task No,Status\nT1,created\n", kind="tasks")
    assert (counts(upload), told(upload)) == ({"failed": 1}, [(2, "", "final")])


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("EquipID,License#,Year,Make", "vehicles"),
        ("vehicle_id,recorded_at,odometer", "statuses"),
        ("Customer Name,Phone,Email", "customers"),
        ("Title,Due Date,Vehicle", "tasks"),
    ],
)
def test_the_kind_is_told_by_the_headers(headers: str, kind: str) -> None:
    upload = hand_in(f"{headers}\n1,2,3,4\n"[: None if headers.count(",") == 3 else -3] + "\n", kind="auto")
    work_uploads()
    upload.refresh_from_db()
    assert upload.kind == kind


def test_a_file_whose_kind_or_key_cannot_be_told_waits_for_a_person() -> None:
    upload = run("Alpha,Beta\n1,2\n3,4\n", kind="auto")
    assert (upload.status, upload.rows_total) == ("REVIEW", 2)
    upload = run("Alpha,Beta\n1,2\n3,4\n", kind="vehicles")
    assert upload.status == "REVIEW"
    apply_upload(upload, mapping={"Alpha": "vehicle_id", "Beta": None}, by=upload.by)
    work_uploads()
    upload.refresh_from_db()
    assert (upload.status, counts(upload), upload.faults.count()) == ("APPLIED", {"created": 2}, 0)
    assert Vehicle.objects.get(vehicle_id="1").attributes == {}


def test_a_choice_is_remembered_for_the_next_file_with_these_headers() -> None:
    upload = run("Alpha,Beta\n1,2\n", kind="vehicles")
    apply_upload(upload, mapping={"Alpha": "vehicle_id"}, by=upload.by)
    work_uploads()
    assert counts(run("Alpha,Beta\n1,2\n", kind="vehicles")) == {"unchanged": 1}


def test_apply_false_always_waits_and_a_canceled_file_applies_nothing() -> None:
    upload = run("vehicle_id,make\nA,Ford\n", apply=False)
    assert (upload.status, Vehicle.objects.count()) == ("REVIEW", 0)
    cancel_upload(upload, by=upload.by)
    work_uploads()
    upload.refresh_from_db()
    assert (upload.status, Vehicle.objects.count()) == ("FAILED", 0)
    assert upload.faults.get().code == "canceled"


def test_a_task_is_given_only_to_those_who_may_see_it() -> None:
    north, south = FleetFactory(), FleetFactory()
    near, far = UserFactory(email="near@example.org"), UserFactory(email="far@example.org")
    near.memberships.create(fleet=north)
    far.memberships.create(fleet=south)
    run("vehicle_id\nA\n", fleet=north)
    content = "task id,title,vehicle_id,assignee\nT1,Wash,A,near@example.org\nT2,Oil,A,far@example.org\n"
    upload = run(content, kind="tasks")
    assert counts(upload) == {"created": 1, "failed": 1}
    fault = upload.faults.get()
    assert (fault.row, fault.column, fault.value) == (3, "assignee", "far@example.org")
    again = run(content.replace("T1,Wash,A,near", "T1,Wash,A,far"), kind="tasks")
    assert counts(again) == {"failed": 2}
    assert Task.objects.get().assignee == near
