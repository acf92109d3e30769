"""Messages on ``fleet.telemetry.raw`` to statuses: what any other program says of a vehicle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from msg_pattern.bus import Consumer, Entry
from msg_pattern.messages import Channel, MalformedMessage, Message
from vehicle_management.models import Vehicle
from vehicle_management.recording import TOO_FAR_AHEAD
from vehicle_management.registry import check_attributes
from vehicle_management.services import StatusRow, record_statuses

log = structlog.get_logger(__name__)

CAUSE = {"kind": "message", "channel": str(Channel.TELEMETRY_RAW)}
NAMES = ("vehicle_id", "fleet_id")
TIMES = ("timestamp", "recorded_at")


class BadReading(ValueError):
    """A reading that cannot be taken; the message says why and what would be right."""


@dataclass(frozen=True)
class Reading:
    vehicle_id: str
    at: datetime | None
    values: dict[str, Any]


def take_readings(consumer: Consumer, entries: Sequence[Entry]) -> int:
    """Record what the entries say, then acknowledge them; answers how many readings were taken.

    An entry of which nothing can be taken is put aside with the reason. Given twice, it changes nothing.
    """
    read: list[tuple[Entry, list[Reading]]] = []
    refused: list[tuple[Entry, str]] = []
    for entry in entries:
        try:
            read.append((entry, _read(entry)))
        except (MalformedMessage, BadReading) as error:
            refused.append((entry, str(error)))
    known = _known_vehicles(reading.vehicle_id for _entry, readings in read for reading in readings)
    rows = [
        StatusRow(known[reading.vehicle_id], reading.values, reading.at)
        for _entry, readings in read
        for reading in readings
        if reading.vehicle_id in known
    ]
    if rows:
        record_statuses(rows, cause=CAUSE)
    for entry, reason in refused:
        _refuse(consumer, entry, reason)
    for entry, readings in read:
        _settle(
            consumer, entry, [reading.vehicle_id for reading in readings if reading.vehicle_id not in known]
        )
    return len(rows)


def _settle(consumer: Consumer, entry: Entry, unknown: Sequence[str]) -> None:
    if unknown:
        reason = _("No vehicle “%(id)s” is known; make it first.") % {"id": unknown[0][:64]}
        _refuse(consumer, entry, reason)
    else:
        consumer.acknowledge([entry])


def _refuse(consumer: Consumer, entry: Entry, reason: str) -> None:
    log.warning("reading refused", reason=reason, entry=entry.id)
    consumer.reject(entry, reason)


def _known_vehicles(ids: Iterator[str]) -> dict[str, int]:
    return dict(Vehicle.objects.filter(vehicle_id__in=set(ids)).values_list("vehicle_id", "pk"))


def _read(entry: Entry) -> list[Reading]:
    data = Message.from_json(entry.data).data
    return [parse_reading(item) for item in (data if isinstance(data, list) else [data])]


def parse_reading(item: Any) -> Reading:
    """``{vehicle_id, fleet_id?, timestamp?, attribute: value, …}``. Raises BadReading."""
    if not isinstance(item, dict):
        raise BadReading(_("A reading is a JSON object with a vehicle_id and attributes."))
    vehicle_id = item.get("vehicle_id")
    if not isinstance(vehicle_id, str) or not vehicle_id or "\x00" in vehicle_id:
        raise BadReading(_("A reading names its vehicle: vehicle_id is a text such as “fleet-001-VH-001”."))
    told = {name: value for name, value in item.items() if name not in (*NAMES, *TIMES)}
    try:
        values = check_attributes(told)
    except ValidationError as error:
        name, messages = (
            next(iter(error.message_dict.items())) if hasattr(error, "error_dict") else ("", error.messages)
        )
        raise BadReading(f"{name}: {messages[0]}" if name else messages[0]) from error
    return Reading(vehicle_id, _time_of(item), values)


def _time_of(item: dict[str, Any]) -> datetime | None:
    text = next((item[name] for name in TIMES if item.get(name) is not None), None)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        at = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        message = _("timestamp: “%(value)s” is not a time with an offset, such as 2026-01-31T14:05:00Z.")
        raise BadReading(message % {"value": str(text)[:64]}) from error
    if at > timezone.now() + TOO_FAR_AHEAD:
        raise BadReading(
            _("timestamp: “%(value)s” lies more than 5 minutes ahead.") % {"value": str(text)[:64]}
        )
    return at
