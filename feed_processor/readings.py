"""Readings on ``fleet.telemetry.raw`` into their table, and the vehicles' statuses forward with them.

One transaction stores a batch's readings, moves the statuses in event time, leaves the change batches
that rules and the map read, and parks what cannot be taken; then the entries are acknowledged. Given
twice, an entry changes nothing: a reading is its vehicle and its time, and the first one wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import Fleet
from api_pattern import metrics
from api_pattern.packing import packed
from msg_pattern.bus import Consumer, Entry
from msg_pattern.messages import Channel, MalformedMessage, Message
from telemetry.models import ParkedEntry
from telemetry.parking import park, parked
from telemetry.readings import BadReadings, Reading, from_ms, read_readings, to_ms
from telemetry.store import forget_days, make_days_of, storing_readings
from vehicle_management.reported import Moves, Report, fitted, load_known, lock_named
from vehicle_management.services import create_vehicles

_decode = msgspec.json.Decoder().decode
CAUSE = {"kind": "reading"}
# No reading is later.
NEVER_MS = 1 << 62
log = structlog.get_logger(__name__)
CHANNEL = str(Channel.TELEMETRY_RAW)


class Arrival:
    """What a history names where a vehicle made itself known."""

    def as_cause(self) -> dict[str, Any]:
        return CAUSE


class Told(NamedTuple):
    """A reading with the entry that it came in, and its place there."""

    entry: Entry
    place: int
    reading: Reading

    def at(self) -> datetime:
        """Readings without a time that came together are a millisecond apart, so that none hides another."""
        return self.reading.at or from_ms(self.entry.received_ms + self.place)


@dataclass
class Batch:
    told: list[Told] = field(default_factory=list)
    refused: list[ParkedEntry] = field(default_factory=list)
    unknown: list[ParkedEntry] = field(default_factory=list)


def take_readings(consumer: Consumer, entries: Sequence[Entry]) -> int:
    """Store what the entries say, then acknowledge them; answers how many readings were new."""
    batch = read_entries(entries)
    if settings.UNKNOWN_VEHICLES == "quarantine":
        take_into_quarantine({told.reading.vehicle_id for told in batch.told})
    with metrics.store_seconds.time():
        stored = _store_all(batch)
    consumer.acknowledge(entries)
    metrics.readings_drained.inc(len(batch.told))
    metrics.readings_accepted.labels("bus").inc(sum(not told.entry.sender for told in batch.told))
    metrics.readings_stored.inc(stored)
    metrics.readings_repeated.inc(len(batch.told) - stored)
    metrics.entries_parked.inc(len(batch.refused) + len(batch.unknown))
    return stored


def read_entries(entries: Sequence[Entry]) -> Batch:
    batch = Batch()
    for entry in entries:
        try:
            items = items_of(entry.data)
            readings = read_readings(items, now_ms=entry.received_ms)
        except MalformedMessage as error:
            batch.refused.append(parked(entry, CHANNEL, str(error)))
        except BadReadings:
            _read_each(batch, entry, items)
        else:
            batch.told += [Told(entry, place, reading) for place, reading in enumerate(readings)]
    return batch


def _read_each(batch: Batch, entry: Entry, items: Sequence[Any]) -> None:
    """What is good of an entry is taken, what is not is parked by itself."""
    for place, item in enumerate(items):
        try:
            (reading,) = read_readings([item], now_ms=entry.received_ms, path="")
        except BadReadings as error:
            name, messages = next(iter(error.errors.items()))
            reason = messages[0] if name == "body" else f"{name}: {messages[0]}"
            part = place if len(items) > 1 else None
            batch.refused.append(parked(entry, CHANNEL, reason, part=part, data=_data_of(item)))
        else:
            batch.told.append(Told(entry, place, reading))


def _data_of(item: Any) -> bytes:
    """As JSON again; nothing where that has no bottom, and the whole entry is kept instead."""
    try:
        return packed(item)
    except RecursionError:
        return b""


def items_of(data: bytes) -> list[Any]:
    """The readings of a message, or of bare data. Raises MalformedMessage."""
    try:
        found = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        found = None
    # Most bring bare readings; whatever else it is, the message's own reader tells.
    is_bare = isinstance(found, list) or (isinstance(found, dict) and "vehicle_id" in found)
    if not is_bare:
        found = Message.from_json(data).data
    if isinstance(found, dict) and isinstance(found.get("readings"), list):
        return found["readings"]
    return found if isinstance(found, list) else [found]


def take_into_quarantine(vehicle_ids: set[str]) -> None:
    """Make the vehicles that nobody knows, in the fleet that is for them."""
    with transaction.atomic():
        unknown = sorted(vehicle_ids - lock_named(vehicle_ids).keys())
        if unknown:
            fleet, _made = Fleet.objects.get_or_create(
                fleet_id=settings.QUARANTINE_FLEET, defaults={"fleet_name": _("Quarantine")}
            )
            create_vehicles(
                [{"vehicle_id": vehicle_id, "fleet": fleet} for vehicle_id in unknown], by=Arrival()
            )


def _store_all(batch: Batch) -> int:
    """One transaction, and with care once more: where a day's table was taken away that we thought was there,
    or readings are stored that the vehicle's status says nothing of."""
    times = [told.at() for told in batch.told]
    make_days_of(times)
    try:
        return _store_and_park(batch, with_care=False)
    except IntegrityError as error:
        log.warning("readings are stored with care", reason=str(error).strip()[:200])
    forget_days()
    make_days_of(times)
    return _store_and_park(batch, with_care=True)


