"""Tasks of rules: one open task per rule, vehicle and action, told again and closed by what they are about."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts.tests.factories import FleetFactory, UserFactory
from rules.actions import check_actions
from rules.models import FiringAction
from rules.outbox import run_pending_actions
from rules.task_actions import completion_params
from rules.tests.factories import administrator
from rules.tests.owing import actions_of, fire, rule_of, vehicle_of, work
from task_management.models import Task, TaskComment
from task_management.services import complete_task, hide_tasks, update_task
from task_management.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

LATER = datetime(2999, 1, 1, tzinfo=UTC)
TASK = {"type": "create_task", "title": "Service $vehicle_id", "description": "At $odometer_km km"}


@pytest.fixture
def rule(db):
    return rule_of(TASK)


@pytest.fixture
def vehicle(db):
    return vehicle_of()


def fire_and_work(rule, vehicle, **known):
    firing = fire(rule, vehicle, known=known)
    actions = actions_of(firing)
    work(*actions)
    return actions[0] if actions else firing


def end(firing, index=0):
    """What a lane adds when the firing's reason is gone."""
    last = FiringAction.objects.filter(firing=firing).order_by("-index").first()
    params = completion_params(index)
    return FiringAction.objects.create(
        firing=firing, index=last.index + 1, type="complete_task", params=params
    )


def comments(task):
    return list(TaskComment.objects.filter(task=task).values_list("text", flat=True))


def test_a_later_firing_updates_the_task_that_is_open(rule, vehicle):
    first = fire_and_work(rule, vehicle, odometer_km=10_412)
    again = fire_and_work(rule, vehicle, odometer_km=10_999)
    assert again.task == first.task
    assert again.result == f"Task {first.task_id} is open already and was updated."
    task = Task.objects.get()
    assert (task.title, task.description) == ("Service VH-1", "At 10999 km")
    assert task.origin == f"firing:{first.firing_id}:0"
    assert comments(task) == ["Still so: odometer_km 10412 > 10000"]
    assert task.comments.get().by.data["firing_id"] == again.firing_id


def test_what_people_wrote_into_the_task_stays_while_the_rule_says_the_same(rule, vehicle):
    task = fire_and_work(rule, vehicle, odometer_km=1).task
    update_task(task, {"title": "Service VH-1 at Joe's"}, by=administrator())
    fire_and_work(rule, vehicle, odometer_km=2)
    task.refresh_from_db()
    assert (task.title, task.description) == ("Service VH-1 at Joe's", "At 2 km")


@pytest.mark.parametrize(
    "close",
    [
        lambda task: complete_task(task, by=administrator()),
        lambda task: hide_tasks([task.pk], by=administrator()),
        lambda task: update_task(task, {"vehicle": vehicle_of("VH-2")}, by=administrator()),
    ],
    ids=["complete", "deleted", "of another vehicle"],
)
def test_a_task_that_is_no_longer_open_is_not_opened_again(rule, vehicle, close):
    first = fire_and_work(rule, vehicle)
    close(first.task)
    again = fire_and_work(rule, vehicle)
    assert again.task_id != first.task_id
    assert again.result == f"Task {again.task_id} was created."


def test_other_rules_vehicles_and_actions_have_tasks_of_their_own(vehicle):
    rule = rule_of(TASK, TASK)
    for of in (rule, rule_of(TASK)):
        for where in (vehicle, vehicle_of("VH-2")) if of is rule else (vehicle,):
            work(*actions_of(fire(of, where)))
    assert Task.objects.count() == 5


def test_a_repeat_makes_and_tells_nothing_anew(rule, vehicle):
    first, again = fire_and_work(rule, vehicle), fire_and_work(rule, vehicle)
    FiringAction.objects.update(status="PENDING")
    work(first, again)
    assert (Task.objects.count(), TaskComment.objects.count()) == (1, 1)
    assert again.result.endswith("was updated.")


def test_a_checklist_comes_with_the_task():
    rule = rule_of({**TASK, "checklist": ["Oil of $plate", "Brakes"]})
    task = fire_and_work(rule, vehicle_of(), plate="B-XY 1").task
    assert task.checklist == [{"text": "Oil of B-XY 1", "done": False}, {"text": "Brakes", "done": False}]


def test_what_ended_completes_its_task(rule, vehicle):
    made = fire_and_work(rule, vehicle)
    action = end(made.firing)
    work(action)
    task = Task.objects.get()
    assert (task.status, action.status) == ("complete", "DONE")
    assert action.result == f"Task {task.pk} was completed, as it is no longer so."
    assert task.told_closed_by()["firing_id"] == made.firing_id


def test_completing_waits_until_the_task_is_made(rule, vehicle):
    firing = fire(rule, vehicle)
    (making,) = actions_of(firing)
    ending = end(firing)
    FiringAction.objects.filter(pk=making.pk).update(next_at=LATER)
    run_pending_actions()
    ending.refresh_from_db()
    assert (ending.status, ending.attempts) == ("PENDING", 0)
    assert ending.result == f"Waits for the task that firing {firing.pk} is to create."
    assert not ending.tries.exists()
    work(making, ending)
    assert Task.objects.get().status == "complete"


