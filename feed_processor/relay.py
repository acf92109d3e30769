"""Tell the world on ``fleet.telemetry.processed`` what the change batches say."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msg_pattern.bus import batched, get_bus
from msg_pattern.messages import Channel, Message, MessageType, now_text
from vehicle_management.models import ChangeBatch, Vehicle

VEHICLES_OF_A_MESSAGE = 500


def publish_batches(batches: Sequence[ChangeBatch]) -> None:
    """Called by a lane just before its commit: told at least once, and in each vehicle's order."""
    bus = get_bus()
    if bus.has_listeners(Channel.TELEMETRY_PROCESSED):
        bus.publish_many(Channel.TELEMETRY_PROCESSED, _messages(batches))


def _messages(batches: Sequence[ChangeBatch]) -> Iterator[Message]:
    for batch in batches:
        whole = ChangeBatch.objects.select_related("cause").get(pk=batch.pk)
        for data in batched(_told(whole), VEHICLES_OF_A_MESSAGE):
            yield Message(MessageType.VEHICLE_CHANGED, data)


def _told(batch: ChangeBatch) -> Iterator[dict[str, Any]]:
    """``{vehicle_id, fleet_id, recorded_at, cause, changes: {field: [before, after]}}`` per vehicle."""
    names = {
        pk: (vehicle_id, fleet_id)
        for pk, vehicle_id, fleet_id in Vehicle.all_objects.filter(pk__in=batch.vehicles).values_list(
            "pk", "vehicle_id", "fleet__fleet_id"
        )
    }
    for index, pk in enumerate(batch.vehicles):
        vehicle_id, fleet_id = names.get(pk, (None, None))
        at = batch.times[index] if batch.times else None
        yield {
            "vehicle_id": vehicle_id,
            "fleet_id": fleet_id,
            "recorded_at": at.isoformat().replace("+00:00", "Z") if at else now_text(),
            "cause": batch.cause.told(batch.rows[index] if batch.rows else None),
            "changes": dict(_changes(batch, index)),
        }


def _changes(batch: ChangeBatch, index: int) -> Iterable[tuple[str, list[Any]]]:
    before = batch.old[index] if batch.old else [None] * len(batch.fields)
    after = batch.new[index] if batch.new else [None] * len(batch.fields)
    for name, old, new in zip(batch.fields, before, after, strict=True):
        if old != new:
            yield name, [old, new]
