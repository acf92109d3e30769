"""How many queries each list takes: frozen in query_counts.json, and the same for 1 row as for 50.

``FREEZE_QUERY_COUNTS=1 pytest fleet_manager/tests/test_query_counts.py`` writes the file anew.
"""

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Cause, Membership
from accounts.tests.factories import ApiKeyFactory, FleetFactory, UserFactory
from alerts.tests.factories import AlertFactory
from customer_management.models import Customer
from file_manager.models import Upload
from fleet_manager.tests.routes import Route, all_routes
from fleet_manager.tests.test_fence import path_of
from fleet_manager.tests.world import PATTERN, World
from rules.models import ActionAttempt, Firing, FiringAction, LogEntry, Rule, RuleVersion
from task_management.models import Task, TaskComment
from telemetry.models import Archive
from telemetry.tests.trips import make_trip
from vehicle_management.models import AttributeType, Vehicle, VehicleChange, VehicleStatus

FROZEN = Path(__file__).with_name("query_counts.json")
MORE_ROWS = 50


def add_user(world: World, number: int) -> None:
    UserFactory(fleets=[world.people.north], role="MANAGER" if number % 2 else "ADMINISTRATOR")


def add_membership(world: World, number: int) -> None:
    Membership.objects.create(user=world.people.stranger, fleet=FleetFactory())


def add_key(world: World, number: int) -> None:
    ApiKeyFactory(fleets=[world.people.north, world.people.south])


def add_fleet(world: World, number: int) -> None:
    Membership.objects.create(user=world.people.manager, fleet=FleetFactory())


def add_customer(world: World, number: int) -> None:
    cause = Cause.of({"kind": "message", "channel": str(number)})
    customer = Customer.objects.create(name=f"c{number}", created_by=world.people.manager, cause=cause)
    Task.objects.create(title="t", customer=customer)


def add_vehicle(world: World, number: int) -> None:
    customer = Customer.objects.create(name=f"c{number}")
    vehicle = Vehicle.objects.create(
        vehicle_id=f"v{number}", fleet=world.people.north, customer=world.customer
    )
    VehicleStatus.objects.create(vehicle=vehicle, recorded_at=timezone.now(), attributes={"a": number})
    vehicle.customer = customer if number % 2 else world.customer
    vehicle.save()


def add_change(world: World, number: int) -> None:
    cause = Cause.of({"kind": "message", "channel": str(number)})
    VehicleChange.objects.create(
        vehicle=world.vehicle, at=timezone.now(), cause=cause, changes={"plate": [None, "x"]}
    )


def add_task(world: World, number: int) -> None:
    customer = Customer.objects.create(name=f"c{number}")
    vehicle = Vehicle.objects.create(vehicle_id=f"v{number}", fleet=world.people.north, customer=customer)
    assignee = UserFactory(fleets=[world.people.north])
    task = Task.objects.create(title=f"t{number}", vehicle=vehicle, customer=customer, assignee=assignee)
    world.rule.tasks.add(task)


def add_comment(world: World, number: int) -> None:
    cause = Cause.of({"kind": "message", "channel": str(number)})
    TaskComment.objects.create(task=world.task, by=cause, text=f"c{number}")


def add_alert(world: World, number: int) -> None:
    vehicle = Vehicle.objects.create(vehicle_id=f"v{number}", fleet=world.people.north)
    assignee = UserFactory(fleets=[world.people.north])
    AlertFactory(vehicle=vehicle, assignee=assignee)


def add_rule(world: World, number: int) -> None:
    rule = Rule.objects.create(name=f"r{number}", pattern=PATTERN, created_by=world.people.manager)
    rule.fleets.add(world.people.north)
    rule.vehicles.add(world.vehicle)
    rule.customers.add(world.customer)
    rule.tasks.add(world.task)


def add_firing(world: World, number: int) -> None:
    vehicle = Vehicle.objects.create(vehicle_id=f"v{number}", fleet=world.people.north)
    cause = {"kind": "message", "channel": str(number)}
    firing = Firing.objects.create(
        rule=world.rule, rule_version=1, vehicle=vehicle, batch=number, explanation="x", cause=cause
    )
    action = FiringAction.objects.create(firing=firing, index=0, type="store_log", params={}, task=world.task)
    LogEntry.objects.create(message="x", vehicle=vehicle, action=action)
    ActionAttempt.objects.create(action=action, number=1, took_ms=1, status="DONE")


