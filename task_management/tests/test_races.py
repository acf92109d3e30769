"""Many who act on one task at once."""

import threading

import pytest
from django.db import connection

from accounts.tests.factories import FleetFactory, UserFactory
from task_management import services
from task_management.exceptions import TaskIsFinal
from task_management.models import Task
from task_management.tests.factories import TaskFactory
from vehicle_management.models import ChangeBatch
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)
RULE = {"kind": "rule", "rule_id": 3, "firing_id": 99, "name": "Service due"}
AT_ONCE = 6


def at_once(*works):
    """What each of them answers or raises, when all begin together."""
    start, answers = threading.Barrier(len(works)), [None] * len(works)

    def run(index, work):
        try:
            start.wait()
            answers[index] = work()
        except Exception as error:
            answers[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def administrator():
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def vehicles():
    fleet = FleetFactory()
    return [VehicleFactory(fleet=fleet), VehicleFactory(fleet=fleet)]


@pytest.mark.parametrize("with_vehicle", [True, False])
def test_of_many_who_close_a_task_one_does_and_the_others_are_told(administrator, vehicles, with_vehicle):
    task = TaskFactory(vehicle=vehicles[0] if with_vehicle else None)
    closes = [services.complete_task, services.cancel_task] * (AT_ONCE // 2)
    works = [lambda close=close: close(Task.objects.get(pk=task.pk), by=administrator) for close in closes]
    answers = at_once(*works)
    assert sum(isinstance(answer, Task) for answer in answers) == 1
    assert sum(isinstance(answer, TaskIsFinal) for answer in answers) == AT_ONCE - 1
    task.refresh_from_db()
    assert task.version == 2
    assert ChangeBatch.objects.count() == with_vehicle


def test_one_origin_makes_one_task_however_many_run_it(vehicles):
    def make(vehicle):
        values = {"title": "Service", "vehicle": vehicle}
        return services.create_task(values, by=None, origin="firing:99:0", cause=RULE).pk

    made = at_once(*[lambda n=n: make(vehicles[0] if n % 2 else None) for n in range(AT_ONCE)])
    assert set(made) == {Task.objects.get().pk}


def test_moving_and_closing_at_once_never_wait_for_each_other(administrator, vehicles):
    for _time in range(8):
        first, second = TaskFactory(vehicle=vehicles[0]), TaskFactory(vehicle=vehicles[1])
        answers = at_once(
            lambda task=first: services.update_task(task, {"vehicle": vehicles[1]}, by=administrator),
            lambda task=second: services.update_task(task, {"vehicle": vehicles[0]}, by=administrator),
            lambda task=first: services.complete_task(task, by=administrator),
            lambda task=second: services.hide_tasks([task.pk], by=administrator),
        )
        unexpected = [
            one for one in answers if isinstance(one, Exception) and not isinstance(one, TaskIsFinal)
        ]
        assert unexpected == []
