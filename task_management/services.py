"""What people and rules do with tasks. Every function is one transaction.

Whatever opens, closes or moves a vehicle's task touches the vehicle, so that the rules that are attached to
tasks look again at what they watch. Vehicles are locked before tasks, everywhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor, Causing
from accounts.models import Cause, User
from task_management.checks import check_assignable, check_assignee, check_place, checked_values
from task_management.exceptions import TaskConflict, TaskIsFinal
from task_management.locks import lock_tasks
from task_management.models import Task, TaskComment
from vehicle_management.changes import lock_vehicles
from vehicle_management.services import touch_vehicles

LONGEST_COMMENT = 10_000
CLOSED_AT = {Task.Status.COMPLETE: "completed_at", Task.Status.CANCELED: "canceled_at"}


def create_task(
    values: Mapping[str, Any],
    *,
    by: Actor | None,
    origin: str | None = None,
    cause: Mapping[str, Any] | None = None,
) -> Task:
    """``by`` is None where a rule makes it; ``origin`` makes it idempotent: the task that has it is answered.

    Raises ValidationError by field, and TaskConflict where the external id is taken.
    """
    task = Task(**checked_values({"title": "", **values}), origin=origin)
    if by is not None:
        check_place(task, by=by)
        check_assignee(task)
    told = _told(by, cause)
    with transaction.atomic():
        lock_vehicles(_pks(task.vehicle_id))
        if origin is not None and (made := _made_by(origin)):
            return made
        task.cause = Cause.of(told)
        task = _insert(task)
        touch_vehicles(_pks(task.vehicle_id), cause=told)
    return task


def update_task(task: Task, values: Mapping[str, Any], *, by: Actor) -> Task:
    """``version`` counts the updates that changed something.

    Raises as ``create_task`` does, and TaskIsFinal where the task was deleted meanwhile.
    """
    checked = checked_values(values)
    with transaction.atomic():
        locked = _locked(task, *_pks(checked["vehicle"].pk if checked.get("vehicle") else None))
        before = locked.vehicle_id
        changed = {name for name, value in checked.items() if getattr(locked, name) != value}
        for name in changed:
            setattr(locked, name, checked[name])
        if changed & {"vehicle", "customer"}:
            check_place(locked, by=by)
        if changed & {"vehicle", "customer", "assignee"}:
            check_assignee(locked)
        if changed:
            locked.version += 1
            _save(locked)
        if locked.is_open and before != locked.vehicle_id:
            touch_vehicles(_pks(before, locked.vehicle_id), cause=by.as_cause())
    return locked


def refresh_task(task: Task, values: Mapping[str, Any], *, comment: str, by: Causing) -> Task:
    """Say of an open task that it is still so: other texts where they changed, and a comment.

    Raises as ``update_task`` does.
    """
    checked = checked_values(values)
    with transaction.atomic():
        locked = _locked(task)
        changed = {name for name, value in checked.items() if getattr(locked, name) != value}
        for name in changed:
            setattr(locked, name, checked[name])
        if changed:
            locked.version += 1
            _save(locked)
        comment_on_task(locked, comment[:LONGEST_COMMENT], by=by)
    return locked


def set_checklist_item(task: Task, *, index: int, done: bool) -> Task:
    """Tick an item off, or not; the first one is 0. Raises TaskIsFinal, and ValidationError where there is none."""
    with transaction.atomic():
        locked = _locked(task)
        if not locked.is_open:
            raise TaskIsFinal(_why_final(locked))
        if not 0 <= index < len(locked.checklist):
            message = _("There is no item %(index)d; the checklist has %(n)d, and the first one is 0.")
            told = {"index": index, "n": len(locked.checklist)}
            raise ValidationError({"index": [message % told]})
        if locked.checklist[index]["done"] is not done:
            locked.checklist[index]["done"] = done
            locked.version += 1
            _save(locked)
    return locked


def complete_task(task: Task, *, by: Causing) -> Task:
    """Raises TaskIsFinal."""
    return _close(task, Task.Status.COMPLETE, by=by)


def cancel_task(task: Task, *, by: Causing) -> Task:
    """Raises TaskIsFinal."""
    return _close(task, Task.Status.CANCELED, by=by)


def close_tasks(task_pks: Iterable[int], status: str, *, by: Actor) -> int:
    """Complete or cancel those that are open and that one sees; answers how many were."""
    seen = Task.objects.visible_to(by).filter(pk__in=list(task_pks))
    return _close_all(seen.values_list("pk", flat=True), status, by=by)


def assign_tasks(task_pks: Iterable[int], assignee: User | None, *, by: Actor) -> int:
    """Give many tasks to one person, or to nobody; answers how many changed.

    Raises ValidationError, and assigns none, where the person may not see one of them.
    """
    with transaction.atomic():
        seen = Task.objects.visible_to(by).filter(pk__in=list(task_pks)).values("pk")
        tasks = Task.objects.select_for_update().filter(pk__in=seen).order_by("pk")
        moved = [task for task in tasks if task.assignee_id != (assignee.pk if assignee else None)]
        if assignee is not None:
            check_assignable(moved, assignee)
        Task.objects.filter(pk__in=[task.pk for task in moved]).update(
            assignee=assignee, version=F("version") + 1, updated_at=timezone.now()
        )
    return len(moved)


def comment_on_task(task: Task, text: str, *, by: Causing) -> TaskComment:
    text = text.strip()
    if not 1 <= len(text) <= LONGEST_COMMENT:
        message = _("A comment has 1 to %(most)d characters; this one has %(n)d.")
        raise ValidationError({"text": [message % {"most": LONGEST_COMMENT, "n": len(text)}]})
    with transaction.atomic():
        return TaskComment.objects.create(task=task, by=Cause.of(by.as_cause()), text=text)


def hide_tasks(task_pks: Iterable[int], *, by: Actor) -> int:
    """Hide them and free their external ids; rules no longer watch their vehicles on their account."""
    with transaction.atomic():
        locked = lock_tasks(Task.objects.visible_to(by).filter(pk__in=list(task_pks)))
        Task.objects.filter(pk__in=locked).update(deleted_at=timezone.now(), version=F("version") + 1)
        touch_vehicles(_pks(*locked.values()), cause=by.as_cause())
    return len(locked)


def restore_task(task: Task, *, by: Actor) -> Task:
    """Raises TaskConflict when its external id has been given to another task meanwhile."""
    with transaction.atomic():
        locked = _locked(task, manager=Task.all_objects)
        if locked.deleted_at is not None:
            locked.deleted_at = None
            locked.version += 1
            _save(locked)
            touch_vehicles(_pks(locked.vehicle_id), cause=by.as_cause())
    return locked


def purge_task(task: Task) -> None:
    """Delete a hidden task for good, with its comments. Raises ValidationError while it is not hidden."""
    if task.deleted_at is None:
        message = _("“%(title)s” is in use; delete it before purging it.")
        raise ValidationError(message % {"title": task.title})
    task.delete()


def _close(task: Task, status: str, *, by: Causing) -> Task:
    """Of many who close a task at once, one does, and the others learn that it is final."""
    if not _close_all([task.pk], status, by=by):
        raise TaskIsFinal(_why_final(task))
    task.refresh_from_db()
    return task


def _close_all(task_pks: Iterable[int], status: str, *, by: Causing) -> int:
    """One conditional UPDATE on the row itself: a subquery's answer would not be asked again after a wait."""
    now = timezone.now()
    with transaction.atomic():
        locked = lock_tasks(Task.objects.open().filter(pk__in=list(task_pks)))
        closed = Task.objects.filter(pk__in=locked, status=Task.Status.CREATED).update(
            status=status,
            closed_by=Cause.of(by.as_cause()),
            version=F("version") + 1,
            updated_at=now,
            **{CLOSED_AT[Task.Status(status)]: now},
        )
        touch_vehicles(_pks(*locked.values()), cause=by.as_cause())
    return closed


