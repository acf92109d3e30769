"""What led to a firing, told whole, and the firing whose action led to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import connection

from rules.episodes import Crossing
from rules.models import Firing
from rules.running import RunningRule
from vehicle_management.models import ChangeBatch, Vehicle

_SENDER = "firing:"


def causes_of(crossings: Sequence[Crossing]) -> list[dict[str, Any]]:
    batches = _batches({one.batch.pk for one in crossings if one.batch})
    earlier = _earlier_causes([one for one in crossings if one.batch is None and one.cause is None])
    told: list[dict[str, Any]] = []
    for one in crossings:
        if one.batch is not None:
            told.append(batches[one.batch.pk].told_cause(one.position))
        else:
            told.append(one.cause or earlier.get((one.rule.pk, one.vehicle)) or _began(one.rule))
    return told


def parents_of(causes: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Firings whose actions are named as causes, with how many firings led to each."""
    pks = {pk for cause in causes if (pk := parent_of(cause)) is not None}
    return dict(Firing.objects.filter(pk__in=pks).values_list("pk", "hops")) if pks else {}


def parent_of(cause: Mapping[str, Any]) -> int | None:
    """By the cause of a task or alert that a rule made, or by the sender of a reading that it published."""
    if type(cause.get("firing_id")) is int:
        return int(cause["firing_id"])
    sender = str(cause.get("sender") or "")
    number = sender.removeprefix(_SENDER)
    return int(number) if sender.startswith(_SENDER) and number.isdecimal() else None


def _batches(pks: set[int]) -> dict[int, ChangeBatch]:
    return ChangeBatch.objects.select_related("cause").defer("old", "new", "vehicles").in_bulk(pks)


def _began(rule: RunningRule) -> dict[str, Any]:
    why = "The pattern was true already when the rule began to watch the vehicle."
    return {"kind": "rule", "rule_id": rule.pk, "name": rule.name, "why": why, "at_start": True}


def _earlier_causes(crossings: Sequence[Crossing]) -> dict[tuple[int, int], dict[str, Any]]:
    """What made a pattern true that was true already: its newest change, else the vehicle's creation."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for rule in {one.rule.pk: one.rule for one in crossings}.values():
        vehicles = [one.vehicle for one in crossings if one.rule.pk == rule.pk]
        created = Vehicle.all_objects.filter(pk__in=vehicles, cause__isnull=False).select_related("cause")
        for vehicle in created.only("cause", "cause_row"):
            found[rule.pk, vehicle.pk] = {**vehicle.cause.told(vehicle.cause_row), "at_start": True}  # type: ignore[union-attr]
        for pk, cause in _newest_changes(rule, vehicles):
            found[rule.pk, pk] = {**cause, "at_start": True}
    return found


def _newest_changes(rule: RunningRule, vehicles: list[int]) -> Iterable[tuple[int, dict[str, Any]]]:
    query = """
        SELECT pk, cause.data, change.cause_row FROM unnest(%s::bigint[]) AS pk
        CROSS JOIN LATERAL (
            SELECT cause_id, cause_row FROM vehicle_management_vehiclechange
            WHERE vehicle_id = pk AND changes ?| %s::text[] ORDER BY id DESC LIMIT 1
        ) change
        JOIN accounts_cause cause ON cause.id = change.cause_id
    """
    fields = [*rule.keys, *(["fleet"] if "fleet_id" in rule.keys else [])]
    with connection.cursor() as cursor:
        cursor.execute(query, [vehicles, fields])
        for pk, data, row in cursor.fetchall():
            cause = orjson.loads(data)
            yield pk, cause if row is None else {**cause, "row": row}
