"""Rules to begin with, offered where a new one is made."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class RuleTemplate:
    key: str
    label: str | Promise
    hint: str | Promise
    icon: str
    pattern: dict[str, Any] | None
    actions: list[dict[str, Any]] = field(default_factory=list)

    def draft(self) -> dict[str, Any]:
        return {
            "id": None,
            "name": str(self.label) if self.key != "blank" else "",
            "description": "",
            "enabled": True,
            "skip_current": False,
            "scope": {"everything": True},
            "pattern": self.pattern,
            "actions": self.actions,
        }


def _over(name: str, value: float, operator: str = "gt") -> dict[str, Any]:
    return {"all": [{"field": name, "operator": operator, "value": value}]}


RULE_TEMPLATES = {
    template.key: template
    for template in (
        RuleTemplate(
            "service_due",
            _("Service due"),
            _("A task for the workshop when the odometer passes 10,000 km."),
            "tabler-tool",
            _over("odometer_km", 10_000),
            [
                {
                    "type": "create_task",
                    "title": "Service $vehicle_id at $odometer_km km",
                    "description": "Due by rule “$rule”. Plate $plate, customer $customer.",
                    "due_in_hours": 72,
                }
            ],
        ),
        RuleTemplate(
            "low_battery",
            _("Low battery"),
            _("A warning in the log when the battery falls under 20 %."),
            "tabler-battery-1",
            _over("battery_pct", 20, "lt"),
            [{"type": "store_log", "level": "WARNING", "message": "$vehicle_id: battery at $battery_pct %"}],
        ),
        RuleTemplate(
            "overheating",
            _("Engine overheats"),
            _("A log entry and a task when the engine is over 110 °C."),
            "tabler-temperature",
            _over("engine_temp_c", 110),
            [
                {
                    "type": "store_log",
                    "level": "ERROR",
                    "message": "$vehicle_id: engine at $engine_temp_c °C",
                },
                {"type": "create_task", "title": "Check the cooling of $vehicle_id", "due_in_hours": 4},
            ],
        ),
        RuleTemplate(
            "speeding",
            _("Too fast"),
            _("An e-mail when a vehicle is faster than 120 km/h."),
            "tabler-gauge",
            _over("speed_kmh", 120),
            [
                {
                    "type": "send_email",
                    "to": ["dispatch@fleet.example"],
                    "subject": "$vehicle_id is at $speed_kmh km/h",
                    "body": "$vehicle_id ($plate) of $customer is faster than allowed.",
                }
            ],
        ),
        RuleTemplate(
            "blank",
            _("Empty rule"),
            _("Begin with nothing and say when it fires."),
            "tabler-plus",
            None,
        ),
    )
}
