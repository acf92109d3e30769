"""Rules to begin with, offered where a new one is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from rules.table import attribute_table

Node = dict[str, Any]
SOMEWHERE = (53.5503, 9.9937)
PLAIN = {
    "lateness_s": 0,
    "repeat_s": None,
    "cooldown_s": 0,
    "cooldown_rule_s": 0,
    "per_day": None,
    "per_day_rule": None,
}


@dataclass(frozen=True)
class Around:
    """What a template takes from whoever uses it: their time zone, and where one of their vehicles is."""

    zone: str
    latitude: float
    longitude: float

    @classmethod
    def of(cls, me: User, positions: list[tuple[float, float, str]]) -> "Around":
        latitude, longitude = positions[0][:2] if positions else SOMEWHERE
        return cls(me.time_zone, round(latitude, 5), round(longitude, 5))

    def place(self, name: str, radius_m: int) -> Node:
        circle = {"latitude": self.latitude, "longitude": self.longitude, "radius_m": radius_m}
        return {"circle": circle, "name": name}


@dataclass(frozen=True)
class RuleTemplate:
    """``pattern`` is a node, or makes one of what is around; ``more`` are settings such as clear and repeat_s."""

    key: str
    label: str | Promise
    hint: str | Promise
    icon: str
    pattern: Node | Callable[[Around], Node] | None = None
    actions: list[Node] = field(default_factory=list)
    more: Node = field(default_factory=dict)

    def draft(self, around: Around) -> Node:
        """The rule as the API's body has it."""
        return {
            "id": None,
            "name": str(self.label) if self.pattern else "",
            "description": "",
            "enabled": True,
            "skip_current": False,
            "scope": {"everything": True},
            "pattern": self.pattern(around) if callable(self.pattern) else self.pattern,
            "clear": None,
            **PLAIN,
            **self.more,
            "actions": self.actions,
        }

    def missing(self, around: Around) -> list[str]:
        """Attributes that it compares and that no vehicle has had so far."""
        pattern = self.draft(around)["pattern"]
        if pattern is None:
            return []
        wanted = {node["field"] for node in _comparisons(pattern)}
        return sorted(wanted - attribute_table().keys())


def _comparisons(node: Any) -> list[Node]:
    """Everything in a pattern that names a field, also as another's limit."""
    if isinstance(node, list):
        return [found for one in node for found in _comparisons(one)]
    if not isinstance(node, dict):
        return []
    inner = [found for one in node.values() for found in _comparisons(one)]
    return [node, *inner] if "field" in node else inner


def _is(name: str, operator: str, value: Any = None) -> Node:
    told = {"field": name, "operator": operator}
    return told if value is None else {**told, "value": value}


def _alert(kind: str, severity: str, message: str, **more: Any) -> Node:
    return {"type": "raise_alert", "alert_type": kind, "severity": severity, "message": message, **more}


def _task(title: str, **more: Any) -> Node:
    return {"type": "create_task", "title": title, **more}


def _mail(subject: str, body: str, to: tuple[str, ...] = ("role:MANAGER",)) -> Node:
    return {"type": "send_email", "to": list(to), "subject": subject, "body": body}


def _leaves(around: Around) -> Node:
    return {"all": [{"outside": around.place("Depot", 500)}]}


def _by_night(around: Around) -> Node:
    hours = {"from": "22:00", "to": "05:00", "time_zone": around.zone}
    return {"all": [_is("speed_kmh", "gt", 5), {"hours": hours}]}


_SERVICE = ["Oil and filters", "Brakes and tyres", "Lights and wipers", "Test drive"]

