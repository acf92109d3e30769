"""The actions that make and close tasks. Of a rule, a vehicle and an action at most one task is open.

Whoever looks for it holds the vehicle's lock, so of two firings that come at once the second finds what the
first one made. A firing's turn comes after what earlier firings still owe: *complete* after *create* of the
same, and the *create* of a new beginning after the *complete* of the end before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import User
from rules.action_kinds import (
    Params,
    Ran,
    StayingKind,
    Texts,
    check_yes_or_no,
    number_check,
    text_check,
    texts_check,
)
from rules.exceptions import ActionMustWait
from rules.models import Firing, FiringAction, Rule
from rules.patterns import quoted
from rules.texts import fill, fill_line
from task_management.exceptions import TaskIsFinal
from task_management.models import Task
from task_management.services import cancel_task, comment_on_task, complete_task, create_task, refresh_task
from vehicle_management.changes import lock_vehicles

MOST_HOURS = 24 * 366 * 10
MOST_ITEMS, LONGEST_ITEM = 50, 200
Status = FiringAction.Status


@dataclass(frozen=True)
class RuleCause:
    """A firing as the cause of what it does."""

    firing: Firing

    def as_cause(self) -> dict[str, Any]:
        rule = self.firing.rule
        return {"kind": "rule", "rule_id": rule.pk, "firing_id": self.firing.pk, "name": rule.name}


# ---------------------------------------------------------------- create_task


def _check_assignee(value: Any, by: Actor) -> str | None:
    person = find_person(value) if isinstance(value, str) else None
    if person is None or not _may_be_assigned(person, by):
        return f"{quoted(value)} is not the e-mail of an active person who may see what you see."
    return None


def find_person(email: str) -> User | None:
    return User.objects.filter(email__iexact=email.strip(), is_active=True).first()


def _may_be_assigned(person: User, by: Actor) -> bool:
    return by.is_administrator or person.is_administrator or bool(person.fleet_pks & by.fleet_pks)


def _render_create(params: Params, texts: Texts) -> Params:
    return {
        "title": fill_line(params["title"], texts, 200),
        "description": fill(params.get("description") or "", texts),
        "due_in_hours": params.get("due_in_hours"),
        "assignee": params.get("assignee"),
        "checklist": [fill_line(text, texts, LONGEST_ITEM) for text in params.get("checklist") or ()],
        "complete_when_cleared": bool(params.get("complete_when_cleared")),
    }


def _create(action: FiringAction) -> Ran:
    if action.task_id is not None:
        # It was done before, and is run once more.
        return Ran(action.result or f"Task {action.task_id} was created.", action.task)
    firing = action.firing
    lock_vehicles([firing.vehicle_id])
    made = Task.all_objects.filter(origin=origin_of(action)).first()
    if made is not None:
        return Ran(f"Task {made.pk} was created.", made)
    _wait_for_ends(action)
    told = FiringAction.objects.filter(_same(action, action.index), task__isnull=False, type=CREATE_TASK.type)
    of_open = told.filter(
        task__status=Task.Status.CREATED, task__deleted_at__isnull=True, task__vehicle=firing.vehicle_id
    )
    last = of_open.select_related("task").order_by("-firing", "-index").first()
    return _tell_again(action, last) if last else _make(action)


def origin_of(action: FiringAction) -> str:
    return f"firing:{action.firing_id}:{action.index}"


def _same(action: FiringAction, index: int) -> Q:
    """Actions of the same rule and vehicle, and of this place among the rule's actions."""
    return Q(firing__rule=action.firing.rule_id, firing__vehicle=action.firing.vehicle_id, index=index)


def _make(action: FiringAction) -> Ran:
    params, firing = action.params, action.firing
    assignee, note = _assignee(params.get("assignee"), firing.vehicle)
    hours = params.get("due_in_hours")
    task = create_task(
        {
            "title": params["title"],
            "description": params["description"],
            "vehicle": firing.vehicle,
            "customer": firing.vehicle.customer,
            "assignee": assignee,
            "due_at": timezone.now() + timedelta(hours=hours) if hours is not None else None,
            "checklist": [{"text": text, "done": False} for text in params.get("checklist") or ()],
        },
        by=None,
        origin=origin_of(action),
        cause=RuleCause(firing).as_cause(),
    )
    return Ran(f"Task {task.pk} was created{note}.", task)


def _tell_again(action: FiringAction, last: FiringAction) -> Ran:
    """What the rule says otherwise than the last time is put into the task; what people wrote there stays."""
    task = last.task
    assert task is not None
    changed = {
        name: action.params[name]
        for name in ("title", "description")
        if action.params[name] != last.params.get(name)
    }
    comment = f"Still so: {action.firing.explanation}"
    refresh_task(task, changed, comment=comment, by=RuleCause(action.firing))
    return Ran(f"Task {task.pk} is open already and was updated.", task)


