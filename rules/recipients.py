"""Who an e-mail goes to: addresses, people of a role, the vehicle's customer; looked up when it is sent."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from accounts.actors import Actor
from accounts.models import User
from rules.exceptions import ActionFailed
from rules.patterns import quoted
from vehicle_management.models import Vehicle

MOST_RECIPIENTS = 50
CUSTOMER = "customer"
ROLE = "role:"
ROLES = tuple(f"{ROLE}{role}" for role in User.Role.values)


def check_recipients(value: Any, by: Actor) -> str | None:
    recipients = listed(value)
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        return f"An e-mail goes to 1 to {MOST_RECIPIENTS} recipients."
    return next((fault for one in recipients if (fault := _fault(one))), None)


def listed(value: Any) -> list[Any]:
    """One recipient alone need not stand in a list."""
    return value if isinstance(value, list) else [value]


def _fault(value: Any) -> str | None:
    if value == CUSTOMER or (isinstance(value, str) and value in ROLES):
        return None
    if isinstance(value, str) and value.startswith(ROLE):
        return f"{quoted(value)} is no role; one of {', '.join(ROLES)} is."
    if _is_address(value):
        return None
    return f"{quoted(value)} is not an e-mail address; one such as workshop@fleet.example is."


def _is_address(value: Any) -> bool:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        return False
    return True


def addresses_of(recipients: Sequence[str], vehicle: Vehicle) -> list[str]:
    """The addresses, each once. Raises ActionFailed where nobody is left."""
    found = {address.lower(): address for address in _addresses(recipients, vehicle) if _is_address(address)}
    if not found:
        raise ActionFailed(f"Nobody is left to write to: {_why_nobody(recipients, vehicle)}.")
    return list(found.values())


def shown_and_hidden(recipients: Sequence[str], vehicle: Vehicle) -> tuple[list[str], list[str]]:
    """Of the addresses those that all may read, which the rule names itself, and those who are not told to others.

    One alone is shown: it reads nobody's but its own. Raises ActionFailed where nobody is left.
    """
    found = addresses_of(recipients, vehicle)
    if len(found) == 1:
        return found, []
    named = {one.lower() for one in recipients}
    return [one for one in found if one.lower() in named], [one for one in found if one.lower() not in named]


def _addresses(recipients: Sequence[str], vehicle: Vehicle) -> Iterator[str]:
    roles = [one.removeprefix(ROLE) for one in recipients if one.startswith(ROLE)]
    for one in recipients:
        if one == CUSTOMER:
            yield _customers_address(vehicle)
        elif not one.startswith(ROLE):
            yield one
    if roles:
        yield from _people(roles, vehicle)


def _people(roles: Iterable[str], vehicle: Vehicle) -> Iterable[str]:
    """Active people of the roles who see the vehicle now."""
    sees = Q(role=User.Role.ADMINISTRATOR) | Q(memberships__fleet=vehicle.fleet_id)
    people = User.objects.filter(sees, role__in=list(roles), is_active=True)
    return people.order_by("email").values_list("email", flat=True).distinct()


def _customers_address(vehicle: Vehicle) -> str:
    customer = vehicle.customer
    return customer.email if customer is not None and customer.deleted_at is None else ""


def _why_nobody(recipients: Sequence[str], vehicle: Vehicle) -> str:
    reasons = []
    roles = [one.removeprefix(ROLE).lower() for one in recipients if one.startswith(ROLE)]
    if roles:
        reasons.append(f"no active {' or '.join(roles)} sees {vehicle.vehicle_id}")
    if CUSTOMER in recipients:
        known = vehicle.customer is not None and vehicle.customer.deleted_at is None
        reasons.append(
            "its customer has no e-mail address" if known else f"{vehicle.vehicle_id} has no customer"
        )
    return " and ".join(reasons)
