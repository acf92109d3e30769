"""What the rule editor's script needs to know: attributes, operators, kinds of actions, and its words."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Fleet, User
from accounts.people import assignable_people
from dashboard.picks import customer_text
from rules.actions import ACTIONS, LEVELS
from rules.models import Rule
from rules.patterns import OPERATORS, operators_of
from rules.table import attribute_table
from vehicle_management.attributes import RECORDED_AT, STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES

KINDS = ("number", "text", "boolean", "time", "date")
MOST_PEOPLE, MOST_FLEETS = 200, 500
ALWAYS = ("vehicle_id", "plate", "customer", "fleet_id", "rule")
ACTION_ICONS = {
    "send_email": "tabler-mail",
    "store_log": "tabler-notes",
    "create_task": "tabler-checklist",
}


def editor_data(rule: dict[str, Any], labels: dict[str, Any], etag: str, me: User) -> dict[str, Any]:
    """``rule`` as the API's body has it; ``labels`` name what its scope holds."""
    known = fields()
    people = assignable_people(me).order_by("email")[:MOST_PEOPLE]
    fleets = Fleet.objects.visible_to(me)[:MOST_FLEETS]
    return {
        "rule": rule,
        "labels": labels,
        "etag": etag,
        "fields": known,
        "operators": {kind: operators_of(kind) for kind in KINDS},
        "action_kinds": action_kinds(),
        "placeholders": [*ALWAYS, *(one["name"] for one in known if one["name"] not in ALWAYS)][:60],
        "people": [(person.email, person.name) for person in people],
        "fleets": [(fleet.fleet_id, fleet.fleet_name or fleet.fleet_id) for fleet in fleets],
        "words": words(),
    }


def fields() -> list[dict[str, Any]]:
    """Every attribute that a condition may name: what vehicles report first, then what they are, then the rest."""
    known = {**VEHICLE_ATTRIBUTES, **STATUS_ATTRIBUTES, RECORDED_AT.name: RECORDED_AT}
    told = []
    for name, subject in sorted(attribute_table().items(), key=lambda item: _order(item[0])):
        unit = known[name].unit if name in known else ""
        label = str(known[name].label) if name in known else name
        about = " · ".join(filter(None, (label if label != name else "", unit, kind_names()[subject.kind])))
        told.append(
            {"name": name, "kind": subject.kind, "choices": subject.choices, "unit": unit, "about": about}
        )
    return told


def _order(name: str) -> tuple[int, str]:
    return (
        0 if name in (*STATUS_ATTRIBUTES, RECORDED_AT.name) else 1 if name in VEHICLE_ATTRIBUTES else 2,
        name,
    )


def labels_of(rule: Rule) -> dict[str, dict[Any, str]]:
    """How what the scope names is shown; uses what was prefetched."""
    return {
        "customers": {one.pk: customer_text(one) for one in rule.customers.all()},
        "vehicles": {one.vehicle_id: one.vehicle_id for one in rule.vehicles.all()},
        "tasks": {one.pk: f"{one.title} (#{one.pk})" for one in rule.tasks.all()},
    }


def kind_names() -> dict[str, str]:
    return {
        "number": _("number"),
        "text": _("text"),
        "boolean": _("yes or no"),
        "time": _("time"),
        "date": _("date"),
    }


def _field(name: str, label: str, kind: str = "line", width: int = 12, **more: Any) -> dict[str, Any]:
    required = more.pop("required", False)
    return {
        "name": name,
        "label": label,
        "kind": kind,
        "width": width,
        "required": required,
        "placeholders": kind in ("line", "long"),
        **more,
    }


def action_kinds() -> list[dict[str, Any]]:
    at = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    at = at if "." in at else "fleet.example"
    shown = {
        "send_email": [
            _field("to", _("To"), "addresses", required=True, placeholder=f"workshop@{at}, …", list="rule-people"),
            _field("subject", _("Subject"), required=True, placeholder=_("$vehicle_id is due for service")),
            _field("body", _("Text"), "long", placeholder=_("$vehicle_id ($plate) of $customer is due.")),
        ],
        "store_log": [
            _field("level", _("Level"), "choice", 3, choices=[(level, level) for level in LEVELS]),
            _field("message", _("Message"), width=9, required=True, placeholder=_("$vehicle_id: $battery_pct %")),
        ],
        "create_task": [
            _field("title", _("Title"), required=True, placeholder=_("Service $vehicle_id")),
            _field("description", _("Description"), "long"),
            _field("due_in_hours", _("Due in"), "number", 4, unit=_("hours")),
            _field("assignee", _("Assignee"), "address", 8, placeholder=f"person@{at}", list="rule-people"),
        ],
    }  # fmt: skip
    return [
        {
            "type": kind.type,
            "label": kind.label,
            "icon": ACTION_ICONS.get(kind.type, "tabler-bolt"),
            "defaults": kind.defaults,
            "fields": shown.get(kind.type, [_field(name, name) for name in kind.checks]),
        }
        for kind in ACTIONS.values()
    ]


