"""What people and rules do with tasks."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.models import Cause
from task_management.models import Task
from vehicle_management.changes import lock_vehicles
from vehicle_management.services import touch_vehicles


def create_task(
    values: Mapping[str, Any],
    *,
    by: Actor | None,
    origin: str | None = None,
    cause: Mapping[str, Any] | None = None,
) -> Task:
    """``origin`` makes it idempotent: the task that has it already is answered."""
    told = dict(cause) if cause is not None else by.as_cause() if by is not None else {"kind": "message"}
    with transaction.atomic():
        vehicle = values.get("vehicle")
        if vehicle is not None:
            lock_vehicles([vehicle.pk])
        if origin is not None and (made := Task.all_objects.filter(origin=origin).first()):
            return made
        task = Task.objects.create(**values, origin=origin, cause=Cause.of(told))
        if vehicle is not None:
            touch_vehicles([vehicle.pk], cause=told)
    return task
