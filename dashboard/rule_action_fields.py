"""The editor's cards of actions: what each parameter is called, and the kind of input that it has."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from rules.actions import ACTIONS, LEVELS
from rules.alert_actions import SEVERITIES
from rules.recipients import CUSTOMER, ROLE

ACTION_ICONS = {
    "send_email": "tabler-mail",
    "store_log": "tabler-notes",
    "create_task": "tabler-checklist",
    "complete_task": "tabler-circle-check",
    "cancel_task": "tabler-circle-x",
    "raise_alert": "tabler-bell-ringing",
    "call_webhook": "tabler-webhook",
    "publish_message": "tabler-broadcast",
}


def action_kinds() -> list[dict[str, Any]]:
    """Every kind of action with its fields, as the script draws them."""
    hints = _hints()
    return [
        {
            "type": kind.type,
            "label": str(kind.label),
            "icon": ACTION_ICONS.get(kind.type, "tabler-bolt"),
            "hint": hints.get(kind.type, ""),
            "defaults": dict(kind.defaults),
            "fields": _FIELDS[kind.type](),
        }
        for kind in ACTIONS.values()
    ]


def recipients() -> list[tuple[str, str]]:
    """Whom an e-mail may go to besides single addresses."""
    names = {
        User.Role.ADMINISTRATOR: _("all administrators"),
        User.Role.MANAGER: _("its managers"),
        User.Role.OPERATOR: _("its operators"),
    }
    return [
        *((f"{ROLE}{role.value}", name) for role, name in names.items()),
        (CUSTOMER, _("the vehicle's customer")),
    ]


def _field(name: str, label: str, kind: str = "line", width: int = 12, **more: Any) -> dict[str, Any]:
    """``more``: required, placeholder, hint, unit, list, choices, seldom (folded away)."""
    told = {"name": name, "label": label, "kind": kind, "width": width, "required": False}
    return {**told, "placeholders": kind in ("line", "long"), **more}


def _hints() -> dict[str, str]:
    return {
        "create_task": _(
            "One task per vehicle: while it is open, firing again adds to it and makes no second one."
        ),
        "raise_alert": _(
            "One open alert per vehicle: it counts and keeps the worst value until the rule ends."
        ),
        "call_webhook": _(
            "A signed POST (webhook-id, webhook-timestamp, webhook-signature), tried again until it is "
            "taken. “Secret of the webhooks” on this rule’s page shows what it is signed with, once it is saved."
        ),
        "publish_message": _("Onto the bus, for whoever listens to the channel."),
    }


def _email() -> list[dict[str, Any]]:
    to = _("a person, an address, or pick below")
    return [
        _field("to", _("To"), "recipients", required=True, placeholder=to),
        _field("subject", _("Subject"), required=True, placeholder=_("$vehicle_id is due for service")),
        _field("body", _("Text"), "long", placeholder=_("$vehicle_id ($plate) of $customer is due.")),
    ]


def _log() -> list[dict[str, Any]]:
    levels = [(level, level) for level in LEVELS]
    return [
        _field("level", _("Level"), "choice", 3, choices=levels),
        _field("message", _("Message"), width=9, required=True, placeholder=_("$vehicle_id: $battery_pct %")),
    ]


def _create_task() -> list[dict[str, Any]]:
    at = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    at = at if "." in at else "fleet.example"
    person: dict[str, Any] = {"placeholder": f"person@{at}", "list": "rule-people", "placeholders": False}
    return [
        _field("title", _("Title"), required=True, placeholder=_("Service $vehicle_id")),
        _field("description", _("Description"), "long"),
        _field("due_in_hours", _("Due in"), "number", 4, unit=_("hours")),
        _field("assignee", _("Assignee"), width=8, **person),
        _field("checklist", _("Checklist"), "lines", adds=_("Add a line")),
        _field("complete_when_cleared", _("Complete it by itself when the rule ends"), "check"),
    ]


def _close_task() -> list[dict[str, Any]]:
    hint = _("Every open task that the rule made for the vehicle.")
    return [
        _field("of_rule", _("Tasks of"), "rule", 5, hint=hint),
        _field("comment", _("Comment"), width=7, placeholder=_("Back to normal at $odometer_km km")),
    ]


def _alert() -> list[dict[str, Any]]:
    severities = {"LOW": _("low"), "MEDIUM": _("medium"), "HIGH": _("high"), "CRITICAL": _("critical")}
    shown = [(name, severities.get(name, name)) for name in SEVERITIES]
    capitals: dict[str, Any] = {"placeholders": False, "placeholder": "OVERSPEED", "kind": "name"}
    return [
        _field("alert_type", _("Type"), width=7, required=True, **capitals),
        _field("severity", _("Severity"), "choice", 5, required=True, choices=shown),
        _field("message", _("Message"), placeholder=_("$vehicle_id is at $speed_kmh km/h")),
        _field("escalate_after_minutes", _("Escalate after"), "number", 4, unit=_("min"), least=0),
        _field("escalate_to", _("Then tell"), "recipients", 8, placeholder=_("who is told then")),
        _field(
            "field", _("Attribute"), width=7, seldom=True, list="rule-fields", placeholders=False,
            placeholder=_("the condition's"),
        ),
        _field("threshold", _("Threshold"), "number", 5, seldom=True, least=None, placeholder=_("the condition's")),
    ]  # fmt: skip


def _webhook() -> list[dict[str, Any]]:
    hint = _("Stands as “message” in the JSON that is sent, beside vehicle, rule and reason.")
    return [
        _field("url", _("Address"), "url", required=True, placeholder="https://hooks.example.com/fleet"),
        _field("body", _("Text"), "long", hint=hint, placeholder=_("$vehicle_id is at $speed_kmh km/h")),
    ]


def _publish() -> list[dict[str, Any]]:
    channel: dict[str, Any] = {"placeholders": False, "placeholder": "workshop.jobs"}
    return [
        _field("channel", _("Channel"), width=5, required=True, **channel),
        _field("message", _("Message"), width=7, required=True, placeholder=_("$vehicle_id is due")),
    ]


_FIELDS = {
    "send_email": _email,
    "store_log": _log,
    "create_task": _create_task,
    "complete_task": _close_task,
    "cancel_task": _close_task,
    "raise_alert": _alert,
    "call_webhook": _webhook,
    "publish_message": _publish,
}
