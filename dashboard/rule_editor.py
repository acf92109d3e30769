"""What the rule editor's script needs to know: attributes, operators, kinds of actions, and its words."""

from typing import Any

from accounts.models import Fleet, User
from accounts.people import assignable_people
from dashboard import units
from dashboard.picks import customer_text
from dashboard.rule_action_fields import ACTION_ICONS, action_kinds, recipients
from dashboard.rule_editor_words import kind_names, operator_labels, words
from rules.models import Rule
from rules.patterns import operators_of
from rules.table import attribute_table
from vehicle_management.attributes import RECORDED_AT, STATUS_ATTRIBUTES, VEHICLE_ATTRIBUTES
from vehicle_management.models import VehicleStatus

__all__ = [
    "ACTION_ICONS",
    "action_kinds",
    "editor_data",
    "fields",
    "labels_of",
    "operator_labels",
    "positions_seen_by",
    "words",
]

KINDS = ("number", "text", "boolean", "time", "date")
MOST_PEOPLE, MOST_FLEETS, MOST_RULES, MOST_POSITIONS = 200, 500, 200, 200
ALWAYS = ("vehicle_id", "plate", "customer", "fleet_id", "rule")
Told = dict[str, Any]


def editor_data(rule: Told, labels: Told, etag: str, me: User) -> Told:
    """``rule`` as the API's body has it; ``labels`` name what its scope holds."""
    known = fields(me)
    return {
        "rule": rule,
        "labels": labels,
        "etag": etag,
        "fields": known,
        "operators": {kind: operators_of(kind) for kind in KINDS},
        "action_kinds": action_kinds(),
        "placeholders": [*ALWAYS, *(one["name"] for one in known if one["name"] not in ALWAYS)][:60],
        "recipients": recipients(),
        "measures": {unit: _measure(unit, me) for unit in ("km", "m")},
        "zone": me.time_zone,
        "words": words(),
        **_seen_by(me, rule.get("id")),
    }


def _seen_by(me: User, rule_id: int | None) -> Told:
    people = assignable_people(me).order_by("email")[:MOST_PEOPLE]
    fleets = Fleet.objects.visible_to(me)[:MOST_FLEETS]
    rules = Rule.objects.visible_to(me).exclude(pk=rule_id or 0).order_by("name")[:MOST_RULES]
    return {
        "people": [(person.email, person.name) for person in people],
        "fleets": [(fleet.fleet_id, fleet.fleet_name or fleet.fleet_id) for fleet in fleets],
        "rules": list(rules.values_list("pk", "name")),
        "positions": positions_seen_by(me),
    }


def positions_seen_by(me: User) -> list[tuple[float, float, str]]:
    """Where some of the vehicles are: on the map of a place they say where one is."""
    placed = VehicleStatus.objects.visible_to(me).filter(latitude__isnull=False, longitude__isnull=False)
    found = placed.order_by("pk")[:MOST_POSITIONS]
    told = found.values_list("latitude", "longitude", "vehicle__vehicle_id")
    return [(float(latitude or 0), float(longitude or 0), name) for latitude, longitude, name in told]


def fields(me: User) -> list[Told]:
    """Every attribute that a condition may name: what vehicles report first, then what they are, then the rest."""
    table = sorted(attribute_table().items(), key=lambda item: _order(item[0]))
    return [
        {"name": name, "kind": subject.kind, "choices": subject.choices, **_about(name, subject.kind, me)}
        for name, subject in table
    ]


def _about(name: str, kind: str, me: User) -> Told:
    known = {**VEHICLE_ATTRIBUTES, **STATUS_ATTRIBUTES, RECORDED_AT.name: RECORDED_AT}.get(name)
    measure = _measure(known.unit if known else "", me)
    label = str(known.label) if known and str(known.label) != name else ""
    return {"about": " · ".join(filter(None, (label, measure["unit"], kind_names()[kind]))), **measure}


def _measure(unit: str, me: User) -> Told:
    """What is typed is ``scale`` times what is stored, and ``offset``."""
    scale, offset = units.line(unit, me)
    return {"unit": units.shown_unit(unit, me), "scale": scale, "offset": offset}


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
