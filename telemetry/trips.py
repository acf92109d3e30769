"""Trips as they are posted: checked, stored, and answered; the score comes after."""

import gzip
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.fleets import refuse_fleet
from accounts.models import Cause
from api_pattern.exceptions import Unprocessable
from telemetry.acceptance import sender_as
from telemetry.exceptions import TripConflict
from telemetry.models import Trip
from telemetry.samples import span_of
from telemetry.tasks import ring_for_trip
from telemetry.trip_bodies import TripBody, read_trip
from vehicle_management.models import Vehicle

LONGEST_KEY = 255
# A tenth of the bytes in a fiftieth of the time that the best level takes.
GZIP_LEVEL = 3


def submit_trip(body: dict[str, Any], raw: bytes, actor: Actor, idempotency_key: str | None) -> Trip:
    """Store a posted trip to be scored; ``raw`` is the ``body`` as it came, without its gzip.

    The same sender's same key and body answer the same trip. Raises Unprocessable by path, FleetForbidden,
    and TripConflict where the key was used for another body. Whether the actor may send is the caller's.
    """
    sender, digest = sender_as(actor).name, sha256(raw).hexdigest()
    key = _checked_key(idempotency_key)
    earlier = _posted_before(sender, key, digest)
    if earlier is not None:
        return earlier
    read = read_trip(body, now=timezone.now())
    vehicle = _vehicle(read, actor)
    try:
        with transaction.atomic():
            return _store(read, raw, vehicle=vehicle, actor=actor, sender=sender, key=key, digest=digest)
    except IntegrityError:
        # The same was posted at the same time.
        earlier = _posted_before(sender, key, digest)
        if earlier is None:
            raise
        return earlier


def score_again(trips: Iterable[Trip]) -> int:
    """Try failed ones once more; answers how many there were."""
    count = 0
    for trip in trips:
        failed = Trip.objects.filter(pk=trip.pk, status=Trip.Status.FAILED, origin=Trip.Origin.POSTED)
        with transaction.atomic():
            if failed.update(status=Trip.Status.PENDING, attempts=0, lease_until=None, reason=""):
                ring_for_trip(trip.pk)
                count += 1
    return count


def _checked_key(key: str | None) -> str | None:
    if key is None or (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        return key
    message = _("An Idempotency-Key has 1 to 255 printable characters.")
    raise Unprocessable(f"Idempotency-Key: {message}", {"Idempotency-Key": [message]})


def _posted_before(sender: str, key: str | None, digest: str) -> Trip | None:
    """Raises TripConflict where the sender used the key for another body."""
    if key is None:
        return None
    earlier = Trip.objects.filter(sender=sender, idempotency_key=key).defer("body").first()
    if earlier is not None and earlier.body_sha256 != digest:
        told = _("The Idempotency-Key “%(key)s” was used for another trip; a new trip needs a new one.")
        raise TripConflict(told % {"key": key})
    return earlier


def _vehicle(read: TripBody, actor: Actor) -> Vehicle:
    if read.fleet_id is not None and not actor.is_administrator and read.fleet_id not in actor.fleets_by_id:
        refuse_fleet(read.fleet_id)
    seen = Vehicle.objects.visible_to(actor).select_related("fleet")
    vehicle = seen.filter(vehicle_id=read.vehicle_id).first()
    if vehicle is None:
        told = _("No vehicle “%(id)s” is known; make it first.") % {"id": read.vehicle_id}
        raise Unprocessable(f"vehicle_id: {told}", {"vehicle_id": [told]})
    if read.fleet_id is not None and (vehicle.fleet is None or vehicle.fleet.fleet_id != read.fleet_id):
        told = _("Vehicle “%(id)s” does not belong to fleet “%(fleet)s”.")
        told %= {"id": read.vehicle_id, "fleet": read.fleet_id}
        raise Unprocessable(f"fleet_id: {told}", {"fleet_id": [told]})
    return vehicle


def _store(
    read: TripBody, raw: bytes, *, vehicle: Vehicle, actor: Actor, sender: str, key: str | None, digest: str
) -> Trip:
    span = span_of(read.samples)
    trip = Trip.objects.create(
        vehicle=vehicle,
        driver_id=read.driver_id,
        cause=Cause.of(actor.as_cause()),
        sender=sender,
        idempotency_key=key,
        body=gzip.compress(raw, GZIP_LEVEL, mtime=0),
        body_sha256=digest,
        started_at=span and span[0],
        ended_at=span and span[1],
        samples=len(read.samples),
    )
    ring_for_trip(trip.pk)
    return trip
