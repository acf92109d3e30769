"""Whether readings may come in from a sender, and what then goes onto the bus. One judgement for every way in."""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from accounts.actors import Actor
from accounts.fleets import refuse_fleet
from api_pattern.exceptions import TooManyAttempts, Unavailable, Unprocessable
from api_pattern.problems import sentence
from msg_pattern.bus import Bus, Outgoing, get_bus
from msg_pattern.messages import Channel
from telemetry.bodies import Body
from telemetry.readings import AHEAD_MS, BadReadings, Faults, Reading, read_known, read_readings
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import Vehicle

GROUP = "feed"
LOOKED_AT_EVERY_S = 0.5
MEGABYTE = 1 << 20
MOST_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, until ``ends_at`` (seconds since 1970).

    ``fleets`` are the ids of those that it is limited to (None: all), ``vehicle`` is the only one.
    """

    name: str
    may_send: bool
    fleets: frozenset[str] | None
    vehicle: str | None = None
    ends_at: float = math.inf

    @property
    def is_over(self) -> bool:
        return time.time() >= self.ends_at


def sender_as(actor: Actor) -> Sender:
    """An actor as a sender: keys that may ingest or write, managers and administrators send."""
    key = actor.key
    if key is not None:
        may_send = not {"ingest", "write"}.isdisjoint(key.scopes)
        fleets = frozenset(actor.fleets_by_id)
        is_limited = bool(fleets) or key.vehicle_id is None
        ends_at = key.expires_at.timestamp() if key.expires_at else math.inf
        return Sender(f"key:{key.pk}", may_send, fleets if is_limited else None, key.vehicle_id, ends_at)
    own = None if actor.is_administrator else frozenset(actor.fleets_by_id)
    return Sender(f"user:{getattr(actor.user, 'pk', 0)}", actor.can_write, own)


def refuse_who_may_not(sender: Sender) -> None:
    if not sender.may_send:
        raise PermissionDenied(
            _("This needs a key with the scope ingest or write, or the role of a manager or administrator.")
        )


def fleets_of(vehicle_ids: Sequence[str]) -> dict[str, str | None]:
    """The vehicles that there are, with the ids of their fleets."""
    found = Vehicle.objects.filter(vehicle_id__in=vehicle_ids)
    return dict(found.values_list("vehicle_id", "fleet__fleet_id"))


def read_all(body: Body, *, now_ms: int) -> list[Reading]:
    """The body's readings; values stay with the body. Raises Unprocessable that names each faulty field."""
    if body.known and (readings := read_known(body.known, now_ms=now_ms)) is not None:
        return readings
    try:
        return read_readings(body.items, now_ms=now_ms, path=body.path)
    except BadReadings as error:
        raise Unprocessable(sentence(error.errors), error.errors) from error


def judge(
    readings: Sequence[Reading], sender: Sender, fleets: Mapping[str, str | None], *, path: str
) -> None:
    """Refuse the whole batch where any vehicle is not the sender's.

    ``fleets`` tells the vehicles that there are, with their fleets. Raises FleetForbidden for a foreign
    fleet that is named, Unprocessable for vehicles, VehicleConflict where a quarantine would hide one.
    """
    errors: Faults = {}
    for index, reading in enumerate(readings):
        if (
            reading.fleet_id is not None
            and sender.fleets is not None
            and reading.fleet_id not in sender.fleets
        ):
            refuse_fleet(reading.fleet_id)
        fault = _fault(reading, sender, fleets)
        if fault:
            field, message = fault
            place = path.format(index)
            errors[f"{place}.{field}" if place else field] = [message]
    if errors:
        raise Unprocessable(sentence(errors), errors)


def _fault(reading: Reading, sender: Sender, fleets: Mapping[str, str | None]) -> tuple[str, str] | None:
    vehicle_id = reading.vehicle_id
    is_known = vehicle_id in fleets
    fleet = fleets.get(vehicle_id)
    if sender.vehicle is not None and vehicle_id != sender.vehicle:
        return "vehicle_id", _unknown(vehicle_id)
    if is_known and (sender.fleets is None or fleet in sender.fleets or _is_quarantine(fleet)):
        if reading.fleet_id not in (None, fleet) and not _is_quarantine(fleet):
            told = _("Vehicle “%(id)s” does not belong to fleet “%(fleet)s”.")
            return "fleet_id", told % {"id": vehicle_id, "fleet": reading.fleet_id[:64]}
        return None
    if settings.UNKNOWN_VEHICLES != "quarantine":
        return "vehicle_id", _unknown(vehicle_id)
    if is_known:
        raise VehicleConflict(_("Vehicle id {id} is in use already.").format(id=vehicle_id))
    return None


