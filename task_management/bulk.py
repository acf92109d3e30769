"""Many tasks at once, from the rows of a file."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause, User
from customer_management.bulk import MergedRow
from customer_management.models import Customer
from task_management.locks import lock_tasks
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.services import touch_vehicles

FIELDS = ("title", "description", "vehicle_id", "customer_id", "assignee_id", "due_at")
COLUMNS = {"vehicle_id": "vehicle", "customer_id": "customer", "assignee_id": "assignee"}
STORED = (*FIELDS, "status", "completed_at", "canceled_at", "closed_by", "version", "updated_at")


def merge_tasks(rows: Sequence[dict[str, Any]], *, by: Actor, cause: Cause) -> list[MergedRow]:
    """Create and update tasks; each row is ``{row, target, cleared, external_id, title, …}``."""
    with transaction.atomic():
        targets = [item["target"] for item in rows if item["target"]]
        lock_tasks(Task.objects.filter(pk__in=targets), and_vehicles=_vehicles_of(rows))
        held = Task.objects.in_bulk(targets)
        seen = set(Task.objects.visible_to(by).filter(pk__in=targets).values_list("pk", flat=True))
        watched = {task.vehicle_id for task in held.values()}
        merged = [_merge(item, held.get(item["target"]), item["target"] in seen, by, cause) for item in rows]
        _refuse_blind_assignees(rows, merged, held)
        made = _create(rows, merged, cause)
        changed = [held[result.pk] for result in merged if result.outcome == "u"]
        Task.objects.bulk_update(changed, STORED, batch_size=1_000)
        _touch([*made, *changed], watched if changed else set(), cause)
    return merged


def _vehicles_of(rows: Sequence[dict[str, Any]]) -> set[int]:
    return {item["vehicle"] for item in rows if item["vehicle"]}


def _touch(tasks: Sequence[Task], watched: set[int | None], cause: Cause) -> None:
    pks = {task.vehicle_id for task in tasks} | watched
    touch_vehicles([pk for pk in pks if pk], cause=cause.data)


def _merge(item: dict[str, Any], task: Task | None, is_visible: bool, by: Actor, cause: Cause) -> MergedRow:
    if task is None:
        return _new(item, by)
    if not is_visible:
        return _refused(
            item, "taken", _("This task is taken by one that you do not see; choose another external id.")
        )
    refusal = _refused_transition(item, task)
    if refusal:
        return refusal
    changes = _changes(item, task, cause)
    if not changes:
        return MergedRow(item["row"], pk=task.pk)
    task.version += 1
    task.updated_at = timezone.now()
    return MergedRow(item["row"], "u", task.pk, changes)


def _new(item: dict[str, Any], by: Actor) -> MergedRow:
    if not item["title"]:
        return _refused(item, "no_title", _("A new task needs a title; the row has none."))
    if not by.is_administrator and not (item["vehicle"] or item["customer"]):
        return _refused(
            item,
            "no_place",
            _("Name the task's vehicle or customer; only administrators keep tasks of neither."),
        )
    return MergedRow(item["row"], "c")


def _refused(item: dict[str, Any], code: str, message: str) -> MergedRow:
    return MergedRow(
        item["row"], "f", value=item["external_id"] or item["title"] or "", code=code, message=message
    )


def _refuse_blind_assignees(
    rows: Sequence[dict[str, Any]], merged: Sequence[MergedRow], held: Mapping[int, Task]
) -> None:
    """As everywhere, whoever is given a task may see it; two queries for each such person."""
    given: dict[int, list[tuple[MergedRow, int | None, int | None]]] = defaultdict(list)
    for item, result in zip(rows, merged, strict=True):
        assignee, vehicle, customer = _place(item, result, held)
        if assignee:
            given[assignee].append((result, vehicle, customer))
    people = User.objects.in_bulk(given)
    for pk, told in given.items():
        vehicles = _seen_by(people[pk], Vehicle, {vehicle for _result, vehicle, _customer in told})
        customers = _seen_by(people[pk], Customer, {customer for _result, _vehicle, customer in told})
        for result, vehicle, customer in told:
            if not (vehicle in vehicles if vehicle else customer in customers):
                _refuse_assignee(result, people[pk])


def _place(item: dict[str, Any], result: MergedRow, held: Mapping[int, Task]) -> tuple[int | None, ...]:
    """Assignee, vehicle and customer where the row says something of them."""
    if result.outcome == "c":
        return item["assignee"], item["vehicle"], item["customer"]
    if result.outcome == "u" and result.changes.keys() & {"assignee", "vehicle", "customer"}:
        task = held[result.pk]
        return task.assignee_id, task.vehicle_id, task.customer_id
    return None, None, None


def _seen_by(person: User, model: Any, pks: set[int | None]) -> set[int | None]:
    if person.is_administrator:
        return pks
    return set(model.all_objects.visible_to(person).filter(pk__in=pks - {None}).values_list("pk", flat=True))


def _refuse_assignee(result: MergedRow, person: User) -> None:
    result.outcome, result.pk, result.changes = "f", 0, {}
    result.column, result.value, result.code = "assignee", person.email, "blind_assignee"
    result.message = _("%(email)s may not see this task; assign somebody who does.") % {"email": person.email}


def _refused_transition(item: dict[str, Any], task: Task) -> MergedRow | None:
    wanted = item["task_status"]
    if wanted is None or wanted == task.status or task.is_open:
        return None
    words = {"status": task.status, "wanted": wanted}
    return _refused(
        item, "final", _("The task is %(status)s, which is final; it cannot become %(wanted)s.") % words
    )


def _changes(item: dict[str, Any], task: Task, cause: Cause) -> dict[str, list[Any]]:
    told = {name: item[COLUMNS.get(name, name)] for name in FIELDS}
    told = {name: value for name, value in told.items() if value is not None}
    cleared = item["cleared"] or ()
    told |= {
        name: "" if name == "description" else None
        for name in FIELDS[1:]
        if COLUMNS.get(name, name) in cleared
    }
    changes: dict[str, list[Any]] = {}
    for name, value in told.items():
        before = getattr(task, name)
        if before != value:
            changes[COLUMNS.get(name, name)] = [_plain(before), _plain(value)]
            setattr(task, name, value)
    if item["task_status"] and item["task_status"] != task.status:
        changes["status"] = [task.status, item["task_status"]]
        _close(task, item["task_status"], cause)
    return changes


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _close(task: Task, status: str, cause: Cause) -> None:
    now = timezone.now()
    task.status, task.closed_by = status, cause
    task.completed_at = now if status == Task.Status.COMPLETE else None
    task.canceled_at = now if status == Task.Status.CANCELED else None


def _create(rows: Sequence[Mapping[str, Any]], merged: Sequence[MergedRow], cause: Cause) -> list[Task]:
    new = [(item, result) for item, result in zip(rows, merged, strict=True) if result.outcome == "c"]
    made = [_task(item, cause) for item, _result in new]
    Task.objects.bulk_create(made, batch_size=2_000)
    for (_item, result), task in zip(new, made, strict=True):
        result.pk = task.pk
    return made


def _task(item: Mapping[str, Any], cause: Cause) -> Task:
    task = Task(
        external_id=item["external_id"],
        title=item["title"],
        description=item["description"] or "",
        vehicle_id=item["vehicle"],
        customer_id=item["customer"],
        assignee_id=item["assignee"],
        due_at=item["due_at"],
        cause=cause,
        cause_row=item["row"],
    )
    if item["task_status"] and item["task_status"] != Task.Status.CREATED:
        _close(task, item["task_status"], cause)
    return task