def _assignee(email: str | None, vehicle: Any) -> tuple[User | None, str]:
    if not email:
        return None, ""
    person = find_person(email)
    if person is None:
        return None, f" without an assignee, because {email} is no active person any more"
    if not (person.is_administrator or vehicle.fleet_id in person.fleet_pks):
        return None, f" without an assignee, because {email} does not see the vehicle"
    return person, ""


# ---------------------------------------------------------------- complete_task, cancel_task


def completion_params(action_index: int) -> Params:
    """Of the *complete task* that a firing owes when it ends, for its *create task* at ``action_index``.

    The action is added to the last firing of what ends, and closes what this and earlier ones made.
    """
    return {"of_action": action_index}


def _check_rule(value: Any, by: Actor) -> str | None:
    if type(value) is int and 0 < value < 2**63 and Rule.objects.visible_to(by).filter(pk=value).exists():
        return None
    return f"{quoted(value)} is not the number of a rule that you see."


def _render_close(params: Params, texts: Texts) -> Params:
    return {"of_rule": params.get("of_rule"), "comment": fill(params.get("comment") or "", texts)}


def _complete(action: FiringAction) -> Ran:
    if "of_action" in action.params:
        return _complete_cleared(action)
    return _close(action, complete_task, "completed")


def _cancel(action: FiringAction) -> Ran:
    return _close(action, cancel_task, "canceled")


def _close(action: FiringAction, close: Callable[..., Task], done: str) -> Ran:
    firing = action.firing
    rule = action.params.get("of_rule") or firing.rule_id
    lock_vehicles([firing.vehicle_id])
    made_by = Q(made_by__firing__rule=rule, made_by__type=CREATE_TASK.type)
    found = Task.objects.alive().open().filter(made_by | Q(rules=rule), vehicle=firing.vehicle_id)
    closed = _close_all(found.distinct().order_by("pk"), close, action)
    if not closed:
        return Ran(f"There was no open task of rule {rule} for {firing.vehicle.vehicle_id}.")
    return Ran(f"{_named(closed)} {done}.")


def _close_all(tasks: Any, close: Callable[..., Task], action: FiringAction) -> list[int]:
    by, comment = RuleCause(action.firing), str(action.params.get("comment") or "").strip()[:10_000]
    closed = []
    for task in tasks:
        try:
            close(task, by=by)
        except TaskIsFinal:
            continue
        if comment:
            comment_on_task(task, comment, by=by)
        closed.append(task.pk)
    return closed


def _named(pks: list[int]) -> str:
    if len(pks) == 1:
        return f"Task {pks[0]} was"
    return f"Tasks {', '.join(map(str, pks[:-1]))} and {pks[-1]} were"


def _complete_cleared(action: FiringAction) -> Ran:
    """Raises ActionMustWait while a *create task* of what ended is still owed."""
    lock_vehicles([action.firing.vehicle_id])
    making = FiringAction.objects.filter(
        _same(action, action.params["of_action"]), type=CREATE_TASK.type, firing__lte=action.firing_id
    )
    owed = making.filter(status=Status.PENDING).first()
    if owed is not None:
        raise ActionMustWait(f"Waits for the task that firing {owed.firing_id} is to create")
    tasks = Task.objects.alive().open().filter(made_by__in=making, vehicle=action.firing.vehicle_id)
    closed = _close_all(tasks.distinct().order_by("pk"), complete_task, action)
    if closed:
        return Ran(f"{_named(closed)} completed, as it is no longer so.")
    last = making.order_by("-firing").first()
    if last is None or last.task_id is None:
        return Ran("There is no task to complete: creating it did not succeed.")
    return Ran(f"Task {last.task_id} was closed or deleted before.")


def _wait_for_ends(action: FiringAction) -> None:
    """What ended before is closed before what begins again looks for an open task."""
    ends = FiringAction.objects.filter(
        firing__rule=action.firing.rule_id,
        firing__vehicle=action.firing.vehicle_id,
        firing__lt=action.firing_id,
        type=COMPLETE_TASK.type,
        params__of_action=action.index,
        status=Status.PENDING,
    )
    if (owed := ends.first()) is not None:
        raise ActionMustWait(f"Waits until firing {owed.firing_id} has completed its task")


CREATE_TASK = StayingKind(
    type="create_task",
    label="Create task",
    checks={
        "title": text_check(200),
        "description": text_check(10_000),
        "due_in_hours": number_check(MOST_HOURS, "hours"),
        "assignee": _check_assignee,
        "checklist": texts_check(MOST_ITEMS, LONGEST_ITEM),
        "complete_when_cleared": check_yes_or_no,
    },
    required=("title",),
    render=_render_create,
    run=_create,
)
_CLOSING_CHECKS = {"of_rule": _check_rule, "comment": text_check(5_000)}
COMPLETE_TASK = StayingKind(
    type="complete_task",
    label="Complete task",
    checks=_CLOSING_CHECKS,
    render=_render_close,
    run=_complete,
)
CANCEL_TASK = StayingKind(
    type="cancel_task",
    label="Cancel task",
    checks=_CLOSING_CHECKS,
    render=_render_close,
    run=_cancel,
)