def _is_quarantine(fleet: str | None) -> bool:
    return settings.UNKNOWN_VEHICLES == "quarantine" and fleet == settings.QUARANTINE_FLEET


def _unknown(vehicle_id: str) -> str:
    return _("No vehicle “%(id)s” is known; make it first.") % {"id": vehicle_id[:64]}


def outgoing(
    body: Body, readings: Sequence[Reading], *, sender: Sender, now_ms: int, shards: int
) -> list[Outgoing]:
    """The body as entries: one, or, where the bus keeps keys apart, one per vehicle."""
    untimed = {reading.vehicle_id for reading in readings if reading.at is None}
    received_ms = receipts.give(untimed, len(readings), now_ms)
    if shards == 1 or len(readings) == 1:
        return [Outgoing(body.data, readings[0].vehicle_id, sender.name, received_ms)]
    by_vehicle: dict[str, list[object]] = defaultdict(list)
    for reading, item in zip(readings, body.items, strict=True):
        by_vehicle[reading.vehicle_id].append(item)
    return [
        Outgoing(msgspec.json.encode(items), vehicle_id, sender.name, received_ms)
        for vehicle_id, items in by_vehicle.items()
    ]


class RateLimit:
    """Readings per second of each sender, with as many at once after a pause."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, sender: Sender, count: int) -> None:
        """Raises TooManyAttempts, which takes nothing."""
        rate = settings.TELEMETRY_RATE_PER_KEY
        now = time.monotonic()
        with self._lock:
            left, at = self._left.get(sender.name, (float(rate), now))
            left = min(float(rate), left + (now - at) * rate)
            if count > left and left < rate:
                wait = max(1, round((min(count, rate) - left) / rate))
                told = _("More than %(rate)s readings a second came from you; try again in %(wait)d s.")
                raise TooManyAttempts(told % {"rate": f"{rate:,}", "wait": wait}, wait)
            self._left[sender.name] = (left - count, now)


class BacklogGauge:
    """Whether the bus still takes readings; looked at twice a second at most."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._is_full = False

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._looked_at > LOOKED_AT_EVERY_S

    def look(self, bus: Bus) -> None:
        self._looked_at = time.monotonic()
        size = bus.backlog(Channel.TELEMETRY_RAW, group=GROUP).size
        self._is_full = size > settings.TELEMETRY_BACKLOG_MB * MEGABYTE

    def refuse_when_full(self) -> None:
        if self._is_full:
            raise Unavailable(_("More readings wait than may; send this again in a while."))


class Receipts:
    """When readings that tell no time came: each of a vehicle's has a millisecond of its own."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._lock = threading.Lock()

    def give(self, untimed: Collection[str], count: int, now_ms: int) -> int:
        """When the first of ``count`` readings came, of which the vehicles ``untimed`` tell no time.

        The others are of the milliseconds after it.
        """
        if not untimed:
            return now_ms
        with self._lock:
            if len(self._last) > MOST_REMEMBERED:
                self._last = {vehicle: last for vehicle, last in self._last.items() if last >= now_ms}
            begin = max(now_ms, *(self._last.get(vehicle, 0) + 1 for vehicle in untimed))
            # Who says more than one a millisecond for minutes says the same time twice.
            begin = min(begin, now_ms + AHEAD_MS // 2)
            self._last.update(dict.fromkeys(untimed, begin + count - 1))
        return begin


receipts = Receipts()
rates = RateLimit()
backlog = BacklogGauge()


def accept(body: Body, actor: Actor) -> int:
    """Take the body's readings onto the bus; answers how many. The plain way, for views and adapters."""
    sender = sender_as(actor)
    refuse_who_may_not(sender)
    now_ms = time.time_ns() // 1_000_000
    readings = read_all(body, now_ms=now_ms)
    judge(readings, sender, fleets_of([one.vehicle_id for one in readings]), path=body.path)
    rates.take(sender, len(readings))
    bus = get_bus()
    if backlog.is_due:
        backlog.look(bus)
    backlog.refuse_when_full()
    bus.append(
        Channel.TELEMETRY_RAW, outgoing(body, readings, sender=sender, now_ms=now_ms, shards=bus.shards)
    )
    return len(readings)