def add_rule_version(world: World, number: int) -> None:
    scope = {"fleets": [world.people.north.fleet_id], "vehicles": [world.vehicle.vehicle_id]}
    RuleVersion.objects.create(
        rule=world.rule,
        number=number + 1,
        definition={"name": f"r{number}", "scope": {**scope, "customers": [1], "tasks": [1]}},
        cause=Cause.of({"kind": "message", "channel": str(number)}),
    )


def add_upload(world: World, number: int) -> None:
    stored = {"stored_as": "x", "size_bytes": 1, "sha256": "x"}
    Upload.objects.create(name=f"{number}.csv", fleet=world.people.north, by=world.people.manager, **stored)


def add_trip(world: World, number: int) -> None:
    vehicle = Vehicle.objects.create(vehicle_id=f"v{number}", fleet=world.people.north)
    make_trip(vehicle, driver_id=f"D-{number}", events=[{"kind": "HARSH_BRAKING"}])


def add_attribute_type(world: World, number: int) -> None:
    AttributeType.objects.create(name=f"a{number}", kind="number")


def add_archive(world: World, number: int) -> None:
    day, name = date(2026, 1, 1) + timedelta(days=number), f"archives/north/{number}.parquet"
    Archive.objects.create(fleet=world.people.north, day=day, name=name, status="STORED")


FILLERS: dict[str, Callable[[World, int], None]] = {
    "/api/v1/users": add_user,
    "/api/v1/memberships": add_membership,
    "/api/v1/api-keys": add_key,
    "/api/v1/fleet": add_fleet,
    "/api/v1/fleet/{fleet_id}/vehicles": add_vehicle,
    "/api/v1/customers": add_customer,
    "/api/v1/customers/{customer_id}/vehicles": add_vehicle,
    "/api/v1/vehicles": add_vehicle,
    "/api/v1/vehicles/{vehicle_id}/history": add_change,
    "/api/v1/attribute-types": add_attribute_type,
    "/api/v1/tasks": add_task,
    "/api/v1/tasks/{pk}/comments": add_comment,
    "/api/v1/alerts": add_alert,
    "/api/v1/rules": add_rule,
    "/api/v1/rules/{pk}/firings": add_firing,
    "/api/v1/rules/{pk}/versions": add_rule_version,
    "/api/v1/logs": add_firing,
    "/api/v1/files": add_upload,
    "/api/v1/trips": add_trip,
    "/api/v1/archives": add_archive,
}
# The rows of a file are no rows of a table: one chunk holds thousands.
NOT_BY_ROW = {"/api/v1/files/{pk}/rows"}


def is_list(route: Route) -> bool:
    lists = getattr(route.view_class, "list_actions", ())
    return route.is_api and route.method == "GET" and route.action in lists and route.path not in NOT_BY_ROW


LISTS = [route for route in all_routes() if is_list(route)]


def queries_of(client, path: str, least: int) -> int:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(f"{path}?limit=200")
    assert answer.status_code == 200
    assert len(answer.json()["data"]) >= least
    return len(queries)


def frozen_count(name: str, counted: int) -> int:
    frozen = json.loads(FROZEN.read_text())
    if os.environ.get("FREEZE_QUERY_COUNTS"):
        frozen[name] = counted
        FROZEN.write_text(json.dumps(frozen, indent=2, sort_keys=True) + "\n")
    return frozen[name]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["administrator", "manager"])
@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_list_takes_the_queries_that_are_frozen_however_long_it_is(route, role):
    if role != "administrator" and route.path.removeprefix("/api/v1/") in (
        "users",
        "memberships",
        "api-keys",
    ):
        return
    world = World.make()
    client, path = world.people.client(role), path_of(route, world)
    fill = FILLERS[route.path]
    fill(world, 0)
    short = queries_of(client, path, 1)
    for number in range(1, MORE_ROWS):
        fill(world, number)
    long = queries_of(client, path, MORE_ROWS // 2)
    assert short == long
    assert frozen_count(f"{role} {route.path}", long) == long


def test_every_list_has_its_rows_and_its_frozen_counts():
    paths = {route.path for route in LISTS}
    assert paths == set(FILLERS)
    assert {key.split()[1] for key in json.loads(FROZEN.read_text())} == paths
