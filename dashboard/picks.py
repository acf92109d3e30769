"""What is found by typing: customers, vehicles, people and tasks, as suggestions and as they are looked up."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import User
from accounts.people import assignable_people
from customer_management.models import Customer
from dashboard.tables import searched
from task_management.models import Task
from vehicle_management.models import Vehicle

MOST = 8
LARGEST_ID = 2**63 - 1
NUMBER = re.compile(r"#(\d{1,18})\)?\s*$")


@dataclass(frozen=True)
class Pick:
    """``text`` is what the input then holds, ``hint`` what tells it from its like."""

    text: str
    label: str
    hint: str = ""


def customer_text(customer: Customer) -> str:
    return f"{customer.name} (#{customer.pk})"


def find_customer(text: str, me: User) -> Customer | None:
    """By the number of a suggestion, by external id, or by a name that only one customer has."""
    seen = Customer.objects.visible_to(me)
    if found := NUMBER.search(text):
        return seen.filter(pk=int(found[1])).first()
    if exact := seen.filter(external_id=text).first():
        return exact
    named = list(seen.filter(name__iexact=text)[:2])
    return named[0] if len(named) == 1 else None


def customers(text: str, me: User) -> list[Pick]:
    found = searched(Customer.objects.visible_to(me), text, ("name", "external_id", "email"))
    return [
        Pick(customer_text(one), one.name, one.external_id or one.email or f"#{one.pk}")
        for one in found.order_by("name", "pk")[:MOST]
    ]


def vehicles(text: str, me: User) -> list[Pick]:
    found = searched(Vehicle.objects.visible_to(me), text, ("vehicle_id", "plate", "vin", "make", "model"))
    return [
        Pick(one.vehicle_id, one.vehicle_id, " · ".join(filter(None, (one.plate, one.make, one.model))))
        for one in found.order_by("vehicle_id")[:MOST]
    ]


def people(text: str, me: User) -> list[Pick]:
    found = searched(assignable_people(me), text, ("email", "name"))
    return [Pick(one.email, one.name or one.email, one.email) for one in found.order_by("email")[:MOST]]


def tasks(text: str, me: User) -> list[Pick]:
    found = searched(
        Task.objects.visible_to(me).open(), text, ("title", "vehicle__vehicle_id", "external_id")
    )
    return [
        Pick(f"{one.title} (#{one.pk})", one.title, one.vehicle.vehicle_id if one.vehicle else f"#{one.pk}")
        for one in found.select_related("vehicle").order_by("-pk")[:MOST]
    ]


PICKS: dict[str, Callable[[str, User], list[Pick]]] = {
    "customers": customers,
    "vehicles": vehicles,
    "people": people,
    "tasks": tasks,
}
