"""What every change of a vehicle leaves: its history, the change batch, and the bell."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Cause
from msg_pattern.bus import get_bus
from msg_pattern.messages import Channel, Message, MessageType
from vehicle_management.models import LANES, ChangeBatch, VehicleChange

BATCH_VEHICLES = 5_000
# Rules may ask when a vehicle was last heard of; its history and the world are told that time anyhow.
RECORDED_AT_FIELD = "recorded_at"


@dataclass(frozen=True)
class Change:
    """One vehicle's change: ``fields`` maps a batch's field name to ``(before, after)``, both plain JSON."""

    vehicle: int
    fields: dict[str, tuple[Any, Any]]
    row: int | None = None
    at: datetime | None = None


def lane_of(vehicle: int) -> int:
    return vehicle % LANES


def lock_vehicles(pks: Iterable[int]) -> None:
    """Lock vehicles in the order of their keys, so that two doors never wait for each other.

    Whoever leaves a batch holds these locks before its id is drawn: a vehicle's batches are then
    numbered in the order in which they commit.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM vehicle_management_vehicle WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sorted(set(pks))],
        )


def leave(changes: Sequence[Change], *, cause: Cause, with_history: bool = True) -> None:
    """Write history and batches of ``changes`` (in event order per vehicle), and ring after the commit."""
    if with_history:
        _write_history(changes, cause)
    batches = list(_batches(changes, cause))
    # One by one in order: a vehicle that changes twice has its changes in two batches, the earlier first.
    ChangeBatch.objects.bulk_create(batches)
    ring(batch.lane for batch in batches)


def ring(lanes: Iterable[int]) -> None:
    """Tell the listeners, after the commit, which lanes have work. They sweep for what no bell told."""
    data = {"lanes": sorted(set(lanes))}
    transaction.on_commit(lambda: _publish_bell(data), robust=True)


def _publish_bell(data: dict[str, Any]) -> None:
    get_bus().publish(Channel.CHANGES, Message(MessageType.CHANGES_COMMITTED, data))


def _write_history(changes: Sequence[Change], cause: Cause) -> None:
    now = timezone.now()
    told = (
        (change, {name: list(pair) for name, pair in change.fields.items() if name != RECORDED_AT_FIELD})
        for change in changes
    )
    VehicleChange.objects.bulk_create(
        VehicleChange(
            vehicle_id=change.vehicle,
            at=change.at or now,
            cause=cause,
            cause_row=change.row,
            changes=fields,
        )
        for change, fields in told
        if fields
    )


def _batches(changes: Sequence[Change], cause: Cause) -> Iterable[ChangeBatch]:
    """Batches whose changes share a lane and their fields' names; a vehicle's changes stay in order."""
    waves: dict[tuple[int, int, tuple[str, ...]], list[Change]] = defaultdict(list)
    wave_of: dict[int, int] = defaultdict(int)
    for change in changes:
        waves[wave_of[change.vehicle], lane_of(change.vehicle), tuple(sorted(change.fields))].append(change)
        wave_of[change.vehicle] += 1
    for (_, lane, fields), held in sorted(waves.items()):
        for start in range(0, len(held), BATCH_VEHICLES):
            yield _batch(lane, fields, held[start : start + BATCH_VEHICLES], cause)


def _batch(lane: int, fields: tuple[str, ...], changes: Sequence[Change], cause: Cause) -> ChangeBatch:
    return ChangeBatch(
        lane=lane,
        cause=cause,
        fields=list(fields),
        vehicles=[change.vehicle for change in changes],
        rows=[change.row for change in changes] if any(change.row for change in changes) else None,
        times=[change.at for change in changes] if any(change.at for change in changes) else None,
        old=[[change.fields[name][0] for name in fields] for change in changes] if fields else None,
        new=[[change.fields[name][1] for name in fields] for change in changes] if fields else None,
    )
