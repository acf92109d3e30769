"""How the API describes scopes, patterns and actions, with an example of each shape."""

from typing import Any

from rules.actions import ACTIONS
from rules.patterns import OPERATORS

_IDS = {"type": "array", "items": {"type": "integer"}}
_NAMES = {"type": "array", "items": {"type": "string"}}
_OVER = {"field": "speed_kmh", "operator": "gt", "value": 80}

SCOPE_SCHEMA = {
    "type": "object",
    "description": (
        "What the rule watches: keys add up, an empty scope watches nothing, and whatever it names is cut to "
        "what the rule's maker may see at the time. Or everything."
    ),
    "properties": {
        "everything": {"type": "boolean"},
        "fleets": _NAMES,
        "customers": _IDS,
        "vehicles": _NAMES,
        "tasks": _IDS,
    },
    "additionalProperties": False,
    "example": {"fleets": ["fleet-001"]},
}

# Title, what it means, an example.
NODES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "all",
        "Every node is true.",
        {"all": [_OVER, {"field": "status", "operator": "eq", "value": "MOVING"}]},
    ),
    (
        "any",
        "At least one node is true.",
        {"any": [_OVER, {"field": "fuel_pct", "operator": "lt", "value": 10}]},
    ),
    ("not", "The node is false.", {"not": {"field": "status", "operator": "eq", "value": "OFFLINE"}}),
    (
        "comparison",
        f"A field by an operator ({', '.join(OPERATORS)}) with a value. Texts are equal letter by letter; "
        "contains, starts_with and ends_with ignore case. A comparison over an attribute that is not known is "
        "neither true nor false.",
        {"field": "odometer_km", "operator": "gt", "value": 10_000},
    ),
    (
        "comparison with another attribute",
        "By eq, ne, gt, ge, lt or le; plus is added where both are numbers.",
        {"field": "speed_kmh", "operator": "gt", "value": {"field": "speed_limit_kmh", "plus": 5}},
    ),
    (
        "change of a number",
        "rose_by and fell_by: by over the value, in the very report.",
        {"field": "odometer_km", "operator": "rose_by", "value": 500},
    ),
    (
        "change of any attribute",
        "changed: true of the very report; from and to may be left out.",
        {"field": "status", "operator": "changed", "value": {"from": "MOVING", "to": "IDLE"}},
    ),
    (
        "expression",
        "matches: a regular expression (RE2) of at most 200 characters.",
        {"field": "plate", "operator": "matches", "value": "^HH-"},
    ),
    ("lasts", "True without a break for so many seconds of event time.", {"lasts": _OVER, "seconds": 120}),
    (
        "often",
        "Became true so many times within so many seconds.",
        {
            "often": {"field": "g_force_long", "operator": "lt", "value": -0.4},
            "times": 3,
            "seconds": 600,
        },
    ),
    ("silent", "No report for so many seconds.", {"silent": 1_800}),
    (
        "inside a circle",
        "Within radius_m of a point; outside is said the same way.",
        {
            "inside": {
                "name": "depot",
                "circle": {"latitude": 53.5503, "longitude": 9.9937, "radius_m": 300},
            }
        },
    ),
    (
        "outside a polygon",
        "3 to 200 corners as [latitude, longitude]; inside is said the same way.",
        {"outside": {"polygon": [[53.50, 9.90], [53.60, 9.90], [53.60, 10.10], [53.50, 10.10]]}},
    ),
    (
        "hours",
        "Between hours of some weekdays (all where left out), in a time zone (UTC where left out).",
        {"hours": {"from": "22:00", "to": "06:00", "weekdays": ["fri", "sat"], "time_zone": "Europe/Berlin"}},
    ),
    (
        "due",
        "Maintenance, whichever comes first, since the last completed task that the rule made.",
        {"due": {"every_km": 10_000, "ahead_km": 500, "every_months": 12, "ahead_days": 14}},
    ),
)


def _node_schema(title: str, told: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "description": told,
        "type": "object",
        "required": [name for name in example if name not in ("value", "name")],
        "additionalProperties": True,
        "example": example,
    }


PATTERN_SCHEMA = {
    "description": "A node; docs/rules.md tells each shape.",
    "anyOf": [_node_schema(*node) for node in NODES],
    "example": {"all": [{"field": "odometer_km", "operator": "gt", "value": 10_000}]},
}
CLEAR_SCHEMA = {
    "description": (
        "When it ends, as a node; without one it ends as soon as the pattern is false. It goes with every "
        "pattern but due."
    ),
    "type": "object",
    "nullable": True,
    "additionalProperties": True,
    "example": {"field": "speed_kmh", "operator": "le", "value": 75},
}

ACTION_EXAMPLES: dict[str, dict[str, Any]] = {
    "send_email": {"to": ["workshop@fleet.example"], "subject": "$rule: $plate", "body": "$odometer_km km"},
    "store_log": {"level": "WARNING", "message": "$vehicle_id is due"},
    "create_task": {"title": "Service $vehicle_id", "due_in_hours": 72},
    "complete_task": {"comment": "Back under the limit at $odometer_km km"},
    "cancel_task": {"comment": "$vehicle_id was sold"},
    "raise_alert": {"alert_type": "OVERSPEED", "severity": "HIGH", "message": "$vehicle_id: $speed_kmh km/h"},
    "call_webhook": {"url": "https://workshop.example/hook", "body": '{"vehicle": "$vehicle_id"}'},
    "publish_message": {"channel": "workshop", "message": "$vehicle_id is due"},
}


def _action_schema(kind: Any) -> dict[str, Any]:
    example = {"type": kind.type, **ACTION_EXAMPLES.get(kind.type, {})}
    return {
        "title": kind.type,
        "description": str(kind.label),
        "type": "object",
        "properties": {"type": {"type": "string", "enum": [kind.type]}, **{name: {} for name in kind.checks}},
        "required": ["type", *kind.required],
        "additionalProperties": False,
        "example": example,
    }


ACTIONS_SCHEMA = {
    "type": "array",
    "items": {"anyOf": [_action_schema(kind) for kind in ACTIONS.values()]},
    "example": [{"type": "store_log", **ACTION_EXAMPLES["store_log"]}],
}
