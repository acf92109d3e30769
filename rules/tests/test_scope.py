"""Who sees, edits and attaches rules, and what they watch through customers and tasks."""

import pytest

from accounts.tests.people import People
from customer_management.models import Customer
from rules.exceptions import RuleIsNotYours
from rules.lanes import drain
from rules.models import Firing, Rule
from rules.scope import editable_by, why_idle
from rules.services import attach_rules_to_task, duplicate_rule, hide_rule, restore_rule, update_rule
from rules.tests.factories import OVER, count, is_true, make_rule, make_vehicle, report
from task_management.models import Task
from vehicle_management.services import touch_vehicles, update_vehicle

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return People.make()


def close(task):
    Task.objects.filter(pk=task.pk).update(status="canceled", canceled_at="2026-01-01T00:00Z")
    touch_vehicles([task.vehicle_id], cause={"kind": "message"})
    drain()


def test_a_rule_watches_the_vehicle_of_its_task_while_that_is_open(people):
    vehicle = make_vehicle("north-1", people.north)
    report(vehicle, odometer_km=10_412.0)
    task = Task.objects.create(title="t", vehicle=vehicle)
    rule = make_rule(scope={}, by=people.manager)
    attach_rules_to_task(task, [rule], by=people.manager)
    drain()
    rule.refresh_from_db()
    assert (count(rule), rule.version, rule.epoch) == (1, 2, 1)
    close(task)
    assert not is_true(rule, vehicle)
    report(vehicle, odometer_km=1.0)
    report(vehicle, odometer_km=10_500.0)
    drain()
    assert count(rule) == 1


def test_a_rule_that_lets_go_of_a_task_forgets_its_vehicle(people):
    vehicle = make_vehicle("north-1", people.north)
    report(vehicle, odometer_km=10_412.0)
    task = Task.objects.create(title="t", vehicle=vehicle)
    rule = make_rule(scope={"tasks": [task.pk]}, by=people.manager)
    assert is_true(rule, vehicle)
    attach_rules_to_task(task, [], by=people.manager)
    drain()
    assert not is_true(rule, vehicle)


def test_attaching_one_task_leaves_the_vehicles_of_the_others_as_they_were(people):
    rule = make_rule(scope={}, by=people.manager)
    for n in range(3):
        vehicle = make_vehicle(f"north-{n}", people.north)
        report(vehicle, odometer_km=10_412.0)
        attach_rules_to_task(Task.objects.create(title="t", vehicle=vehicle), [rule], by=people.manager)
        drain()
    assert count(rule) == 3


def test_a_rule_that_skips_what_is_current_does_not_fire_for_a_task_that_opens(people):
    vehicle = make_vehicle("north-1", people.north)
    report(vehicle, odometer_km=10_412.0)
    rule = make_rule(scope={}, skip_current=True, by=people.manager)
    attach_rules_to_task(Task.objects.create(title="t", vehicle=vehicle), [rule], by=people.manager)
    drain()
    assert (count(rule), is_true(rule, vehicle)) == (0, True)


def test_one_attaches_only_rules_that_one_may_edit(people):
    rule = make_rule(by=people.administrator)
    task = Task.objects.create(title="t", vehicle=make_vehicle("north-1", people.north))
    with pytest.raises(RuleIsNotYours):
        attach_rules_to_task(task, [rule], by=people.manager)
    assert not task.rules.exists()


def test_rules_that_one_does_not_see_stay_attached(people):
    unseen = make_rule(scope={"fleets": ["fleet-south"]}, by=people.administrator)
    task = Task.objects.create(title="t")
    attach_rules_to_task(task, [unseen], by=people.administrator)
    mine = make_rule(scope={}, by=people.manager)
    attach_rules_to_task(task, [mine], by=people.manager)
    assert set(task.rules.all()) == {unseen, mine}
    attach_rules_to_task(task, [], by=people.manager)
    assert set(task.rules.all()) == {unseen}


