"""Tell the world on ``fleet.telemetry.processed`` what the change batches say."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msg_pattern.bus import batched, get_bus
from msg_pattern.messages import Channel, Message, MessageType, now_text
from rules.pending import Side, pending_since
from rules.values import load_values
from vehicle_management.changes import RECORDED_AT_FIELD
from vehicle_management.models import ChangeBatch, Vehicle

VEHICLES_OF_A_MESSAGE = 500
BATCHES_AT_ONCE = 50

Names = dict[int, tuple[str, str | None]]


def publish_batches(pks: Sequence[int]) -> None:
    """Called by a lane just before its commit: told at least once, and in each vehicle's order."""
    bus = get_bus()
    if bus.has_listeners(Channel.TELEMETRY_PROCESSED):
        bus.publish_many(Channel.TELEMETRY_PROCESSED, _messages(pks))


def _messages(pks: Sequence[int]) -> Iterator[Message]:
    for start in range(0, len(pks), BATCHES_AT_ONCE):
        some = ChangeBatch.objects.select_related("cause").in_bulk(pks[start : start + BATCHES_AT_ONCE])
        names = _names(some.values())
        for pk in pks[start : start + BATCHES_AT_ONCE]:
            yield from _messages_of(some[pk], names)


def _messages_of(batch: ChangeBatch, names: Names) -> Iterator[Message]:
    # Whoever says again what is known changes nothing; a reading is told in any case.
    if batch.fields == [RECORDED_AT_FIELD] and batch.received is None:
        return
    for data in batched(_told(batch, names), VEHICLES_OF_A_MESSAGE):
        yield Message(MessageType.VEHICLE_CHANGED, data)


def _names(batches: Iterable[ChangeBatch]) -> Names:
    """By vehicle its id and that of its fleet."""
    named = Vehicle.all_objects.filter(pk__in={pk for batch in batches for pk in batch.vehicles})
    return {
        pk: (vehicle_id, fleet_id)
        for pk, vehicle_id, fleet_id in named.values_list("pk", "vehicle_id", "fleet__fleet_id")
    }


def _told(batch: ChangeBatch, names: Names) -> Iterator[dict[str, Any]]:
    """``{vehicle_id, fleet_id, recorded_at, cause, changes: {field: [before, after]}}`` per vehicle."""
    before, after = _sides(batch)
    for index, pk in enumerate(batch.vehicles):
        vehicle_id, fleet_id = names.get(pk, (None, None))
        at = batch.times[index] if batch.times else None
        yield {
            "vehicle_id": vehicle_id,
            "fleet_id": fleet_id,
            "recorded_at": at.isoformat().replace("+00:00", "Z") if at else now_text(),
            "cause": batch.told_cause(index),
            "changes": dict(_changes(batch.fields, before[index], after[index])),
        }


def _sides(batch: ChangeBatch) -> tuple[Side, Side]:
    """The values before and after, an item per vehicle."""
    nothing = [[None] * len(batch.fields)] * len(batch.vehicles)
    begins = batch.old is None and bool(batch.fields)
    return batch.old or nothing, _began_as(batch) if begins else batch.new or nothing


def _began_as(batch: ChangeBatch) -> Side:
    """What vehicles began as: what they are, less what later batches changed."""
    values = load_values(batch.vehicles, batch.fields, {})
    for later in pending_since(batch.lane, fields=batch.fields, vehicles=batch.vehicles, after=batch.pk):
        for pk, old in zip(later.vehicles, later.old or (), strict=False):
            if pk in values:
                values[pk].update(zip(later.fields, old, strict=True))
    return [[values.get(pk, {}).get(name) for name in batch.fields] for pk in batch.vehicles]


def _changes(
    fields: Sequence[str], before: Sequence[Any], after: Sequence[Any]
) -> Iterable[tuple[str, list[Any]]]:
    for name, old, new in zip(fields, before, after, strict=True):
        if old != new and name != RECORDED_AT_FIELD:
            yield name, [old, new]
