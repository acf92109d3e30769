"""Loads the demo accounts and the demo fleet; what is there already stays as it is."""

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Fleet, User
from accounts.services import add_membership
from customer_management.models import Customer
from customer_management.services import create_customer
from dashboard import demo_fleet as demo
from rules.services import create_rule
from task_management.services import complete_task, create_task
from vehicle_management.models import Vehicle
from vehicle_management.registry import check_attributes
from vehicle_management.services import StatusRow, create_vehicles, record_statuses

ADMIN, MANAGER, OPERATOR = "admin@fleet.example", "manager@fleet.example", "operator@fleet.example"
# E-mail, password, name, role: well-known, so that production refuses them.
ACCOUNTS = (
    (ADMIN, "Admin123!", "Ada Admin", User.Role.ADMINISTRATOR),
    (MANAGER, "Manager123!", "Max Manager", User.Role.MANAGER),
    (OPERATOR, "Operator123!", "Olga Operator", User.Role.OPERATOR),
)
ONE_AT_A_TIME = 72_110_034


class Command(BaseCommand):
    help = "Load the demo accounts and the demo fleet, where DEMO is on."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("DEMO is off: set DEMO=1 to load accounts with well-known passwords.")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
            people = _accounts()
            if Fleet.all_objects.filter(fleet_id=demo.FLEET_ID).exists():
                return
            _load(people)


def _accounts() -> dict[str, User]:
    """Those that are missing are made, without the checks that their passwords would not pass."""
    people = User.objects.in_bulk([email for email, *_others in ACCOUNTS], field_name="email")
    for email, password, name, role in ACCOUNTS:
        if email not in people:
            people[email] = User.objects.create_user(
                email, password, name=name, role=role, time_zone=demo.TIME_ZONE
            )
    return people


def _load(people: dict[str, User]) -> None:
    fleet = Fleet.objects.create(
        fleet_id=demo.FLEET_ID, fleet_name=demo.FLEET_NAME, time_zone=demo.TIME_ZONE, date_order="DMY"
    )
    for email in (MANAGER, OPERATOR):
        add_membership(people[email], fleet=fleet)
    manager = User.objects.get(email=MANAGER)
    customers = [create_customer(values, by=manager) for values in demo.CUSTOMERS]
    vehicles = _vehicles(fleet, customers, by=manager)
    _statuses(vehicles, by=manager)
    _tasks(vehicles, people, by=manager)
    for values in demo.RULES:
        create_rule(values, by=manager)


def _vehicles(fleet: Fleet, customers: list[Customer], *, by: User) -> list[Vehicle]:
    values = []
    for number in range(1, settings.DEMO_VEHICLES + 1):
        # Every fifth serves nobody yet.
        customer = customers[number % len(customers)] if number % 5 else None
        data = demo.main_data(number)
        since = date.fromisoformat(data["in_service_date"])
        values.append({**data, "in_service_date": since, "fleet": fleet, "customer": customer})
    return create_vehicles(values, by=by)


def _statuses(vehicles: list[Vehicle], *, by: User) -> None:
    """Those of a while ago and those of now, so that there is a history to look at."""
    now = timezone.now()
    rows = []
    for number, vehicle in enumerate(vehicles, 1):
        values, age = demo.status(number)
        earlier = {"odometer_km": values["odometer_km"] - 6, "status": "STOPPED", "speed_kmh": 0.0}
        rows.append(StatusRow(vehicle.pk, check_attributes(earlier), now - timedelta(minutes=10)))
        rows.append(StatusRow(vehicle.pk, check_attributes(values), now - timedelta(seconds=age)))
    record_statuses(rows, cause=by.as_cause())


def _tasks(vehicles: list[Vehicle], people: dict[str, User], *, by: User) -> None:
    now = timezone.now()
    for title, number, days, email, is_done in demo.TASKS:
        vehicle = vehicles[(number - 1) % len(vehicles)]
        values = {
            "title": title,
            "vehicle": vehicle,
            "customer": vehicle.customer,
            "assignee": people[email] if email else None,
            "due_at": now + timedelta(days=days),
        }
        task = create_task(values, by=by)
        if is_done:
            complete_task(task, by=people[OPERATOR])
