"""What a rule would find at once if it were stored now. Nothing is stored or done."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.models import Fleet
from rules.checks import NamedScope
from rules.machine import Machine, Report, State
from rules.moments import ms_of, now_ms
from rules.patterns import parse
from rules.table import attribute_table
from rules.values import load_values
from task_management.models import Task
from vehicle_management.models import Vehicle

RECORDED_AT = "recorded_at"
MOST_LOOKED_AT = 20_000
AT_ONCE = 5_000


@dataclass(frozen=True)
class Outlook:
    """``true`` of ``looked_at`` vehicles meet the pattern now; ``watched`` are in the scope."""

    watched: int
    looked_at: int
    true: int


def outlook(pattern: Any, scope: NamedScope, *, by: Actor) -> Outlook:
    """For a checked pattern and scope, of the vehicles that ``by`` sees."""
    node, _errors = parse(pattern, attribute_table())
    machine, now = Machine(node), now_ms()
    fleet_ids = dict(Fleet.all_objects.values_list("pk", "fleet_id"))
    vehicles = _watched(scope, by)
    pks = vehicles.order_by("pk").values_list("pk", flat=True)[:MOST_LOOKED_AT].iterator(AT_ONCE)
    looked_at = true = 0
    while chunk := list(islice(pks, AT_ONCE)):
        found = load_values(chunk, machine.keys | {RECORDED_AT}, fleet_ids)
        looked_at += len(found)
        true += sum(_is_true(machine, values, now) for values in found.values())
    watched = vehicles.count() if looked_at == MOST_LOOKED_AT else looked_at
    return Outlook(watched, looked_at, true)


def _is_true(machine: Machine, values: dict[str, Any], now: int) -> bool:
    """As the rule would find the vehicle when it begins: what has to last begins then."""
    state, heard = State(), ms_of(values[RECORDED_AT])
    machine.see(state, Report(values, values, at=now, heard=heard, heard_before=None))
    return state.is_true


def _watched(scope: NamedScope, by: Actor) -> QuerySet[Vehicle]:
    seen = Vehicle.objects.visible_to(by)
    if scope.everything:
        return seen
    of_tasks = Task.objects.open().filter(pk__in=scope.pks["tasks"]).values("vehicle")
    return seen.filter(
        Q(fleet__in=scope.pks["fleets"])
        | Q(customer__in=scope.pks["customers"])
        | Q(pk__in=scope.pks["vehicles"])
        | Q(pk__in=of_tasks)
    )
