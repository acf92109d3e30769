"""A trial's outcome as the API and the pages tell it: plain JSON, bounded, with what the actions would have said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from api_pattern.times import told_time
from rules.actions import ACTIONS
from rules.exceptions import ActionFailed
from rules.history_columns import columns_of
from rules.machine import Kind
from rules.maintenance import DAY_MS
from rules.models import Rule
from rules.moments import time_of
from rules.nodes import Subject, subjects
from rules.recipients import addresses_of
from rules.texts import texts_of
from rules.trial import Found, OfDay, OfVehicle, Outcome
from rules.values import load_texts
from vehicle_management.models import Vehicle

MOST_FIRINGS = 1_000
MOST_HELD_BACK = 100
MOST_VEHICLES = 100
MOST_CUT = 100
MOST_NAMES = 8
BEFORE, AFTER = 3, 2
NEAR = timedelta(days=1)
KINDS = {Kind.FIRE: "FIRED", Kind.REPEAT: "REPEATED", Kind.HOLD_BACK: "HELD_BACK"}

# Of each firing the readings around it, its own among them.
_AROUND = """
    SELECT w.place, near.* FROM unnest(%(places)s::int[], %(vehicles)s::int[], %(times)s::timestamptz[])
        AS w (place, vehicle, at)
    CROSS JOIN LATERAL (
        (SELECT r.recorded_at AS at, {columns} FROM telemetry_reading r
         WHERE r.vehicle = w.vehicle AND r.recorded_at <= w.at AND r.recorded_at > w.at - %(near)s
         ORDER BY r.recorded_at DESC LIMIT {before})
        UNION ALL
        (SELECT r.recorded_at, {columns} FROM telemetry_reading r
         WHERE r.vehicle = w.vehicle AND r.recorded_at > w.at AND r.recorded_at < w.at + %(near)s
         ORDER BY r.recorded_at LIMIT {after})
    ) AS near
    ORDER BY w.place, near.at
