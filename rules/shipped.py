"""The rules that come with the program: alerts that every fleet wants, for all vehicles."""

from typing import Any

from django.db import connection, transaction

from rules.checks import NamedScope
from rules.models import Rule
from rules.services import store_rule

ONE_AT_A_TIME = 72_110_035
CAUSE = {"kind": "shipped"}


def _alert(kind: str, severity: str, message: str) -> list[dict[str, Any]]:
    return [{"type": "raise_alert", "alert_type": kind, "severity": severity, "message": message}]


SHIPPED: dict[str, dict[str, Any]] = {
    "OVERSPEED": {
        "name": "Overspeed",
        "description": "A vehicle is faster than 80 km/h; it ends at 75 km/h.",
        "pattern": {"field": "speed_kmh", "operator": "gt", "value": 80},
        "clear": {"field": "speed_kmh", "operator": "le", "value": 75},
        "actions": _alert("OVERSPEED", "HIGH", "$vehicle_id drives $speed_kmh km/h"),
    },
    "LOW_BATTERY": {
        "name": "Low battery",
        "description": "A battery is below 15 %; it ends at 20 %.",
        "pattern": {"field": "battery_pct", "operator": "lt", "value": 15},
        "clear": {"field": "battery_pct", "operator": "ge", "value": 20},
        "actions": _alert("LOW_BATTERY", "MEDIUM", "The battery of $vehicle_id is at $battery_pct %"),
    },
    "ENGINE_OVERHEAT": {
        "name": "Engine overheats",
        "description": "An engine is hotter than 100 °C; it ends at 95 °C.",
        "pattern": {"field": "engine_temp_c", "operator": "gt", "value": 100},
        "clear": {"field": "engine_temp_c", "operator": "le", "value": 95},
        "actions": _alert("ENGINE_OVERHEAT", "CRITICAL", "The engine of $vehicle_id is at $engine_temp_c °C"),
    },
}


def ship_rules() -> list[Rule]:
    """Store what is not there yet; what was changed, switched off or deleted stays as it is."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
        there = set(Rule.all_objects.filter(shipped_as__in=SHIPPED).values_list("shipped_as", flat=True))
        made = [Rule(shipped_as=name, **values) for name, values in SHIPPED.items() if name not in there]
        for rule in made:
            store_rule(rule, NamedScope(everything=True), cause=CAUSE)
    return made
