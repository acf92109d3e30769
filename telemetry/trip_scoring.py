"""The work on posted trips: claimed by one conditional update, done under a lease, and safe to be done twice."""

import gzip
import logging
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from api_pattern import metrics
from api_pattern.exceptions import Unprocessable
from msg_pattern.bus import BusError, Outgoing, get_bus
from msg_pattern.messages import Channel
from telemetry.models import Trip
from telemetry.readings import MOST_READINGS, OLDEST_DAYS, TIMES, to_ms
from telemetry.samples import Sample, distance_km, highest_speed_kmh, span_of, time_order
from telemetry.scans import note_changed
from telemetry.scoring import HARSH_BRAKING, RAPID_ACCEL, Score, Thresholds, score
from telemetry.trip_bodies import TripBody, read_trip

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A trip whose bell nobody heard is taken up by the sweep.
PATIENCE = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
MOST_ATTEMPTS = 5
AT_ONCE = 200
# The listener judges an entry's age when it came; this much earlier nothing is near the limit.
READINGS_BACK_TO = timedelta(days=OLDEST_DAYS - 1)
LEFT_OUT = frozenset(("vehicle_id", "fleet_id", *TIMES))
Status = Trip.Status


def thresholds() -> Thresholds:
    return Thresholds(settings.HARSH_BRAKING_G, settings.RAPID_ACCEL_G, settings.SCORE_PENALTY)


def told_thresholds(used: Thresholds) -> dict[str, float]:
    return {name: getattr(used, name) for name in used.__slots__}


def score_due_trips(limit: int = AT_ONCE) -> int:
    """Score what no bell woke and what somebody else began and did not finish; answers how many were tried."""
    now = timezone.now()
    unheard = Q(status=Status.PENDING, created_at__lte=now - PATIENCE)
    due = Trip.objects.filter(unheard | Q(status=Status.PROCESSING), _due(now), origin=Trip.Origin.POSTED)
    pks = list(due.order_by("created_at").values_list("pk", flat=True)[:limit])
    return sum(score_trip(pk) for pk in pks)


def score_trip(pk: Any) -> bool:
    """Score a posted trip that nobody works on; answers whether there was anything to do.

    Its samples that have times become plain readings first. Whoever loses the lease writes nothing.
    """
    trip = _claim(pk)
    if trip is None:
        return False
    try:
        _work(trip)
    except BusError as error:
        # No fault of the trip: it is not counted as an attempt.
        _release(trip, str(error), attempts=trip.attempts - 1)
    except Unprocessable as error:
        _fail(trip, error.detail)
    except (OperationalError, InterfaceError):
        # Nothing can be noted; the sweep comes back when the lease is over.
        raise
    except Exception as error:
        logger.exception("trip %s cannot be scored at attempt %s", trip.pk, trip.attempts)
        _give_up_or_release(trip, f"{type(error).__name__}: {error}")
    return True


def _due(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lte=now)


def _claim(pk: Any) -> Trip | None:
    now = timezone.now()
    waiting = Trip.objects.filter(
        _due(now), pk=pk, origin=Trip.Origin.POSTED, status__in=(Status.PENDING, Status.PROCESSING)
    )
    claimed = waiting.update(status=Status.PROCESSING, attempts=F("attempts") + 1, lease_until=now + LEASE)
    trip = Trip.objects.select_related("vehicle").get(pk=pk) if claimed else None
    if trip is not None and trip.attempts > MOST_ATTEMPTS:
        _fail(trip, _("Scoring broke off %(n)d times; it was given up.") % {"n": MOST_ATTEMPTS})
        return None
    return trip


def _work(trip: Trip) -> None:
    body = read_stored(trip)
    _hand_on(trip, body)
    with transaction.atomic():
        if _write(trip, status=Status.COMPLETED, reason="", scored_at=timezone.now(), **judged(body.samples)):
            _tell_finder(trip)
            transaction.on_commit(metrics.trips_scored.labels("completed").inc)