@pytest.mark.parametrize("status", ["FAILED", "PARKED"])
def test_completing_what_was_never_made_says_so(rule, vehicle, status):
    firing = fire(rule, vehicle)
    FiringAction.objects.update(status=status)
    ending = end(firing)
    work(ending)
    assert ending.status == "DONE"
    assert ending.result == "There is no task to complete: creating it did not succeed."


def test_completing_what_somebody_closed_says_so(rule, vehicle):
    made = fire_and_work(rule, vehicle)
    complete_task(made.task, by=administrator())
    ending = end(made.firing)
    work(ending)
    assert ending.result == f"Task {made.task_id} was closed or deleted before."


def test_what_begins_again_waits_for_the_end_before_it(rule, vehicle):
    first = fire_and_work(rule, vehicle)
    ending = end(first.firing)
    FiringAction.objects.filter(pk=ending.pk).update(next_at=LATER)
    (second,) = actions_of(fire(rule, vehicle))
    run_pending_actions()
    second.refresh_from_db()
    assert second.result == f"Waits until firing {first.firing_id} has completed its task."
    work(ending, second)
    assert second.task_id not in (None, first.task_id)
    first.task.refresh_from_db()
    assert (first.task.status, second.task.status) == ("complete", "created")


def test_the_end_completes_what_repeated_firings_told_of(rule, vehicle):
    fire_and_work(rule, vehicle)
    ending = end(fire_and_work(rule, vehicle).firing)
    work(ending)
    assert Task.objects.get().status == "complete"


def test_a_rule_closes_tasks_of_its_own_and_of_another_rule(vehicle):
    made = fire_and_work(rule_of(TASK), vehicle)
    own = TaskFactory(title="Wash", vehicle=vehicle)
    elsewhere = TaskFactory(vehicle=vehicle_of("VH-2"))
    closing = rule_of({"type": "complete_task", "comment": "$vehicle_id is back"}, name="Back")
    closing.tasks.add(own, elsewhere)
    action = fire_and_work(closing, vehicle)
    assert action.result == f"Task {own.pk} was completed."
    assert comments(own) == ["VH-1 is back"]
    assert fire_and_work(closing, vehicle).result == f"There was no open task of rule {closing.pk} for VH-1."
    of_other = rule_of({"type": "cancel_task", "of_rule": made.firing.rule_id})
    assert fire_and_work(of_other, vehicle).result == f"Task {made.task_id} was canceled."
    made.task.refresh_from_db()
    assert made.task.status == "canceled"
    assert made.task.told_closed_by()["name"] == of_other.name
    assert Task.objects.get(pk=elsewhere.pk).status == "created"


def test_several_tasks_are_named(vehicle):
    closing = rule_of({"type": "complete_task"})
    tasks = [TaskFactory(vehicle=vehicle) for _ in range(3)]
    closing.tasks.add(*tasks)
    one, two, three = sorted(task.pk for task in tasks)
    assert fire_and_work(closing, vehicle).result == f"Tasks {one}, {two} and {three} were completed."


@pytest.mark.parametrize(
    ("params", "name", "told"),
    [
        ({"checklist": []}, "checklist", "A list of 1 to 50 texts is needed; this one has 0."),
        ({"checklist": ["x"] * 51}, "checklist", "this one has 51"),
        ({"checklist": "Oil"}, "checklist", "“Oil” is none"),
        ({"checklist": ["Oil", " "]}, "checklist", "Item 2: The text is blank"),
        ({"checklist": ["Oil", 7]}, "checklist", "Item 2: “7” is not a text."),
        ({"complete_when_cleared": "yes"}, "complete_when_cleared", "“yes” is neither true nor false."),
        ({"assignee": "nobody@fleet.example"}, "assignee", "is not the e-mail of an active person"),
    ],
)
def test_what_a_task_cannot_be_is_refused_at_save(params, name, told):
    errors = check_actions([{**TASK, **params}], by=administrator())
    assert told in errors[f"actions[0].{name}"][0]


def test_the_rule_whose_tasks_are_closed_is_one_that_one_sees():
    hidden = rule_of(TASK, everything=False)
    manager = UserFactory(role="MANAGER", fleets=[FleetFactory()])
    action = {"type": "complete_task", "of_rule": hidden.pk}
    assert check_actions([action], by=administrator()) == {}
    for by, value in (
        (manager, hidden.pk),
        (administrator(), 0),
        (administrator(), True),
        (administrator(), "1"),
    ):
        errors = check_actions([{**action, "of_rule": value}], by=by)
        assert "is not the number of a rule that you see" in errors["actions[0].of_rule"][0]


@pytest.mark.django_db(transaction=True)
def test_runners_that_race_make_one_task():
    rule, vehicles = rule_of(TASK), [vehicle_of(f"VH-{n}") for n in range(4)]
    for _round in range(10):
        for vehicle in vehicles:
            fire(rule, vehicle)

    def run():
        try:
            run_pending_actions()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(times=2)
    assert set(FiringAction.objects.values_list("status", flat=True)) == {"DONE"}
    assert Task.objects.count() == 4
    assert TaskComment.objects.count() == 36