@transaction.atomic
def _store_and_park(batch: Batch, *, with_care: bool) -> int:
    stored = _store(batch, with_care=with_care)
    park([*batch.refused, *batch.unknown])
    return stored


def _store(batch: Batch, *, with_care: bool) -> int:
    """Store the batch's readings and move the statuses; answers how many were new.

    ``with_care``: each is looked for, whatever the vehicle's status tells of the last one.
    """
    pks = lock_named(told.reading.vehicle_id for told in batch.told)
    known = load_known(pks.values())
    kept = [told for told in batch.told if told.reading.vehicle_id in pks]
    batch.unknown = [_unknown(told) for told in batch.told if told.reading.vehicle_id not in pks]
    reports = [_report(told, pks[told.reading.vehicle_id]) for told in kept]
    newest = {pk: to_ms(held.recorded_at) if held.recorded_at else None for pk, held in known.items()}
    if with_care:
        newest = dict.fromkeys(newest, NEVER_MS)
    values_fit, moves = fitted(reports), Moves(known)
    with storing_readings(reports, newest_ms=newest) as stored:
        late = moves.move(_those(stored, reports, values_fit))
    moves.store(cause=CAUSE)
    metrics.readings_late.inc(late)
    return len(stored)


def _those(
    stored: Sequence[Report], reports: Sequence[Report], values_fit: Sequence[Report]
) -> Sequence[Report]:
    """The stored ones of ``reports``, with the values that fit."""
    if values_fit is reports:
        return stored
    held = set(map(id, stored))
    return [fit for fit, report in zip(values_fit, reports, strict=True) if id(report) in held]


def _report(told: Told, vehicle: int) -> Report:
    at, entry = told.at(), told.entry
    return Report(vehicle, at, to_ms(at), told.reading.values, entry.received_ms, entry.sender)


def _unknown(told: Told) -> ParkedEntry:
    reading = told.reading
    reason = _("No vehicle “%(id)s” is known; make it first.") % {"id": reading.vehicle_id[:64]}
    at = told.at().isoformat()
    whole = {"vehicle_id": reading.vehicle_id, "timestamp": at, **reading.values}
    return parked(told.entry, CHANNEL, reason, part=told.place, data=packed(whole))
