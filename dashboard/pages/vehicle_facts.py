"""What a vehicle's page tells: facts with their times, and changes with names instead of keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.models import Fleet, User
from api_pattern.pagination import DEFAULT_LIMIT
from customer_management.models import Customer
from dashboard.shown import NOTHING, ago, day, measure, plain, status_badge
from vehicle_management.attributes import STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES
from vehicle_management.history import History
from vehicle_management.models import Vehicle, VehicleStatus

DECIMALS = {"latitude": 6, "longitude": 6, "engine_temp_c": 1}
ICONS = {
    "speed_kmh": "tabler-gauge",
    "odometer_km": "tabler-road",
    "battery_pct": "tabler-battery-3",
    "fuel_pct": "tabler-gas-station",
    "engine_temp_c": "tabler-temperature",
    "load_pct": "tabler-package",
    "heading_deg": "tabler-compass",
    "position": "tabler-map-pin",
}


@dataclass
class Fact:
    name: str
    label: Any
    value: Any
    at: datetime | None
    icon: str = ""
    percent: float | None = None


def live_facts(vehicle: Any, me: User) -> list[Fact]:
    """The well-known attributes that matter at a glance, position as one."""
    status = getattr(vehicle, "status", None)
    facts = []
    for name in (
        "speed_kmh",
        "odometer_km",
        "battery_pct",
        "fuel_pct",
        "engine_temp_c",
        "load_pct",
        "heading_deg",
    ):
        known, value = STATUS_ATTRIBUTES[name], getattr(status, name, None)
        percent = value if known.unit == "%" else None
        shown = measure(value, known.unit, me)
        facts.append(
            Fact(
                name,
                capfirst(str(known.label)),
                shown,
                time_of(status, name) if value is not None else None,
                ICONS[name],
                percent,
            )
        )
    place: Any = NOTHING
    if status and status.latitude is not None and status.longitude is not None:
        place = f"{status.latitude:.6f}, {status.longitude:.6f}"
    at = time_of(status, "latitude") if place is not NOTHING else None
    facts.append(Fact("position", _("Position"), place, at, ICONS["position"]))
    return facts


def main_data(vehicle: Vehicle) -> list[tuple[Any, Any]]:
    """What the vehicle is, field by field; what nobody knows is left out but for the usual fields."""
    values: dict[str, Any] = {
        name: getattr(vehicle, name) for name in VEHICLE_ATTRIBUTES if name != "vehicle_id"
    }
    if vehicle.in_service_date:
        values["in_service_date"] = day(vehicle.in_service_date)
    if not vehicle.notes:
        del values["notes"]
    own = [(name, plain(value)) for name, value in sorted(vehicle.attributes.items())]
    return [
        (capfirst(str(VEHICLE_ATTRIBUTES[name].label)), value or NOTHING) for name, value in values.items()
    ] + own


def status_rows(vehicle: Any, me: User) -> list[Fact]:
    """Every status attribute that is known, well-known ones first."""
    status = getattr(vehicle, "status", None)
    rows = []
    for name, known in STATUS_ATTRIBUTES.items():
        value = getattr(status, name, None)
        if value is not None:
            shown = status_badge(value) if name == "status" else shown_value(f"status.{name}", value, me)
            rows.append(Fact(name, capfirst(str(known.label)), shown, time_of(status, name)))
    others: Mapping[str, Any] = status.attributes if status else {}
    rows += [Fact(name, name, plain(value), time_of(status, name)) for name, value in sorted(others.items())]
    return rows


def time_of(status: VehicleStatus | None, name: str) -> datetime | None:
    if status is None:
        return None
    older = status.times.get(name)
    return parse_datetime(older) if older else status.recorded_at


# ---------------------------------------------------------------- history


@dataclass
class Difference:
    label: Any
    before: Any
    after: Any


def history_page(vehicle: Vehicle, me: User, page: int) -> dict[str, Any]:
    history = History(vehicle)
    first = (max(page, 1) - 1) * DEFAULT_LIMIT
    entries = history[first : first + DEFAULT_LIMIT]
    names = _names(entries, me)
    return {
        "entries": [
            {
                **entry,
                "differences": [
                    _difference(field, pair, me, names) for field, pair in sorted(entry["changes"].items())
                ],
            }
            for entry in entries
        ],
        "total": len(history),
        "next_page": page + 1 if first + DEFAULT_LIMIT < len(history) else None,
    }


def _difference(field: str, pair: list[Any], me: User, names: Mapping[tuple[str, Any], str]) -> Difference:
    before, after = (shown_value(field, value, me, names) for value in pair)
    return Difference(label_of(field), before, after)


def label_of(field: str) -> Any:
    home, _dot, name = field.rpartition(".")
    if home == "status":
        return capfirst(str(STATUS_ATTRIBUTES[name].label)) if name in STATUS_ATTRIBUTES else name
    if home == "attributes":
        return name
    own = {"fleet": _("Fleet"), "customer": _("Customer"), "deleted_at": _("Deleted")}
    return own.get(field) or (
        capfirst(str(VEHICLE_ATTRIBUTES[field].label)) if field in VEHICLE_ATTRIBUTES else field
    )


def shown_value(
    field: str, value: Any, me: User, names: Mapping[tuple[str, Any], str] | None = None
) -> SafeString | str:
    if value is None:
        return NOTHING
    if field in ("fleet", "customer"):
        return (names or {}).get((field, value)) or _("one that you do not see")
    if field == "deleted_at":
        at = parse_datetime(str(value))
        return ago(at) if at else plain(value)
    known = STATUS_ATTRIBUTES.get(field.removeprefix("status.")) if field.startswith("status.") else None
    if known and known.kind == "number" and isinstance(value, int | float):
        decimals = DECIMALS.get(known.name, 0 if float(value).is_integer() else 1)
        return measure(value, known.unit, me, decimals)
    if known and known.kind == "text":
        return status_badge(str(value))
    return str(value) if field == "model_year" else plain(value)


def _names(entries: Iterable[Mapping[str, Any]], me: User) -> dict[tuple[str, Any], str]:
    """The fleets and customers that the changes name by key, as far as one sees them."""
    keys: dict[str, set[Any]] = {"fleet": set(), "customer": set()}
    for entry in entries:
        for field, known in keys.items():
            known.update(entry["changes"].get(field, ()))
    fleets = Fleet.all_objects.visible_to(me).filter(pk__in=keys["fleet"] - {None})
    customers = Customer.all_objects.visible_to(me).filter(pk__in=keys["customer"] - {None})
    return {("fleet", fleet.pk): fleet.fleet_name for fleet in fleets} | {
        ("customer", customer.pk): customer.name for customer in customers
    }
