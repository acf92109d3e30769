"""What creating, changing, closing and hiding a task does, and to whom it may be given."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Cause
from accounts.tests.people import People
from customer_management.tests.factories import CustomerFactory
from task_management import services
from task_management.exceptions import TaskConflict, TaskIsFinal
from task_management.models import Task
from task_management.tests.factories import TaskFactory
from vehicle_management.models import ChangeBatch
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
RULE = {"kind": "rule", "rule_id": 3, "firing_id": 99, "name": "Service due"}


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id="north-1", fleet=people.north)


def touched():
    """The vehicles that rules look at again, in the order in which that was told."""
    batches = ChangeBatch.objects.order_by("pk")
    assert not any(batch.fields for batch in batches)
    return [pk for batch in batches for pk in batch.vehicles]


def test_a_task_tells_who_made_it_and_touches_its_vehicle(people, vehicle):
    task = services.create_task({"title": " Oil ", "vehicle": vehicle}, by=people.manager)
    assert (task.title, task.status, task.version) == ("Oil", "created", 1)
    assert task.told_cause() == people.manager.as_cause()
    assert touched() == [vehicle.pk]


def test_a_rules_task_is_made_once_per_origin(vehicle):
    values = {"title": "Service", "vehicle": vehicle}
    first = services.create_task(values, by=None, origin="firing:99:0", cause=RULE)
    again = services.create_task(values, by=None, origin="firing:99:0", cause=RULE)
    assert first.pk == again.pk
    assert Task.objects.get().told_cause() == RULE
    assert touched() == [vehicle.pk]


def test_an_origin_is_kept_by_a_task_that_was_deleted_meanwhile(people, vehicle):
    values = {"title": "Service", "vehicle": vehicle}
    made = services.create_task(values, by=None, origin="firing:99:0", cause=RULE)
    services.hide_tasks([made.pk], by=people.administrator)
    assert services.create_task(values, by=None, origin="firing:99:0", cause=RULE).pk == made.pk
    assert not Task.objects.exists()


def test_a_managers_task_needs_a_vehicle_or_a_customer(people):
    with pytest.raises(ValidationError) as refusal:
        services.create_task({"title": "Oil"}, by=people.manager)
    assert set(refusal.value.message_dict) == {"vehicle_id", "customer_id"}
    assert services.create_task({"title": "Oil"}, by=people.administrator).vehicle is None


def test_a_manager_names_only_vehicles_and_customers_that_they_see(people):
    foreign = {"vehicle": VehicleFactory(fleet=people.south), "customer": CustomerFactory()}
    with pytest.raises(ValidationError) as refusal:
        services.create_task({"title": "Oil", **foreign}, by=people.manager)
    assert set(refusal.value.message_dict) == {"vehicle_id", "customer_id"}
    own = CustomerFactory(created_by=people.manager)
    assert services.create_task({"title": "Oil", "customer": own}, by=people.manager).customer == own


def test_a_manager_does_not_take_away_what_makes_a_task_theirs(people, vehicle):
    task = TaskFactory(vehicle=vehicle)
    with pytest.raises(ValidationError):
        services.update_task(task, {"vehicle": None}, by=people.manager)
    task.refresh_from_db()
    assert task.vehicle == vehicle


def test_an_assignee_is_an_active_person_who_sees_the_task(people, vehicle):
    def assign(person):
        values = {"title": "Oil", "vehicle": vehicle, "assignee": person}
        return services.create_task(values, by=people.administrator).assignee

    assert assign(people.operator) == people.operator
    with pytest.raises(ValidationError, match=people.stranger.email):
        assign(people.stranger)
    people.manager.is_active = False
    people.manager.save()
    with pytest.raises(ValidationError, match="not active"):
        assign(people.manager)


def test_a_task_that_moves_out_of_its_assignees_sight_is_refused(people, vehicle):
    task = TaskFactory(vehicle=vehicle, assignee=people.operator)
    elsewhere = {"vehicle": VehicleFactory(fleet=people.south)}
    with pytest.raises(ValidationError) as refusal:
        services.update_task(task, elsewhere, by=people.administrator)
    assert set(refusal.value.message_dict) == {"assignee"}
    moved = services.update_task(task, {**elsewhere, "assignee": None}, by=people.administrator)
    assert (moved.assignee, moved.vehicle) == (None, elsewhere["vehicle"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": "   "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "Oil", "external_id": "x" * 65}, "external_id"),
        ({"title": "Oil", "status": "complete"}, "status"),
        ({}, "title"),
    ],
)
def test_values_that_cannot_be_are_refused_by_field(people, values, field):
    with pytest.raises(ValidationError) as refusal:
        services.create_task(values, by=people.administrator)
    assert set(refusal.value.message_dict) == {field}


def test_an_external_id_is_one_tasks_alone_until_it_is_deleted(people):
    values = {"title": "Oil", "external_id": "WO-1"}
    first = services.create_task(values, by=people.administrator)
    with pytest.raises(TaskConflict, match="“WO-1” is taken"):
        services.create_task(values, by=people.administrator)
    services.hide_tasks([first.pk], by=people.administrator)
    second = services.create_task(values, by=people.administrator)
    with pytest.raises(TaskConflict):
        services.restore_task(first, by=people.administrator)
    services.hide_tasks([second.pk], by=people.administrator)
    assert services.restore_task(first, by=people.administrator).deleted_at is None


def test_an_empty_external_id_is_none(people):
    for _time in range(2):
        made = services.create_task({"title": "Oil", "external_id": " "}, by=people.administrator)
        assert made.external_id is None


def test_only_a_change_counts_up_the_version(people, vehicle):
    task = TaskFactory(title="Oil", vehicle=vehicle)
    assert services.update_task(task, {"title": "Oil"}, by=people.manager).version == 1
    assert services.update_task(task, {"title": "Brakes"}, by=people.manager).version == 2
    assert touched() == []


def test_moving_an_open_task_touches_both_vehicles(people, vehicle):
    other = VehicleFactory(fleet=people.north)
    services.update_task(TaskFactory(vehicle=vehicle), {"vehicle": other}, by=people.manager)
    assert sorted(touched()) == sorted([vehicle.pk, other.pk])


def test_moving_a_task_that_is_final_touches_none(people, vehicle):
    task = TaskFactory(vehicle=vehicle, complete=True)
    services.update_task(task, {"vehicle": VehicleFactory(fleet=people.north)}, by=people.manager)
    assert touched() == []


@pytest.mark.parametrize("status", ["complete", "canceled"])
def test_closing_tells_when_and_who_and_touches_the_vehicle(people, vehicle, status):
    close = {"complete": services.complete_task, "canceled": services.cancel_task}[status]
    before = timezone.now()
    task = close(TaskFactory(vehicle=vehicle), by=people.operator)
    times = {"complete": task.completed_at, "canceled": task.canceled_at}
    assert before <= times.pop(status) <= timezone.now()
    assert list(times.values()) == [None]
    assert (task.status, task.version) == (status, 2)
    assert task.told_closed_by() == people.operator.as_cause()
    assert touched() == [vehicle.pk]


@pytest.mark.parametrize("close", [services.complete_task, services.cancel_task])
@pytest.mark.parametrize("state", ["complete", "canceled"])
def test_a_final_task_stays_as_it_is(people, vehicle, close, state):
    task = TaskFactory(vehicle=vehicle, **{state: True})
    with pytest.raises(TaskIsFinal, match="which is final"):
        close(task, by=people.operator)
    task.refresh_from_db()
    assert (task.status, task.version) == (state, 1)
    assert touched() == []


def test_a_task_that_was_deleted_meanwhile_is_neither_closed_nor_changed(people, vehicle):
    task = TaskFactory(vehicle=vehicle)
    services.hide_tasks([task.pk], by=people.manager)
    for act in (
        lambda: services.complete_task(task, by=people.manager),
        lambda: services.update_task(task, {"title": "Late"}, by=people.manager),
    ):
        with pytest.raises(TaskIsFinal, match="was deleted meanwhile"):
            act()


def test_closing_many_counts_the_open_ones_that_one_sees(people, vehicle):
    foreign = TaskFactory(vehicle=VehicleFactory(fleet=people.south))
    tasks = [TaskFactory(vehicle=vehicle), TaskFactory(vehicle=vehicle, complete=True), foreign]
    pks = [task.pk for task in tasks]
    assert services.close_tasks(pks, Task.Status.CANCELED, by=people.manager) == 1
    assert [Task.objects.get(pk=pk).status for pk in pks] == ["canceled", "complete", "created"]
    assert touched() == [vehicle.pk]


def test_assigning_many_changes_those_of_others_that_one_sees(people, vehicle):
    tasks = [
        TaskFactory(vehicle=vehicle),
        TaskFactory(vehicle=vehicle, assignee=people.operator),
        TaskFactory(vehicle=VehicleFactory(fleet=people.south)),
    ]
    pks = [task.pk for task in tasks]
    assert services.assign_tasks(pks, people.operator, by=people.manager) == 1
    assert [Task.objects.get(pk=pk).assignee for pk in pks] == [people.operator, people.operator, None]
    assert services.assign_tasks(pks, None, by=people.administrator) == 2


def test_assigning_many_to_who_does_not_see_one_of_them_assigns_none(people, vehicle):
    tasks = [TaskFactory(vehicle=VehicleFactory(fleet=people.south)), TaskFactory(vehicle=vehicle)]
    with pytest.raises(ValidationError, match=people.stranger.email):
        services.assign_tasks([task.pk for task in tasks], people.stranger, by=people.administrator)
    assert not Task.objects.exclude(assignee=None).exists()


def test_assigning_many_takes_the_same_queries_however_many(people, vehicle):
    pks = [TaskFactory(vehicle=vehicle).pk for _number in range(30)]
    counts = []
    for chosen in (pks[:2], pks[2:]):
        with CaptureQueriesContext(connection) as queries:
            assert services.assign_tasks(chosen, people.operator, by=people.administrator) == len(chosen)
        counts.append(len(queries))
    assert counts[0] >= counts[1]


def test_hiding_and_restoring_touch_the_vehicle_and_count_what_one_sees(people, vehicle):
    task, foreign = TaskFactory(vehicle=vehicle), TaskFactory(vehicle=VehicleFactory(fleet=people.south))
    assert services.hide_tasks([task.pk, foreign.pk], by=people.manager) == 1
    assert services.hide_tasks([task.pk], by=people.manager) == 0
    assert services.restore_task(task, by=people.administrator).version == 3
    assert services.restore_task(task, by=people.administrator).version == 3
    assert touched() == [vehicle.pk, vehicle.pk]


def test_only_a_hidden_task_is_purged_with_what_was_said_of_it(people, vehicle):
    task = TaskFactory(vehicle=vehicle)
    services.comment_on_task(task, "Seen.", by=people.operator)
    with pytest.raises(ValidationError, match="is in use"):
        services.purge_task(task)
    services.hide_tasks([task.pk], by=people.manager)
    services.purge_task(Task.all_objects.get(pk=task.pk))
    assert not Task.all_objects.exists()


def test_a_comment_is_trimmed_and_says_who(people, vehicle):
    comment = services.comment_on_task(TaskFactory(vehicle=vehicle), " Seal worn. ", by=people.operator)
    assert (comment.text, comment.by) == ("Seal worn.", Cause.of(people.operator.as_cause()))


@pytest.mark.parametrize("text", ["", "  ", "x" * 10_001])
def test_a_comment_that_is_empty_or_too_long_is_refused(people, vehicle, text):
    with pytest.raises(ValidationError, match="1 to 10000 characters"):
        services.comment_on_task(TaskFactory(vehicle=vehicle), text, by=people.operator)


def test_overdue_is_what_is_open_and_past_its_time():
    now = timezone.now()
    late = TaskFactory(due_at=now - timedelta(hours=1))
    TaskFactory(due_at=now - timedelta(hours=1), complete=True)
    TaskFactory(due_at=now + timedelta(hours=1))
    without = TaskFactory()
    assert list(Task.objects.overdue()) == [late]
    assert without in Task.objects.not_overdue()
    assert Task.objects.not_overdue().count() == 3
