"""Tasks below /api/v1/, as people and keys use them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from customer_management.tests.factories import CustomerFactory
from task_management.models import Task
from task_management.tests.factories import TaskFactory
from vehicle_management.services import hide_vehicles
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "external_id", "title", "description", "status", "vehicle_id", "customer_id", "assignee", "due_at",
    "checklist", "created_at", "updated_at", "completed_at", "canceled_at", "cause", "closed_by", "rules", "firing",
}  # fmt: skip


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)


@pytest.fixture
def manager(people):
    return people.client("manager")


@pytest.fixture
def task(vehicle):
    return TaskFactory(title="Oil", vehicle=vehicle)


def titles(client, query=""):
    return [task["title"] for task in client.get(f"/api/v1/tasks?{query}").json()["data"]]


def test_a_task_is_created_with_what_the_contract_says(people, manager, vehicle):
    customer = CustomerFactory(created_by=people.manager)
    sent = {
        "title": "Service",
        "external_id": "WO-1",
        "description": "Oil, filters",
        "vehicle_id": vehicle.vehicle_id,
        "customer_id": customer.pk,
        "assignee": people.operator.email.upper(),
        "due_at": "2030-05-04T11:30:00+02:00",
    }
    answer = manager.post("/api/v1/tasks", sent)
    told = answer.json()
    assert answer.status_code == 201
    assert told.keys() == FIELDS
    assert told["assignee"] == people.operator.email
    assert told["due_at"] == "2030-05-04T09:30:00Z"
    assert (told["status"], told["completed_at"], told["rules"], told["firing"]) == (
        "created",
        None,
        [],
        None,
    )
    assert told["cause"] == people.manager.as_cause()
    read = manager.get(f"/api/v1/tasks/{told['id']}/")
    assert (read.json(), read["ETag"]) == (told, answer["ETag"])


def test_a_task_without_vehicle_and_customer_is_the_administrators(people, manager):
    answer = manager.post("/api/v1/tasks", {"title": "Wash"})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"vehicle_id", "customer_id"}
    made = people.client("administrator").post("/api/v1/tasks", {"title": "Wash"})
    assert made.status_code == 201
    assert manager.get(f"/api/v1/tasks/{made.json()['id']}").status_code == 404


@pytest.mark.parametrize("vehicle_id", ["south-1", "nowhere", "", 7, None, "\x00"])
def test_a_vehicle_that_one_does_not_see_is_refused(people, manager, vehicle_id):
    VehicleFactory(vehicle_id="south-1", fleet=people.south)
    answer = manager.post("/api/v1/tasks", {"title": "Wash", "vehicle_id": vehicle_id})
    assert answer.status_code == 422


@pytest.mark.parametrize("field", ["status", "id", "completed_at", "cause", "firing"])
def test_what_is_read_only_is_refused_unless_it_says_what_is_stored(manager, task, field):
    stored = manager.get(f"/api/v1/tasks/{task.pk}").json()
    answer = manager.patch(f"/api/v1/tasks/{task.pk}", {field: "complete"})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {field}
    assert manager.patch(f"/api/v1/tasks/{task.pk}", {field: stored[field]}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"external_id": "x" * 65},
        {"description": "x" * 10_001},
        {"due_at": "2030-05-04T11:30:00"},
        {"due_at": "soon"},
        {"assignee": "nobody@example.org"},
        {"customer_id": "1"},
        {"customer_id": 2**63},
        {"rules": [1]},
        {"rules": "1"},
        {"priority": "high"},
    ],
)
def test_what_cannot_be_is_refused_by_its_field(manager, task, body):
    answer = manager.patch(f"/api/v1/tasks/{task.pk}", body)
    assert answer.status_code == 422
    assert {name.split(".")[0] for name in answer.json()["errors"]} == set(body)


def test_what_was_read_can_be_sent_back_also_when_its_vehicle_is_gone(people, manager, task):
    task.customer = CustomerFactory(created_by=people.manager)
    task.save()
    told = manager.get(f"/api/v1/tasks/{task.pk}").json()
    answer = manager.put(f"/api/v1/tasks/{task.pk}", told)
    assert (answer.status_code, answer.json()) == (200, told)
    hide_vehicles([task.vehicle_id], by=people.administrator)
    assert manager.put(f"/api/v1/tasks/{task.pk}", told).status_code == 200


def test_a_taken_external_id_is_a_conflict(manager, vehicle, task):
    sent = {"title": "Wash", "vehicle_id": vehicle.vehicle_id, "external_id": "WO-1"}
    assert manager.post("/api/v1/tasks", sent).status_code == 201
    for answer in (
        manager.post("/api/v1/tasks", sent),
        manager.patch(f"/api/v1/tasks/{task.pk}", {"external_id": "WO-1"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("action", "status", "time"),
    [("complete", "complete", "completed_at"), ("cancel", "canceled", "canceled_at")],
)
def test_an_operator_closes_a_task_once(people, task, action, status, time):
    operator = people.client("operator")
    answer = operator.post(f"/api/v1/tasks/{task.pk}/{action}/")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, status)
    assert told[time] is not None
    assert told["closed_by"] == people.operator.as_cause()
    assert answer["ETag"] == operator.get(f"/api/v1/tasks/{task.pk}")["ETag"]
    for again in ("complete", "cancel"):
        refused = operator.post(f"/api/v1/tasks/{task.pk}/{again}")
        assert (refused.status_code, refused.json()["error"]) == (409, "CONFLICT")


def test_operators_read_and_work_and_neither_create_nor_change(people, vehicle, task):
    operator = people.client("operator")
    path = f"/api/v1/tasks/{task.pk}"
    assert operator.get(path).status_code == 200
    assert operator.post("/api/v1/tasks", {"title": "x", "vehicle_id": vehicle.vehicle_id}).status_code == 403
    assert operator.patch(path, {"title": "x"}).status_code == 403
    assert operator.delete(path).status_code == 403
    assert operator.post(f"{path}/comments", {"text": "Done."}).status_code == 201


def test_what_is_said_of_a_task_is_listed_oldest_first(people, manager, task):
    path = f"/api/v1/tasks/{task.pk}/comments"
    for name in ("operator", "write_key"):
        answer = people.client(name).post(path, {"text": f" by {name} "})
        assert answer.status_code == 201
        assert answer.json().keys() == {"id", "by", "text", "created_at"}
    told = manager.get(path).json()
    assert [(one["text"], one["by"]["kind"]) for one in told["data"]] == [
        ("by operator", "user"),
        ("by write_key", "api_key"),
    ]
    assert told["total"] == 2
    assert manager.post(path, {"text": " "}).status_code == 422
    assert people.client("stranger").get(path).status_code == 404


def test_a_task_elsewhere_is_not_found(people, task):
    stranger = people.client("stranger")
    path = f"/api/v1/tasks/{task.pk}"
    assert titles(stranger) == []
    for answer in (
        stranger.get(path),
        stranger.patch(path, {"title": "x"}),
        stranger.delete(path),
        stranger.post(f"{path}/complete"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (404, f"Task {task.pk} not found")


@pytest.mark.parametrize("pk", ["0", "x", "9" * 30, "1.5", "%00"])
def test_what_is_no_tasks_id_is_not_found(manager, task, pk):
    for answer in (
        manager.get(f"/api/v1/tasks/{pk}"),
        manager.patch(f"/api/v1/tasks/{pk}", {"title": "x"}, HTTP_IF_MATCH='"x"'),
    ):
        assert answer.status_code == 404


def test_a_write_with_an_old_tag_is_refused(manager, people, task):
    path = f"/api/v1/tasks/{task.pk}"
    tag = manager.get(path)["ETag"]
    assert manager.patch(path, {"title": "Brakes"}, HTTP_IF_MATCH=tag).status_code == 200
    for answer in (
        manager.patch(path, {"title": "Late"}, HTTP_IF_MATCH=tag),
        manager.delete(path, HTTP_IF_MATCH=tag),
    ):
        assert (answer.status_code, answer.json()["error"]) == (412, "PRECONDITION_FAILED")
    assert Task.objects.get().title == "Brakes"
    fresh = manager.get(path)["ETag"]
    assert people.client("operator").post(f"{path}/complete").status_code == 200
    assert manager.patch(path, {"title": "Late"}, HTTP_IF_MATCH=fresh).status_code == 412


def test_a_deleted_task_is_hidden_and_its_external_id_is_free(manager, vehicle):
    sent = {"title": "Wash", "vehicle_id": vehicle.vehicle_id, "external_id": "WO-1"}
    made = manager.post("/api/v1/tasks", sent).json()
    assert manager.delete(f"/api/v1/tasks/{made['id']}").status_code == 204
    assert manager.get(f"/api/v1/tasks/{made['id']}").status_code == 404
    assert manager.post(f"/api/v1/tasks/{made['id']}/complete").status_code == 404
    assert manager.post("/api/v1/tasks", sent).status_code == 201


def test_lists_filter_search_and_order(people, manager, vehicle):
    now = timezone.now()
    other = VehicleFactory(vehicle_id="north-2", fleet=people.north)
    customer = CustomerFactory(created_by=people.manager)
    TaskFactory(title="late", vehicle=vehicle, due_at=now - timedelta(days=1), assignee=people.operator)
    TaskFactory(title="soon", vehicle=other, due_at=now + timedelta(days=1), description="left door")
    TaskFactory(title="done", customer=customer, due_at=now - timedelta(days=2), complete=True)
    TaskFactory(title="elsewhere", vehicle=VehicleFactory(fleet=people.south))
    stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    cases = {
        "": {"late", "soon", "done"},
        "status=created": {"late", "soon"},
        "status=complete": {"done"},
        f"vehicle_id={vehicle.vehicle_id}": {"late"},
        "fleet_id=fleet-north": {"late", "soon"},
        f"customer_id={customer.pk}": {"done"},
        f"assignee={people.operator.email.upper()}": {"late"},
        "has_assignee=false": {"soon", "done"},
        f"due_before={stamp}": {"late", "done"},
        f"due_after={stamp}": {"soon"},
        "overdue=true": {"late"},
        "overdue=false": {"soon", "done"},
        "search=LEFT door": {"soon"},
        "search=north-2": {"soon"},
    }
    assert {query: set(titles(manager, query)) for query in cases} == cases
    assert titles(manager, "ordering=due_at") == ["done", "late", "soon"]
    assert titles(manager, "ordering=-title") == ["soon", "late", "done"]


@pytest.mark.parametrize(
    "query",
    ["status=open", "due_before=2030-01-01", "overdue=x", "customer_id=0", "colour=red", "ordering=x"],
)
def test_a_parameter_that_cannot_be_is_refused(manager, query):
    answer = manager.get(f"/api/v1/tasks?{query}")
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {query.split("=")[0]}


def test_a_fleet_that_is_not_ones_own_is_forbidden(manager):
    assert manager.get("/api/v1/tasks?fleet_id=fleet-south").status_code == 403


def test_a_devices_key_sees_the_tasks_of_its_vehicle_alone(people, task):
    TaskFactory(title="other", vehicle=VehicleFactory(fleet=people.north))
    assert titles(people.client("device_key")) == ["Oil"]


def test_a_checklist_is_written_by_managers_and_ticked_by_operators(people, manager, task):
    items = [{"text": " Oil "}, {"text": "Brakes", "done": True}]
    told = manager.patch(f"/api/v1/tasks/{task.pk}", {"checklist": items}).json()
    assert told["checklist"] == [{"text": "Oil", "done": False}, {"text": "Brakes", "done": True}]
    operator = people.client("operator")
    assert operator.patch(f"/api/v1/tasks/{task.pk}", {"checklist": []}).status_code == 403
    for index, done in ((0, True), (0, True), (1, False)):
        answer = operator.post(f"/api/v1/tasks/{task.pk}/checklist", {"index": index, "done": done})
        assert answer.status_code == 200
    assert answer.json()["checklist"] == [{"text": "Oil", "done": True}, {"text": "Brakes", "done": False}]
    read = manager.get(f"/api/v1/tasks/{task.pk}")
    assert read.json() == answer.json()
    assert manager.put(f"/api/v1/tasks/{task.pk}", {**read.json(), "title": "Oil"}).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"index": 0}, {"done": True}, {"index": 1, "done": True}, {"index": -1, "done": True},
             {"index": 2**63, "done": True}, {"index": 0, "done": "perhaps"}, {"index": 0, "done": True, "text": "x"}]
)  # fmt: skip
def test_an_item_that_is_not_there_cannot_be_ticked(manager, task, body):
    manager.patch(f"/api/v1/tasks/{task.pk}", {"checklist": [{"text": "Oil"}]})
    answer = manager.post(f"/api/v1/tasks/{task.pk}/checklist", body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_the_checklist_of_a_final_task_stays(manager, task):
    manager.patch(f"/api/v1/tasks/{task.pk}", {"checklist": [{"text": "Oil"}]})
    manager.post(f"/api/v1/tasks/{task.pk}/complete")
    assert manager.post(f"/api/v1/tasks/{task.pk}/checklist", {"index": 0, "done": True}).status_code == 409


@pytest.mark.parametrize(
    "items",
    [
        None,
        "Oil",
        {"text": "Oil"},
        ["Oil"],
        [{"text": ""}],
        [{"text": "x" * 201}],
        [{"text": 7}],
        [{"done": True}],
        [{"text": "Oil", "done": 1}],
        [{"text": "Oil", "by": "me"}],
        [{"text": "x"}] * 51,
    ],
)
def test_what_is_no_checklist_is_refused(manager, task, items):
    answer = manager.patch(f"/api/v1/tasks/{task.pk}", {"checklist": items})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["checklist"]