def operator_labels() -> dict[str, str]:
    return {
        "eq": _("is"),
        "ne": _("is not"),
        "gt": _("is over"),
        "ge": _("is at least"),
        "lt": _("is under"),
        "le": _("is at most"),
        "between": _("is between"),
        "in": _("is one of"),
        "not_in": _("is none of"),
        "contains": _("contains"),
        "starts_with": _("starts with"),
        "ends_with": _("ends with"),
        "is_set": _("is known"),
        "is_not_set": _("is not known"),
    }


def words() -> dict[str, Any]:
    """The script's own sentences, in the person's language."""
    assert operator_labels().keys() == OPERATORS.keys()
    return {
        "operators": operator_labels(),
        "moments": {
            "gt": _("is after"),
            "ge": _("is on or after"),
            "lt": _("is before"),
            "le": _("is on or before"),
        },
        "modes": [
            ("all", _("all")),
            ("any", _("any")),
            ("none", _("none")),
            ("not all", _("not all")),
        ],
        "mode": _("How many must be true"),
        "group": _("Group of conditions"),
        "when": _("When"),
        "of_these": _("of these are true"),
        "add_condition": _("Add condition"),
        "add_group": _("Add group"),
        "remove_group": _("Remove this group"),
        "remove_condition": _("Remove this condition"),
        "field": _("Attribute"),
        "field_hint": _("Attribute, such as odometer_km"),
        "operator": _("Comparison"),
        "value": _("Value"),
        "least": _("Least value"),
        "most": _("Most value"),
        "and": _("and"),
        "yes": _("yes"),
        "no": _("no"),
        "several": _("type a value, then Enter"),
        "remove": _("Remove"),
        "remove_action": _("Remove this action"),
        "no_actions": _("It does nothing yet: a firing is noted, and that is all. Add what should happen."),
        "placeholders": _("Placeholders"),
        "placeholders_help": _("A click puts one in where the cursor was; each firing fills in its vehicle's values."),
        "everything": _("Everything that I see"),
        "everything_help": _("Every vehicle of your fleets, also those that come later."),
        "chosen": _("What I choose"),
        "chosen_help": _("Fleets, customers, single vehicles, the vehicles of tasks; they add up."),
        "fleets": _("Fleets"),
        "customers": _("Vehicles of customers"),
        "vehicles": _("Vehicles"),
        "tasks": _("Vehicles of open tasks"),
        "search": {
            "customers": _("Find a customer"),
            "vehicles": _("Find by id, plate or VIN"),
            "tasks": _("Find a task"),
        },
        "nothing_found": _("Nothing found"),
        "no_sentence": _("Say when it fires: choose an attribute and compare it."),
        "now": {
            "fire": _("Now true for %true of the %watched vehicles that it watches: they fire at once."),
            "skip": _("Now true for %true of the %watched vehicles that it watches: they are skipped."),
            "off": _("Now true for %true of the %watched vehicles that it watches."),
            "none": _("Now true for none of the %watched vehicles that it watches."),
            "nothing": _("It watches no vehicle yet."),
            "part": _("Looked at %looked_at of them."),
        },
        "unfinished": _("Not finished yet: a condition below lacks something."),
        "needs_name": _("A rule needs a name."),
        "to_mend": _("Not saved: %n to mend, each told at its place."),
        "conflict": _("Somebody else changed this rule meanwhile, so yours was not saved."),
        "load_theirs": _("Show theirs"),
        "no_answer": _("The server cannot be reached; nothing typed is lost, save again in a moment."),
        "restored": _("What you had typed here is back."),
        "discard": _("Discard it"),
    }  # fmt: skip
