"""Tasks as pages show them: list, board, one with its story, and what is done to them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Cause
from dashboard.tests.answers import text_of
from rules.lanes import drain
from rules.outbox import run_pending_actions
from rules.services import create_rule
from rules.tests.factories import OVER, report
from task_management.models import Task
from task_management.services import complete_task

pytestmark = pytest.mark.django_db


def words_of(answer):
    return " ".join(re.sub(r"<[^>]*>", " ", text_of(answer)).split())


def make_task(world, **values):
    cause = Cause.of(world.people.manager.as_cause())
    return Task.objects.create(**{"title": "Wash it", "vehicle": world.vehicle, "cause": cause, **values})


def titles(answer):
    return re.findall(r'<a href="/tasks/\d+" class="fw-medium">([^<]*)</a>', text_of(answer))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"Change the oil", "Late", "Done"}),
        ("?status=complete", {"Done"}),
        ("?overdue=true", {"Late"}),
        ("?assignee=me", {"Late"}),
        ("?search=oil", {"Change the oil"}),
        ("?vehicle_id=fleet-north-VH-002", {"Late"}),
    ],
)
def test_a_list_is_filtered_by_its_address(page, world, query, expected):
    late = {"due_at": timezone.now() - timedelta(hours=1), "assignee": world.people.manager}
    make_task(world, title="Late", vehicle=world.other_vehicle, **late)
    complete_task(make_task(world, title="Done"), by=world.people.manager)
    assert set(titles(page.get(f"/tasks{query}"))) == expected


def test_a_board_has_a_column_per_status(page, world):
    complete_task(make_task(world, title="Done"), by=world.people.manager)
    shown = text_of(page.get("/tasks?view=board"))
    created, complete, canceled = re.split(r'data-testid="board-', shown)[1:]
    assert "Change the oil" in created
    assert "Done" in complete
    assert "Nothing here." in canceled


def test_a_task_tells_how_it_came_about_each_step_a_link(page, world):
    action = {"type": "create_task", "title": "Service $vehicle_id"}
    scope = {"fleets": [world.people.north.fleet_id]}
    rule = create_rule(
        {"name": "Due", "pattern": OVER, "scope": scope, "actions": [action]}, by=world.people.manager
    )
    report(world.vehicle, row=4_812, odometer_km=10_412)
    drain()
    run_pending_actions()
    firing = rule.firings.get()
    task = Task.objects.get(title="Service fleet-north-VH-001")
    shown = text_of(page.get(f"/tasks/{task.pk}"))
    story = re.search(r'data-testid="task-story">(.*?)</p>', shown, re.S)[1]
    told = " ".join(re.sub(r"<[^>]*>", "", story).split())
    assert told == (
        f"Created by firing {firing.pk} of rule “Due” because odometer_km was 10,412, which is over 10,000, "
        "from row 4,812 of status.csv, uploaded by a@b.example."
    )
    for path in (f"/firings/{firing.pk}", f"/rules/{rule.pk}", "/files/7?row=4812#row-4812"):
        assert f'href="{path}"' in story


def test_a_persons_task_names_the_person(page, world):
    told = words_of(page.get(f"/tasks/{world.task.pk}"))
    assert f"Created by {world.people.manager.email}." in told


def test_operators_complete_cancel_and_comment_but_do_not_edit(client, world):
    client.force_login(world.people.operator)
    path = f"/tasks/{world.task.pk}"
    assert f"{path}/edit" not in text_of(client.get(path))
    assert client.get(f"{path}/edit").status_code == 403
    client.post(f"{path}/comments", {"text": "On my way"})
    client.post(f"{path}/complete")
    world.task.refresh_from_db()
    assert (world.task.status, world.task.comments.get().text) == ("complete", "On my way")
    assert "On my way" in text_of(client.get(path))


def test_a_final_task_stays_so_and_says_it(page, world):
    page.post(f"/tasks/{world.task.pk}/complete")
    answer = page.post(f"/tasks/{world.task.pk}/cancel", follow=True)
    assert "which is final" in text_of(answer)
    world.task.refresh_from_db()
    assert world.task.status == "complete"


def test_many_are_completed_and_assigned_at_once(page, world):
    tasks = [make_task(world), make_task(world)]
    ticked = [task.pk for task in tasks]
    page.post("/tasks", {"action": "assign", "assignee": world.people.operator.email, "selected": ticked})
    page.post("/tasks", {"action": "complete", "selected": ticked})
    found = Task.objects.filter(pk__in=ticked)
    assert {(task.status, task.assignee_id) for task in found} == {("complete", world.people.operator.pk)}


def test_a_new_task_keeps_what_was_typed_when_something_is_wrong(page, world):
    answer = page.post("/tasks/new", {"title": "Wash", "vehicle": "nobody", "description": "With wax"})
    assert answer.status_code == 422
    shown = text_of(answer)
    assert "There is no vehicle “nobody” that you see." in shown
    assert 'value="Wash"' in shown
    assert "With wax" in shown


def test_a_task_is_made_with_vehicle_assignee_and_rules(page, world):
    rule = create_rule({"name": "Mine", "pattern": OVER, "scope": {}, "actions": []}, by=world.people.manager)
    body = {
        "title": "Wash",
        "vehicle": world.vehicle.vehicle_id,
        "assignee": world.people.operator.email,
        "due_at": "2026-12-01T08:00",
        "rules": [rule.pk],
    }
    answer = page.post("/tasks/new", body)
    task = Task.objects.get(title="Wash")
    assert answer.url == f"/tasks/{task.pk}"
    assert (task.vehicle, task.assignee) == (world.vehicle, world.people.operator)
    assert list(task.rules.all()) == [rule]


def test_another_fleets_task_is_not_there(client, world):
    client.force_login(world.people.stranger)
    assert client.get(f"/tasks/{world.task.pk}").status_code == 404
    assert client.post(f"/tasks/{world.task.pk}/complete").status_code == 404
    assert titles(client.get("/tasks")) == []


def test_a_comment_cannot_become_markup(page, world):
    page.post(f"/tasks/{world.task.pk}/comments", {"text": "<script>alert(1)</script>"})
    assert "<script>alert" not in text_of(page.get(f"/tasks/{world.task.pk}"))


@pytest.mark.parametrize("path", ["/tasks", "/tasks?view=board"])
def test_lists_ask_as_much_of_ten_tasks_as_of_one(page, world, path):
    make_task(world, assignee=world.people.operator, customer=world.customer)
    page.get(path)
    with CaptureQueriesContext(connection) as few:
        page.get(path)
    for _number in range(10):
        make_task(world, assignee=world.people.operator, customer=world.customer)
    with CaptureQueriesContext(connection) as many:
        page.get(path)
    assert len(many) == len(few)


def test_operators_tick_a_checklist_off(client, world):
    client.force_login(world.people.operator)
    path = f"/tasks/{world.task.pk}"
    assert "0 of 1 done" in text_of(client.get(path))
    client.post(f"{path}/checklist", {"index": "0", "done": "1"})
    shown = client.get(path)
    assert "1 of 1 done" in text_of(shown)
    assert 'aria-checked="true"' in shown.content.decode()
    client.post(f"{path}/checklist", {"index": "0", "done": "0"})
    world.task.refresh_from_db()
    assert world.task.checklist == [{"text": "Oil", "done": False}]
    for index in ("1", "-1", "x", ""):
        assert "There is no item" in text_of(
            client.post(f"{path}/checklist", {"index": index, "done": "1"}, follow=True)
        )


def test_a_checklist_is_written_line_by_line_and_keeps_what_is_done(page, world):
    page.post(f"/tasks/{world.task.pk}/checklist", {"index": "0", "done": "1"})
    form = {
        "title": "Change the oil",
        "vehicle": world.vehicle.vehicle_id,
        "checklist": "Filter\r\n\r\n Oil ",
    }
    assert page.post(f"/tasks/{world.task.pk}/edit", form).status_code == 302
    world.task.refresh_from_db()
    assert world.task.checklist == [{"text": "Filter", "done": False}, {"text": "Oil", "done": True}]
    assert "Filter\nOil" in page.get(f"/tasks/{world.task.pk}/edit").content.decode()
    refused = page.post(f"/tasks/{world.task.pk}/edit", {**form, "checklist": "x" * 201})
    assert "Item 1 has a text of 1 to 200 characters; this one has 201." in text_of(refused)
