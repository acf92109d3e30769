"""What cannot be taken is parked with the reason, and may be tried again."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from msg_pattern.bus import Entry, Outgoing, get_bus
from telemetry.models import ParkedEntry
from telemetry.readings import from_ms


def parked(
    entry: Entry, channel: str, reason: str, *, part: int | None = None, data: bytes = b""
) -> ParkedEntry:
    """An entry, or the ``part`` of it that is at fault, as it will be stored."""
    return ParkedEntry(
        channel=channel,
        entry=entry.id if part is None else f"{entry.id}[{part}]",
        data=data or entry.data,
        reason=reason.replace("\x00", "␀"),
        sender=entry.sender[:100],
        # A part without a time of its own is of the millisecond that it had among the others.
        received_at=from_ms(entry.received_ms + (part or 0)),
    )


def park(entries: Sequence[ParkedEntry]) -> None:
    """Once, however often the same is given."""
    ParkedEntry.objects.bulk_create(entries, ignore_conflicts=True, batch_size=500)


@transaction.atomic
def retry_parked(entries: Iterable[ParkedEntry]) -> int:
    """Put entries onto their channels again and forget them; answers how many.

    What still cannot be taken comes back with its reason. Raises BusError where the bus is away: then
    all stay parked.
    """
    held = list(ParkedEntry.objects.select_for_update().filter(pk__in=[entry.pk for entry in entries]))
    for entry in held:
        received_ms = int(entry.received_at.timestamp() * 1000)
        outgoing = Outgoing(bytes(entry.data), sender=entry.sender, received_ms=received_ms)
        get_bus().append(entry.channel, [outgoing])
    ParkedEntry.objects.filter(pk__in=[entry.pk for entry in held]).delete()
    return len(held)
