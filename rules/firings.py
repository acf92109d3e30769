"""Crossings written down: firings with their causes, and the actions that they owe."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from django.db import connection

from rules.actions import ACTIONS
from rules.evaluation import Crossing
from rules.models import Firing, FiringAction
from rules.running import RunningRule
from rules.texts import texts_of
from rules.values import load_texts
from vehicle_management.models import ChangeBatch, Vehicle

_AT_ONCE = 2_000


def lock_for_writing(crossings: Sequence[Crossing], moves: Iterable[tuple[int, int]]) -> None:
    """Vehicles in the order in which the door locks them, and rules against a change while they fire."""
    vehicles = sorted({pk for pk, _rule in moves} | {crossing.vehicle for crossing in crossings})
    rules = sorted({rule for _pk, rule in moves} | {crossing.rule.pk for crossing in crossings})
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM rules_rule WHERE id = ANY(%s) ORDER BY id FOR SHARE", [rules])
        cursor.execute(
            "SELECT FROM vehicle_management_vehicle WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [vehicles]
        )


def write_firings(crossings: list[Crossing]) -> None:
    """Write ``crossings`` in the order in which they happened."""
    crossings.sort(key=lambda one: (one.batch.pk if one.batch else 0, one.position, one.rule.pk))
    for start in range(0, len(crossings), _AT_ONCE):
        _write(crossings[start : start + _AT_ONCE])


def _write(crossings: list[Crossing]) -> None:
    causes = _causes(crossings)
    firings = Firing.objects.bulk_create(
        Firing(
            rule_id=one.rule.pk,
            rule_version=one.rule.version,
            vehicle_id=one.vehicle,
            batch=one.batch.pk if one.batch else None,
            seq=one.seq,
            explanation=one.explanation,
            cause=cause,
        )
        for one, cause in zip(crossings, causes, strict=True)
    )
    known = load_texts({one.vehicle for one in crossings if one.rule.actions})
    FiringAction.objects.bulk_create(
        action
        for one, firing in zip(crossings, firings, strict=True)
        for action in _actions(one, firing, known.get(one.vehicle, {}))
    )


def _actions(crossing: Crossing, firing: Firing, known: dict[str, Any]) -> Iterable[FiringAction]:
    texts = texts_of(known, crossing.values, rule=crossing.rule.name)
    for index, action in enumerate(crossing.rule.actions):
        kind = ACTIONS[action["type"]]
        yield FiringAction(firing=firing, index=index, type=kind.type, params=kind.render(action, texts))


def _causes(crossings: Sequence[Crossing]) -> list[dict[str, Any]]:
    batches = _batches({one.batch.pk for one in crossings if one.batch})
    earlier = _earlier_causes([one for one in crossings if one.batch is None])
    told = []
    for one in crossings:
        if one.batch is not None:
            told.append(batches[one.batch.pk].told_cause(one.position))
        else:
            told.append(earlier.get((one.rule.pk, one.vehicle)) or _began(one.rule))
    return told


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