"""

Around = Callable[[Sequence[Found]], list[list[dict[str, Any]]]]


@dataclass
class Telling:
    """What is needed to tell of an outcome. ``around`` answers the readings around each firing."""

    rule: Rule
    vehicles: Mapping[int, str]
    names: Sequence[Subject]
    around: Around
    _people: dict[tuple[Any, ...], list[str] | str] = field(default_factory=dict)

    def tell(self, outcome: Outcome) -> dict[str, Any]:
        fired = outcome.fired
        firsts = fired[:MOST_FIRINGS]
        held_back = outcome.held_back
        return {
            "firings": sum(one.kind is Kind.FIRE for one in fired),
            "repeats": sum(one.kind is Kind.REPEAT for one in fired),
            "held_back": len(held_back),
            "vehicles_with_firings": sum(
                bool(one.fired or one.repeated) for one in outcome.vehicles.values()
            ),
            "minutes_true": _minutes(outcome.true_ms),
            "readings": outcome.events["readings"],
            "changes": outcome.events["changes"],
            "attributes": [subject.name for subject in self.names],
            "days": [_told_day(day, outcome.days[day]) for day in sorted(outcome.days)],
            "by_vehicle": [self._told_vehicle(pk, one) for pk, one in _most_first(outcome.vehicles)],
            "first_firings": self._told_firings(firsts),
            "first_held_back": [self._told_held_back(one) for one in held_back[:MOST_HELD_BACK]],
            "first_cut": [
                {"vehicle_id": self.vehicles.get(pk, ""), "at": told_time(time_of(at))}
                for pk, at in outcome.cut[:MOST_CUT]
            ],
        }

    def _told_firings(self, firsts: Sequence[Found]) -> list[dict[str, Any]]:
        around = self.around(firsts)
        pks = {one.vehicle for one in firsts if one.vehicle > 0}
        known = load_texts(pks) if self.rule.actions else {}
        held = Vehicle.all_objects.select_related("customer").in_bulk(pks) if self.rule.actions else {}
        return [
            {
                "vehicle_id": self.vehicles.get(one.vehicle, ""),
                "at": told_time(time_of(one.at)),
                "kind": KINDS[one.kind],
                "at_start": one.is_at_start,
                "explanation": one.told,
                "until": None if one.until is None else told_time(time_of(one.until)),
                "values": self._values(one),
                "around": near,
                "actions": self._told_actions(one, known.get(one.vehicle, {}), held.get(one.vehicle)),
            }
            for one, near in zip(firsts, around, strict=True)
        ]

    def _values(self, one: Found) -> dict[str, Any]:
        return {subject.name: first_known(subject, one.values) for subject in self.names}

    def _told_actions(
        self, one: Found, known: Mapping[str, Any], vehicle: Vehicle | None
    ) -> list[dict[str, Any]]:
        texts = texts_of(known, one.values, rule=self.rule.name)
        if vehicle is None:
            texts["vehicle_id"] = self.vehicles.get(one.vehicle, "")
        told = []
        for action in self.rule.actions:
            kind = ACTIONS[action["type"]]
            params = kind.render(action, texts)
            to = self._addresses(params.get("to"), vehicle)
            told.append({"type": kind.type, "label": str(kind.label), "params": params, **to})
        return told

    def _addresses(self, recipients: Any, vehicle: Vehicle | None) -> dict[str, Any]:
        """To whom it would go now: the people of a role, and the customer, are those of today."""
        if not isinstance(recipients, list) or vehicle is None:
            return {}
        key = (tuple(recipients), vehicle.fleet_id, vehicle.customer_id)
        if key not in self._people:
            try:
                self._people[key] = addresses_of(recipients, vehicle)
            except ActionFailed as error:
                self._people[key] = str(error)
        found = self._people[key]
        return {"to": [], "fault": found} if isinstance(found, str) else {"to": found}

    def _told_held_back(self, one: Found) -> dict[str, Any]:
        return {
            "vehicle_id": self.vehicles.get(one.vehicle, ""),
            "at": told_time(time_of(one.at)),
            "why": one.told,
        }

    def _told_vehicle(self, pk: int, one: OfVehicle) -> dict[str, Any]:
        spans = [
            {"from": told_time(time_of(since)), "until": None if until is None else told_time(time_of(until))}
            for since, until in one.spans
        ]
        return {
            "vehicle_id": self.vehicles.get(pk, ""),
            "firings": one.fired,
            "repeats": one.repeated,
            "held_back": one.held_back,
            "minutes_true": _minutes(one.true_ms),
            "true": spans,
        }


def names_of(subjects_: Iterable[Subject]) -> list[Subject]:
    """The first attributes that a rule reads, each once."""
    found = {subject.name: subject for subject in sorted(subjects_, key=lambda one: one.name)}
    return list(found.values())[:MOST_NAMES]


def read_by(machine: Any) -> list[Subject]:
    return names_of(subject for node in machine.nodes for subject in subjects(node))


def first_known(subject: Subject, values: Mapping[str, Any]) -> Any:
    found = next((values[key] for key in subject.keys if values.get(key) is not None), None)
    return found.isoformat() if isinstance(found, datetime) else found


def readings_around(names: Sequence[Subject]) -> Around:
    """The readings before, at and after each firing, with what they say of the rule's attributes."""
    keys = {
        subject.name: next((k for k in subject.keys if k.startswith("status.")), None) for subject in names
    }
    wanted = {name: key for name, key in keys.items() if key is not None}
    columns = columns_of(wanted.values())
    name_of = {key: name for name, key in wanted.items()}

    def around(firsts: Sequence[Found]) -> list[list[dict[str, Any]]]:
        near: list[list[dict[str, Any]]] = [[] for _one in firsts]
        if not firsts or not columns.keys:
            return near
        listed = ", ".join(f"{sql} AS said_{place}" for place, sql in enumerate(columns.sql))
        query = _AROUND.format(columns=listed, before=BEFORE, after=AFTER)
        params = {
            "places": list(range(len(firsts))),
            "vehicles": [one.vehicle for one in firsts],
            "times": [time_of(one.at) for one in firsts],
            "near": NEAR,
            **columns.params,
        }
        said = columns.reader()
        for place, at, *values in _rows(query, params):
            told = {name_of[key]: value for key, value in said(0, values).items()}
            near[place].append({"at": told_time(at), "values": told})
        return near

    return around


def _rows(query: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def _most_first(vehicles: Mapping[int, OfVehicle]) -> list[tuple[int, OfVehicle]]:
    held = sorted(
        vehicles.items(),
        key=lambda one: (-one[1].fired - one[1].repeated, -one[1].held_back, -one[1].true_ms, one[0]),
    )
    return held[:MOST_VEHICLES]


def _told_day(day: int, one: OfDay) -> dict[str, Any]:
    return {
        "day": datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat(),
        "firings": one.fired,
        "repeats": one.repeated,
        "held_back": one.held_back,
        "minutes_true": _minutes(one.true_ms),
    }


def _minutes(ms: int) -> float:
    return round(ms / 60_000, 1)