def test_a_customers_vehicles_are_watched_within_the_makers_fleets(people):
    customer = Customer.objects.create(name="ACME", created_by=people.manager)
    vehicles = [make_vehicle("north-1", people.north), make_vehicle("south-1", people.south)]
    for vehicle in vehicles:
        report(vehicle, odometer_km=10_412.0)
    rule = make_rule(scope={"customers": [customer.pk]}, by=people.manager)
    for vehicle in vehicles:
        update_vehicle(vehicle, {"customer": customer}, by=people.administrator)
    drain()
    assert list(Firing.objects.filter(rule=rule).values_list("vehicle__vehicle_id", flat=True)) == ["north-1"]
    update_vehicle(vehicles[0], {"customer": None}, by=people.administrator)
    drain()
    assert not is_true(rule, vehicles[0])


def test_who_may_edit_is_who_sees_all(people):
    north, south = make_vehicle("north-1", people.north), make_vehicle("south-1", people.south)
    admin = people.administrator
    cases = {
        "own": (make_rule(by=people.manager), True),
        "fleet": (make_rule(scope={"fleets": ["fleet-north"]}, by=admin), True),
        "vehicle": (make_rule(scope={"vehicles": ["north-1"]}, by=admin), True),
        "other vehicle": (make_rule(scope={"vehicles": ["north-1", "south-1"]}, by=admin), False),
        "everything": (make_rule(by=admin), False),
        "nothing": (make_rule(scope={}, by=admin), False),
        "stranger's": (make_rule(by=people.stranger), False),
    }
    told = {name: editable_by(rule, people.manager) for name, (rule, _) in cases.items()}
    assert told == {name: wanted for name, (_, wanted) in cases.items()}
    assert not any(editable_by(rule, people.operator) for rule, _ in cases.values())
    assert all(editable_by(rule, admin) for rule, _ in cases.values())
    assert {north.fleet, south.fleet} == {people.north, people.south}


def test_an_operator_reads_the_rules_that_watch_what_they_see(people):
    make_rule(name="north", scope={"fleets": ["fleet-north"]}, by=people.administrator)
    make_rule(name="south", scope={"fleets": ["fleet-south"]}, by=people.administrator)
    make_rule(name="all of mine", by=people.manager)
    make_rule(name="nothing", scope={}, by=people.administrator)
    seen = Rule.objects.visible_to(people.operator).values_list("name", flat=True)
    assert set(seen) == {"north", "all of mine"}


def test_a_copy_is_disabled_and_watches_what_its_maker_sees(people):
    rule = make_rule(scope={"fleets": ["fleet-north", "fleet-south"]}, by=people.administrator)
    copy = duplicate_rule(rule, by=people.manager)
    assert (copy.name, copy.enabled, copy.created_by) == ("Copy of Service due", False, people.manager)
    assert list(copy.fleets.all()) == [people.north]
    assert copy.pattern == OVER


def test_a_hidden_rule_does_nothing_until_it_is_restored(people):
    rule, vehicle = make_rule(by=people.manager), make_vehicle("north-1", people.north)
    hide_rule(rule, by=people.manager)
    report(vehicle, odometer_km=10_412.0)
    drain()
    assert count(rule) == 0
    restore_rule(rule, by=people.manager)
    drain()
    assert count(rule) == 1


def test_a_rule_that_can_watch_nothing_says_why(people):
    rule = make_rule(by=people.manager)
    assert why_idle(rule) is None
    people.manager.is_active = False
    people.manager.save()
    assert "manager@example.org" in why_idle(rule)
    assert "give it fleets" in why_idle(make_rule(scope={}, by=people.administrator))


def test_a_changed_scope_begins_anew(people):
    vehicle = make_vehicle("north-1", people.north)
    report(vehicle, odometer_km=10_412.0)
    rule = make_rule(scope={"fleets": ["fleet-north"]}, by=people.administrator)
    update_rule(rule, {"scope": {"fleets": ["fleet-south"]}}, by=people.administrator)
    drain()
    assert not is_true(rule, vehicle)
    update_rule(rule, {"scope": {"everything": True}}, by=people.administrator)
    drain()
    rule.refresh_from_db()
    assert (rule.version, count(rule)) == (3, 2)