def _why_final(task: Task) -> str:
    task.refresh_from_db()
    if task.deleted_at is not None:
        return _("“%(title)s” was deleted meanwhile.") % {"title": task.title}
    message = _("“%(title)s” is %(status)s, which is final.")
    return message % {"title": task.title, "status": task.get_status_display()}


def _locked(task: Task, *vehicle_pks: int, manager: Any = Task.objects) -> Task:
    """The row as it is, locked after its vehicle and the other ones named. Raises TaskIsFinal."""
    if not lock_tasks(manager.filter(pk=task.pk), and_vehicles=vehicle_pks):
        raise TaskIsFinal(_why_final(task))
    found: Task = manager.select_related("vehicle", "customer", "assignee").get(pk=task.pk)
    return found


def _told(by: Actor | None, cause: Mapping[str, Any] | None) -> dict[str, Any]:
    if cause is not None:
        return dict(cause)
    if by is None:
        raise TypeError("A task that nobody makes needs a cause.")
    return by.as_cause()


def _pks(*pks: int | None) -> list[int]:
    return [pk for pk in pks if pk is not None]


def _made_by(origin: str) -> Task | None:
    return Task.all_objects.filter(origin=origin).first()


def _insert(task: Task) -> Task:
    try:
        _save(task)
    except IntegrityError:
        # Another process made it from the same origin at the same time.
        made = _made_by(task.origin) if task.origin else None
        if made is None:
            raise
        return made
    return task


def _save(task: Task) -> None:
    try:
        with transaction.atomic():
            task.save()
    except IntegrityError as error:
        if "task_external_id_is_unique" not in str(error):
            raise
        message = _("The external id “%(id)s” is taken by another task; choose another one.")
        raise TaskConflict(message % {"id": task.external_id}) from error
