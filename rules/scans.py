"""Which vehicles a scan looks at.

Those that the rule watches, those that it remembers, and those that it may have watched before a change
that is still pending.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from rules.running import RunningRule
from rules.scope import SCOPE_FIELDS
from vehicle_management.models import LANES

MOST_VEHICLES = 10_000

_REMEMBERED = """
    SELECT vehicle_id FROM rules_rulestate
    WHERE rule_id = %s AND vehicle_id > %s AND vehicle_id %% %s = %s ORDER BY vehicle_id LIMIT %s
"""
_MOVED = """
    SELECT DISTINCT v.id FROM vehicle_management_changebatch b, unnest(b.vehicles) AS v(id)
    WHERE b.lane = %s AND b.done_at IS NULL AND b.fields && %s AND NOT 'vehicle_id' = ANY(b.fields)
      AND v.id > %s ORDER BY v.id LIMIT %s
"""
_WATCHED = """
    SELECT v.id FROM vehicle_management_vehicle v
    WHERE v.id > %s AND v.id %% %s = %s AND v.deleted_at IS NULL AND {} ORDER BY v.id LIMIT %s
"""


def next_vehicles(rule: RunningRule, lane: int, after: int) -> list[int]:
    """The next vehicles of the lane in order, up to ``MOST_VEHICLES``."""
    watched = next_watched(rule, lane, after)
    remembered = _fetch(_REMEMBERED, [rule.pk, after, LANES, lane, MOST_VEHICLES])
    moved = _fetch(_MOVED, [lane, sorted(SCOPE_FIELDS), after, MOST_VEHICLES])
    return sorted({*watched, *remembered, *moved})[:MOST_VEHICLES]


def all_watched(rule: RunningRule, lane: int) -> Iterator[int]:
    """Every vehicle of the lane that is in the scope now."""
    after = 0
    while found := next_watched(rule, lane, after):
        yield from found
        after = found[-1]


def next_watched(rule: RunningRule, lane: int, after: int) -> list[int]:
    """Those that are in the scope now, up to ``MOST_VEHICLES``."""
    wheres, params = _conditions(rule)
    if not wheres:
        return []
    query = _WATCHED.format(" AND ".join(wheres))
    return _fetch(query, [after, LANES, lane, *params, MOST_VEHICLES])


def _conditions(rule: RunningRule) -> tuple[list[str], list[Any]]:
    """The scope in SQL; no condition at all where it is empty."""
    scope = rule.scope
    named: list[tuple[str, Sequence[Any]]] = [
        ("v.fleet_id = ANY(%s)", sorted(scope.fleets)),
        ("v.customer_id = ANY(%s)", sorted(scope.customers)),
        ("v.id = ANY(%s)", sorted(scope.vehicles)),
        (
            "v.id IN (SELECT vehicle_id FROM task_management_task WHERE id = ANY(%s)"
            " AND status = 'created' AND deleted_at IS NULL)",
            sorted(scope.tasks),
        ),
    ]
    held = [(where, pks) for where, pks in named if pks]
    if not held and not scope.everything:
        return [], []
    any_of = ("TRUE", []) if scope.everything else (" OR ".join(w for w, _ in held), [pks for _, pks in held])
    wheres, params = [f"({any_of[0]})"], list(any_of[1])
    for where, pks in (("v.fleet_id = ANY(%s)", scope.sight.fleets), ("v.id = ANY(%s)", scope.sight.only)):
        if pks is not None:
            wheres.append(where)
            params.append(sorted(pks))
    return wheres, params


def _fetch(query: str, params: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [pk for (pk,) in cursor.fetchall()]
