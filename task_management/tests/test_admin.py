"""Tasks in the admin."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.people import People
from customer_management.tests.factories import CustomerFactory
from task_management.models import Task
from task_management.services import comment_on_task
from task_management.tests.factories import TaskFactory
from vehicle_management.models import ChangeBatch
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/task_management/task/"
NO_COMMENTS = {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0}


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def browser(client, people):
    client.force_login(people.administrator)
    return client


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id="north-1", fleet=people.north)


def form(**values):
    return {"external_id": "", "title": "Oil", "description": "", "vehicle": "", "customer": "", "assignee": "",
            "due_at_0": "", "due_at_1": "", **NO_COMMENTS, **values}  # fmt: skip


def act(browser, name, *tasks, **more):
    body = {"action": name, "_selected_action": [task.pk for task in tasks], **more}
    answer = browser.post(LIST, body)
    assert answer.status_code == 302
    told = " ".join(str(message) for message in get_messages(answer.wsgi_request))
    assert browser.get(LIST).status_code == 200  # which shows the messages, and so ends them
    return told


def test_a_task_is_made_and_changed_through_the_services(browser, people, vehicle):
    body = form(vehicle=vehicle.pk, assignee=people.operator.pk)
    assert browser.post(f"{LIST}add/", body).status_code == 302
    task = Task.objects.get()
    assert (task.vehicle, task.assignee) == (vehicle, people.operator)
    assert task.cause.data == people.administrator.as_cause()
    assert ChangeBatch.objects.filter(vehicles=[vehicle.pk]).count() == 1
    assert browser.post(f"{LIST}{task.pk}/change/", form(title="Brakes")).status_code == 302
    task.refresh_from_db()
    assert (task.title, task.vehicle, task.version) == ("Brakes", None, 2)
    assert ChangeBatch.objects.filter(vehicles=[vehicle.pk]).count() == 2


def test_an_assignee_who_may_not_see_the_task_is_told_at_the_field(browser, people, vehicle):
    answer = browser.post(f"{LIST}add/", form(vehicle=vehicle.pk, assignee=people.stranger.pk))
    assert people.stranger.email in answer.context["adminform"].form.errors["assignee"][0]
    assert not Task.objects.exists()


def test_an_external_id_that_is_taken_is_told_at_its_field(browser):
    TaskFactory(external_id="WO-1")
    answer = browser.post(f"{LIST}add/", form(external_id="WO-1"))
    assert "“WO-1” is taken" in answer.context["adminform"].form.errors["external_id"][0]


def test_open_tasks_are_completed_and_canceled_in_bulk(browser, people, vehicle):
    tasks = [TaskFactory(vehicle=vehicle), TaskFactory(), TaskFactory(canceled=True)]
    assert act(browser, "complete", *tasks) == "2 tasks changed."
    assert [Task.objects.get(pk=task.pk).status for task in tasks] == ["complete", "complete", "canceled"]
    assert Task.objects.get(pk=tasks[0].pk).closed_by.data == people.administrator.as_cause()
    assert act(browser, "cancel", *tasks) == "0 tasks changed."
    assert ChangeBatch.objects.filter(vehicles=[vehicle.pk]).count() == 1


def test_tasks_are_assigned_in_bulk_after_asking_whom(browser, people, vehicle):
    tasks = [TaskFactory(vehicle=vehicle), TaskFactory(vehicle=vehicle)]
    ticked = {"action": "assign", "_selected_action": [task.pk for task in tasks]}
    asked = browser.post(LIST, {**ticked, "select_across": "1"})
    assert asked.status_code == 200
    assert '<input type="hidden" name="select_across" value="1">' in asked.content.decode()
    told = act(browser, "assign", *tasks, apply="Apply", assignee=people.operator.pk)
    assert told == "2 tasks changed."
    assert {task.assignee for task in Task.objects.all()} == {people.operator}
    act(browser, "assign", *tasks, apply="Apply", assignee="")
    assert {task.assignee for task in Task.objects.all()} == {None}


def test_tasks_are_not_assigned_to_who_may_not_see_one_of_them(browser, people, vehicle):
    tasks = [TaskFactory(vehicle=VehicleFactory(fleet=people.south)), TaskFactory(vehicle=vehicle)]
    told = act(browser, "assign", *tasks, apply="Apply", assignee=people.stranger.pk)
    assert people.stranger.email in told
    assert not Task.objects.exclude(assignee=None).exists()


def test_a_task_is_deleted_restored_and_purged(browser, vehicle):
    task = TaskFactory(title="Wash", vehicle=vehicle)
    act(browser, "delete_selected", task, post="yes")
    assert not Task.objects.exists()
    assert "Wash" in browser.get(f"{LIST}?deleted_at__isempty=0").content.decode()
    assert browser.post(f"{LIST}{task.pk}/change/", form()).status_code == 403
    act(browser, "restore", task)
    assert Task.objects.get().title == "Wash"
    assert ChangeBatch.objects.filter(vehicles=[vehicle.pk]).count() == 2
    assert browser.post(f"{LIST}{task.pk}/delete/", {"post": "yes"}).status_code == 302
    act(browser, "purge", task)
    assert not Task.all_objects.exists()


def test_a_task_is_not_restored_over_another_of_its_external_id(browser):
    task = TaskFactory(external_id="WO-1")
    act(browser, "delete_selected", task, post="yes")
    TaskFactory(external_id="WO-1")
    assert "“WO-1” is taken" in act(browser, "restore", task)
    assert Task.objects.count() == 1


def test_saving_keeps_a_vehicle_and_a_customer_that_were_deleted_meanwhile(browser, vehicle):
    customer = CustomerFactory(deleted_at=timezone.now())
    task = TaskFactory(vehicle=vehicle, customer=customer)
    type(vehicle).objects.filter(pk=vehicle.pk).update(deleted_at=timezone.now())
    page = browser.get(f"{LIST}{task.pk}/change/").content.decode()
    assert f'<option value="{vehicle.pk}" selected' in page
    body = form(title="Later", vehicle=vehicle.pk, customer=customer.pk)
    assert browser.post(f"{LIST}{task.pk}/change/", body).status_code == 302
    task.refresh_from_db()
    assert (task.title, task.vehicle_id, task.customer_id) == ("Later", vehicle.pk, customer.pk)


def test_comments_are_told_and_not_edited(browser, people, vehicle):
    task = TaskFactory(vehicle=vehicle)
    comment_on_task(task, "The seal was worn.", by=people.operator)
    page = browser.get(f"{LIST}{task.pk}/change/").content.decode()
    assert "The seal was worn." in page
    assert people.operator.email in page
    assert 'name="comments-0-text"' not in page


def test_a_list_takes_the_same_queries_however_long_it_is(browser, people, vehicle):
    counts = []
    for _round in range(2):
        for number in range(5):
            task = TaskFactory(
                vehicle=VehicleFactory(fleet=people.north),
                customer=CustomerFactory(),
                assignee=people.operator,
                due_at=timezone.now() if number else None,
            )
            comment_on_task(task, "Seen.", by=people.operator)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(LIST).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert browser.get(LIST, {"overdue": "yes"}).context["cl"].result_count == 8
    assert browser.get(LIST, {"q": "Customer"}).context["cl"].result_count == 10


def test_a_task_takes_the_same_queries_however_much_was_said_of_it(browser, people, vehicle):
    task = TaskFactory(vehicle=vehicle)
    counts = []
    for person in (people.operator, people.manager):
        comment_on_task(task, "Seen.", by=person)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"{LIST}{task.pk}/change/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
