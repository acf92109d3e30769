"""Rules, vehicles and what happens to them, for tests. Everything goes through the services."""

from datetime import datetime
from typing import Any

from accounts.models import Fleet, User
from accounts.tests.factories import FleetFactory, UserFactory
from rules.lanes import drain
from rules.models import Firing, LaneClock, Rule, RuleState
from rules.services import create_rule
from vehicle_management.models import LANES, Vehicle
from vehicle_management.registry import check_attributes
from vehicle_management.services import StatusRow, create_vehicles, record_statuses

OVER = {"field": "odometer_km", "operator": "gt", "value": 10_000}
LOG = {"type": "store_log", "level": "WARNING", "message": "$vehicle_id is at $odometer_km km"}
EVERYTHING = {"everything": True}


def administrator() -> User:
    found = User.objects.filter(role="ADMINISTRATOR").first()
    return found or UserFactory(role="ADMINISTRATOR")


def make_rule(pattern: Any = None, **values: Any) -> Rule:
    """An administrator's rule that watches everything and has scanned what there was."""
    by = values.pop("by", None) or administrator()
    values = {
        "name": "Service due",
        "pattern": pattern or OVER,
        "scope": EVERYTHING,
        "actions": [LOG],
        **values,
    }
    rule = create_rule(values, by=by)
    drain()
    return rule


def make_vehicle(vehicle_id: str = "VH-1", fleet: Fleet | None = None, **values: Any) -> Vehicle:
    fleet = fleet or Fleet.objects.first() or FleetFactory()
    return create_vehicles([{"vehicle_id": vehicle_id, "fleet": fleet, **values}], by=administrator())[0]


def report(vehicle: Vehicle, *, row: int | None = None, **values: Any) -> None:
    """The vehicle says something of itself, from a row of an upload where one is given."""
    cause = {"kind": "upload", "upload_id": 7, "name": "status.csv", "uploaded_by": "a@b.example"}
    record_statuses(
        [StatusRow(vehicle.pk, check_attributes(values), row=row)],
        cause=cause if row else {"kind": "message"},
    )


def set_clocks(at: datetime) -> None:
    """As if the clock had been asked up to then."""
    LaneClock.objects.bulk_create(
        [LaneClock(lane=lane, ticked_at=at) for lane in range(LANES)],
        update_conflicts=True,
        unique_fields=["lane"],
        update_fields=["ticked_at"],
    )


def count(rule: Rule | None = None) -> int:
    return Firing.objects.filter(**({"rule": rule} if rule else {})).count()


def is_true(rule: Rule, vehicle: Vehicle) -> bool:
    rule.refresh_from_db()
    return RuleState.objects.filter(rule=rule, vehicle=vehicle, epoch=rule.epoch, is_true=True).exists()