def read_stored(trip: Trip) -> TripBody:
    """The body as it was posted. Raises Unprocessable where it cannot be read any more."""
    if trip.body is None:
        raise Unprocessable(_("The trip's body is gone."))
    try:
        body = msgspec.json.decode(gzip.decompress(trip.body))
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise Unprocessable(_("The stored body cannot be read: %(why)s") % {"why": error}) from error
    return read_trip(body, now=trip.created_at)


def judged(samples: list[Sample]) -> dict[str, Any]:
    """What a trip's row says of its samples."""
    used = thresholds()
    ordered = [samples[place] for place in time_order(samples)]
    span = span_of(samples)
    return {
        "started_at": span and span[0],
        "ended_at": span and span[1],
        "duration_s": span and (span[1] - span[0]).total_seconds(),
        "distance_km": distance_km(ordered),
        "max_speed_kmh": highest_speed_kmh(samples),
        "samples": len(samples),
        "thresholds": told_thresholds(used),
        **told_score(score(samples, used)),
    }


def told_score(found: Score) -> dict[str, Any]:
    return {
        "safety_score": found.safety_score,
        "harsh_braking_count": found.harsh_braking_count,
        "rapid_accel_count": found.rapid_accel_count,
        "harsh_braking_episodes": found.episodes(HARSH_BRAKING),
        "rapid_accel_episodes": found.episodes(RAPID_ACCEL),
        "events": [event.told() for event in found.events],
    }


def _hand_on(trip: Trip, body: TripBody) -> None:
    """Samples with times onto the channel of readings; one that came so before counts once. Raises BusError."""
    if trip.vehicle.deleted_at is not None:
        return
    oldest, vehicle_id = trip.created_at - READINGS_BACK_TO, trip.vehicle.vehicle_id
    readings = [
        {"vehicle_id": vehicle_id, "timestamp": sample.at, **_values(item)}
        for item, sample in zip(body.items, body.samples, strict=True)
        if sample.at is not None and sample.at >= oldest
    ]
    received_ms = to_ms(trip.created_at)
    for start in range(0, len(readings), MOST_READINGS):
        data = msgspec.json.encode(readings[start : start + MOST_READINGS])
        get_bus().append(
            Channel.TELEMETRY_RAW, [Outgoing(data, vehicle_id, sender=trip.sender, received_ms=received_ms)]
        )


def _values(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in LEFT_OUT}


# ---------------------------------------------------------------- how it ends


def _fail(trip: Trip, reason: str) -> None:
    with transaction.atomic():
        if _write(trip, status=Status.FAILED, reason=reason):
            _tell_finder(trip)
            transaction.on_commit(metrics.trips_scored.labels("failed").inc)


def _give_up_or_release(trip: Trip, why: str) -> None:
    if trip.attempts >= MOST_ATTEMPTS:
        told = _("Given up after %(n)d attempts: %(why)s")
        _fail(trip, told % {"n": trip.attempts, "why": why[:1_000]})
    else:
        _release(trip, why, attempts=trip.attempts)


def _release(trip: Trip, why: str, *, attempts: int) -> None:
    wait = min(timedelta(seconds=5 * 2**attempts), LONGEST_WAIT)
    logger.warning("trip %s waits: %s", trip.pk, why)
    _write(trip, status=Status.PENDING, lease_until=timezone.now() + wait, attempts=attempts)


def _write(trip: Trip, **values: Any) -> int:
    held = Trip.objects.filter(pk=trip.pk, status=Status.PROCESSING, attempts=trip.attempts)
    return held.update(**{"lease_until": None, **values})


def _tell_finder(trip: Trip) -> None:
    """What was found in the readings of this time gives way to a posted trip, and comes back for a failed one."""
    if trip.started_at is not None:
        note_changed([(trip.vehicle_id, trip.started_at)])
