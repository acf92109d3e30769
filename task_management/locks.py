"""The order in which tasks are locked: vehicles first, everywhere, so that two doors never wait for each other."""

from collections.abc import Iterable

from django.db import transaction

from task_management.querysets import TaskQuerySet
from vehicle_management.changes import lock_vehicles


def lock_tasks(tasks: TaskQuerySet, *, and_vehicles: Iterable[int] = ()) -> dict[int, int | None]:
    """Lock ``tasks`` after their vehicles and the other ones named; answers each task's vehicle.

    A task that was moved while its vehicle was waited for makes it let go of all, and begin again.
    """
    while True:
        point = transaction.savepoint()
        vehicles = {*and_vehicles, *tasks.values_list("vehicle_id", flat=True)}
        lock_vehicles(pk for pk in vehicles if pk is not None)
        rows = tasks.select_for_update(of=("self",), no_key=True).order_by("pk")
        locked = dict(rows.values_list("pk", "vehicle_id"))
        if {pk for pk in locked.values() if pk is not None} <= vehicles:
            transaction.savepoint_commit(point)
            return locked
        transaction.savepoint_rollback(point)
