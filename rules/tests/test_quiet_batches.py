"""Batches that change nothing that a rule reads, and yet hold a vehicle against it, before one that does."""

import pytest

from file_manager.tests.factories import run
from rules.lanes import drain
from rules.models import Firing
from rules.services import attach_rules_to_task
from rules.tests.factories import administrator, count, is_true, make_rule, make_vehicle, report
from task_management.services import create_task
from vehicle_management.models import Vehicle
from vehicle_management.services import update_vehicle

pytestmark = pytest.mark.django_db(transaction=True)
FORD, IVECO = ({"field": "make", "operator": "eq", "value": make} for make in ("Ford", "Iveco"))


@pytest.mark.parametrize("file", ["vehicle_id,make\nVH-1,Ford\n", "vehicle_id,make,odometer\nVH-1,Ford,5\n"])
def test_a_new_vehicle_crosses_as_it_began_with_and_without_a_first_status(file):
    ford, iveco = make_rule(FORD), make_rule(IVECO)
    later = make_rule(IVECO, skip_current=True)
    run(file)
    update_vehicle(Vehicle.objects.get(), {"make": "Iveco"}, by=administrator())
    drain()
    vehicle = Vehicle.objects.get()
    assert [count(rule) for rule in (ford, iveco, later)] == [1, 1, 1]
    assert [is_true(rule, vehicle) for rule in (ford, iveco, later)] == [False, True, True]
    assert Firing.objects.get(rule=ford).cause["kind"] == "upload"
    assert Firing.objects.get(rule=iveco).cause["kind"] == "user"


def test_a_vehicle_that_comes_by_a_task_is_held_as_it_was_when_it_came():
    over = make_rule(scope={})
    vehicle = make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    drain()
    task = create_task({"title": "Service", "vehicle": vehicle}, by=administrator())
    attach_rules_to_task(task, [over], by=administrator())
    report(vehicle, odometer_km=9_000.0)
    drain()
    assert (count(over), is_true(over, vehicle)) == (1, False)