RULE_TEMPLATES = {
    template.key: template
    for template in (
        RuleTemplate(
            "speeding",
            _("Too fast for 2 minutes"),
            _("Over 80 km/h without a break for 2 minutes; it ends at 75."),
            "tabler-gauge",
            {"all": [{"lasts": _is("speed_kmh", "gt", 80), "seconds": 120}]},
            [_alert("OVERSPEED", "HIGH", "$vehicle_id has been over 80 km/h for 2 minutes: $speed_kmh km/h")],
            {"clear": {"all": [_is("speed_kmh", "le", 75)]}},
        ),
        RuleTemplate(
            "own_limit",
            _("Over its own limit"),
            _("Faster than the vehicle's speed_limit_kmh and 5 km/h more."),
            "tabler-steering-wheel",
            {"all": [_is("speed_kmh", "gt", {"field": "speed_limit_kmh", "plus": 5})]},
            [_alert("OVERSPEED", "MEDIUM", "$vehicle_id: $speed_kmh km/h where $speed_limit_kmh are allowed")],
        ),
        RuleTemplate(
            "low_battery",
            _("Low battery"),
            _("Under 15 %; it ends when 20 % are reached."),
            "tabler-battery-1",
            {"all": [_is("battery_pct", "lt", 15)]},
            [
                _alert("LOW_BATTERY", "MEDIUM", "$vehicle_id: battery at $battery_pct %"),
                _task("Charge $vehicle_id", due_in_hours=4, complete_when_cleared=True),
            ],
            {"clear": {"all": [_is("battery_pct", "ge", 20)]}},
        ),
        RuleTemplate(
            "overheating",
            _("Engine overheats"),
            _("Over 100 °C for a minute; a task that closes by itself when it is cool."),
            "tabler-temperature",
            {"all": [{"lasts": _is("engine_temp_c", "gt", 100), "seconds": 60}]},
            [
                _alert(
                    "ENGINE_OVERHEATING", "CRITICAL", "$vehicle_id: engine at $engine_temp_c °C",
                    escalate_after_minutes=15, escalate_to=["role:MANAGER"],
                ),
                _task("Check the cooling of $vehicle_id", due_in_hours=4, complete_when_cleared=True),
            ],
            {"clear": {"all": [_is("engine_temp_c", "lt", 90)]}},
        ),
        RuleTemplate(
            "harsh_braking",
            _("Brakes harshly again and again"),
            _("Slower by over 25 km/h from one report to the next, 3 times in 10 minutes."),
            "tabler-car-crash",
            {"all": [{"often": _is("speed_kmh", "fell_by", 25), "times": 3, "seconds": 600}]},
            [_alert("HARSH_BRAKING", "MEDIUM", "$vehicle_id braked harshly 3 times in 10 minutes")],
            {"cooldown_s": 3600},
        ),
        RuleTemplate(
            "silent",
            _("No data for 30 minutes"),
            _("A vehicle that has fallen silent."),
            "tabler-wifi-off",
            {"all": [{"silent": 1800}]},
            [_alert("NO_DATA", "LOW", "$vehicle_id has not reported for 30 minutes; last at $recorded_at")],
        ),
        RuleTemplate(
            "leaves_place",
            _("Leaves a place"),
            _("Goes out of a circle that you draw on the map."),
            "tabler-map-pin",
            _leaves,
            [_alert("LEFT_PLACE", "MEDIUM", "$vehicle_id left the depot")],
            {"skip_current": True},
        ),
        RuleTemplate(
            "by_night",
            _("Moves outside hours"),
            _("Faster than 5 km/h between 22:00 and 05:00."),
            "tabler-moon",
            _by_night,
            [
                _alert("MOVES_AT_NIGHT", "HIGH", "$vehicle_id is under way at night: $speed_kmh km/h"),
                _mail("$vehicle_id moves outside hours", "$vehicle_id ($plate) is at $latitude, $longitude."),
            ],
            {"cooldown_s": 3600},
        ),
        RuleTemplate(
            "fuel_dropped",
            _("Fuel dropped"),
            _("Less by over 15 % from one report to the next: a leak, or a thief."),
            "tabler-droplet-down",
            {"all": [_is("fuel_pct", "fell_by", 15)]},
            [_alert("FUEL_DROPPED", "HIGH", "$vehicle_id: fuel fell to $fuel_pct %")],
        ),
        RuleTemplate(
            "service_due",
            _("Maintenance"),
            _("Every 10,000 km or 12 months, 500 km ahead: a task with a checklist."),
            "tabler-tool",
            {"all": [{"due": {"every_km": 10_000, "ahead_km": 500, "every_months": 12, "ahead_days": 14}}]},
            [
                _task(
                    "Service $vehicle_id at $odometer_km km", due_in_hours=336, checklist=_SERVICE,
                    description="Due by rule “$rule”. Plate $plate, customer $customer.",
                )
            ],
        ),
        RuleTemplate(
            "status_changed",
            _("Status changed"),
            _("From MOVING to OFFLINE: a line in the log."),
            "tabler-arrows-exchange",
            {"all": [_is("status", "changed", {"from": "MOVING", "to": "OFFLINE"})]},
            [{"type": "store_log", "level": "WARNING", "message": "$vehicle_id went offline while it was moving"}],
        ),
        RuleTemplate("blank", _("Empty rule"), _("Begin with nothing and say when it fires."), "tabler-plus"),
    )
}  # fmt: skip


def offered(around: Around) -> list[dict[str, Any]]:
    """The templates as the pages show them, with the attributes that they wait for."""
    return [
        {
            "key": one.key,
            "label": one.label,
            "hint": one.hint,
            "icon": one.icon,
            "missing": ", ".join(one.missing(around)),
        }
        for one in RULE_TEMPLATES.values()
    ]
