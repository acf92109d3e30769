"""What people and rules do with tasks."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause, User
from task_management.exceptions import TaskIsFinal
from task_management.models import Task, TaskComment
from vehicle_management.changes import lock_vehicles
from vehicle_management.services import touch_vehicles

CLOSED_AT = {Task.Status.COMPLETE: "completed_at", Task.Status.CANCELED: "canceled_at"}


def create_task(
    values: Mapping[str, Any],
    *,
    by: Actor | None,
    origin: str | None = None,
    cause: Mapping[str, Any] | None = None,
) -> Task:
    """``origin`` makes it idempotent: the task that has it already is answered.

    Raises ValidationError where a caller who is limited to fleets names neither vehicle nor customer.
    """
    _demand_place(values.get("vehicle"), values.get("customer"), by)
    told = dict(cause) if cause is not None else by.as_cause() if by is not None else {"kind": "message"}
    with transaction.atomic():
        vehicle = values.get("vehicle")
        if vehicle is not None:
            lock_vehicles([vehicle.pk])
        if origin is not None and (made := Task.all_objects.filter(origin=origin).first()):
            return made
        task = Task.objects.create(**values, origin=origin, cause=Cause.of(told))
        _touch({task.vehicle_id}, told)
    return task


def update_task(task: Task, values: Mapping[str, Any], *, by: Actor) -> Task:
    """Change what a task says; a task that moves to another vehicle is told to the rules of both."""
    with transaction.atomic():
        lock_vehicles(pk for pk in (task.vehicle_id, _pk(values.get("vehicle"))) if pk)
        locked = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
        place = {"vehicle": locked.vehicle, "customer": locked.customer, **values}
        _demand_place(place["vehicle"], place["customer"], by)
        before = locked.vehicle_id
        changed = [name for name, value in values.items() if getattr(locked, name) != value]
        for name in changed:
            setattr(locked, name, values[name])
        if changed:
            locked.version += 1
            locked.save(update_fields=[*changed, "version", "updated_at"])
        if before != locked.vehicle_id:
            _touch({before, locked.vehicle_id}, by.as_cause())
    return locked


def complete_task(task: Task, *, by: Actor) -> Task:
    """Raises TaskIsFinal."""
    return _close(task, Task.Status.COMPLETE, by)


def cancel_task(task: Task, *, by: Actor) -> Task:
    """Raises TaskIsFinal."""
    return _close(task, Task.Status.CANCELED, by)


def comment_on_task(task: Task, text: str, *, by: Actor) -> TaskComment:
    """Raises ValidationError for an empty or overlong text."""
    comment = TaskComment(task=task, by=Cause.of(by.as_cause()), text=text.strip())
    comment.clean_fields(exclude=["task", "by"])
    comment.save()
    return comment


def assign_tasks(task_pks: Iterable[int], assignee: User | None, *, by: Actor) -> int:
    tasks = Task.objects.visible_to(by).open().filter(pk__in=list(task_pks))
    return tasks.update(assignee=assignee, version=models.F("version") + 1, updated_at=timezone.now())


def close_tasks(task_pks: Iterable[int], status: str, *, by: Actor) -> int:
    """Complete or cancel those that are open; answers how many were."""
    count = 0
    for task in Task.objects.visible_to(by).open().filter(pk__in=list(task_pks)).order_by("vehicle", "pk"):
        try:
            _close(task, status, by)
        except TaskIsFinal:
            continue
        count += 1
    return count


def hide_tasks(task_pks: Iterable[int], *, by: Actor) -> int:
    pks = list(task_pks)
    with transaction.atomic():
        vehicles = set(Task.objects.filter(pk__in=pks).values_list("vehicle", flat=True))
        lock_vehicles(pk for pk in vehicles if pk)
        count = Task.objects.filter(pk__in=pks).hide()
        _touch(vehicles, by.as_cause())
    return count


def restore_task(task: Task, *, by: Actor) -> Task:
    with transaction.atomic():
        task.deleted_at = None
        task.save(update_fields=["deleted_at", "updated_at"])
        _touch({task.vehicle_id}, by.as_cause())
    return task


def purge_task(task: Task) -> None:
    """Delete a hidden task for good. Raises ValidationError while it is not hidden."""
    if task.deleted_at is None:
        raise ValidationError(
            _("“%(title)s” is in use; delete it before purging it.") % {"title": task.title}
        )
    task.delete()


def _close(task: Task, status: str, by: Actor) -> Task:
    """One conditional UPDATE: of two who close a task at once, one is told that it is final."""
    now, told = timezone.now(), by.as_cause()
    closing = {
        "status": status,
        CLOSED_AT[Task.Status(status)]: now,
        "closed_by": Cause.of(told),
        "updated_at": now,
    }
    with transaction.atomic():
        if task.vehicle_id:
            lock_vehicles([task.vehicle_id])
        if not Task.objects.filter(pk=task.pk).open().update(**closing, version=models.F("version") + 1):
            task.refresh_from_db()
            message = _("Task %(id)d is %(status)s, which is final.")
            raise TaskIsFinal(message % {"id": task.pk, "status": task.status})
        _touch({task.vehicle_id}, told)
    task.refresh_from_db()
    return task


def _demand_place(vehicle: Any, customer: Any, by: Actor | None) -> None:
    if by is not None and not by.is_administrator and vehicle is None and customer is None:
        message = _("Name the task's vehicle or customer; only administrators keep tasks of neither.")
        raise ValidationError({"vehicle_id": [message], "customer_id": [message]})


def _touch(vehicles: Iterable[int | None], cause: Mapping[str, Any]) -> None:
    touch_vehicles([pk for pk in vehicles if pk], cause=cause)


def _pk(thing: Any) -> int | None:
    return thing.pk if thing is not None else None
