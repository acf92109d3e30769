"""Trips and stops found again where readings changed: from the last stop that the change leaves as it was.

Whoever rolls readings up notes the vehicles and since when their readings changed (``note_changed``). One
process at a time works on a vehicle; what is noted meanwhile stays noted.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from telemetry.found import write_found
from telemetry.models import Trip, TripScan
from telemetry.recorded import at, load_readings
from telemetry.resuming import LOOK, beginning_of
from telemetry.samples import Sample
from telemetry.scans import note_changed as note_changed
from telemetry.segments import USUAL, Segment, find_segments
from vehicle_management.models import Vehicle

GAP = timedelta(seconds=USUAL.gap_s)
# With a vehicle's key: one process finds its trips.
LOCK = 7_140
MOST_READINGS = 50_000
AT_ONCE = 500
LONGEST_TURN_S = 20.0


def find_due(*, now: datetime | None = None, limit: int = AT_ONCE) -> int:
    """Find what is noted, longest noted first, and end the trips of vehicles that fell silent.

    Answers how many vehicles were looked at. What takes longer than a turn stays noted for the next one.
    """
    now = now or timezone.now()
    note_changed(_silent(now))
    end, count = time.monotonic() + LONGEST_TURN_S, 0
    for vehicle in TripScan.objects.order_by("changed_at").values_list("vehicle", flat=True)[:limit]:
        has_more = time.monotonic() < end
        count += has_more
        while has_more and time.monotonic() < end:
            has_more = find_again(vehicle, now=now)
    return count


def _silent(now: datetime) -> Iterator[tuple[int, datetime]]:
    """Vehicles whose trip is open though they told nothing for long, with the times of their last readings."""
    under_way = Trip.objects.filter(origin=Trip.Origin.FOUND, status=Trip.Status.PROCESSING)
    rows: Any = under_way.values_list("vehicle", "started_at", "duration_s")
    for vehicle, started_at, duration_s in rows:
        last = started_at + timedelta(seconds=duration_s)
        if now - last > GAP:
            yield vehicle, last


@transaction.atomic
def find_again(vehicle: int, *, now: datetime) -> bool:
    """Find the trips and stops of the vehicle (by key) since its readings changed.

    Answers whether there is more to do at once: a long time is worked through in several turns.
    """
    scan = TripScan.objects.filter(vehicle=vehicle).first() if _is_mine(vehicle) else None
    if scan is None:
        return False
    # The statements from here on see all that was noted by now; a note that comes later changes the row.
    exists = Vehicle.all_objects.filter(pk=vehicle).exists()
    goes_on_at = _find_since(vehicle, scan.since, now) if exists else None
    noted = TripScan.objects.filter(vehicle=vehicle, changed_at=scan.changed_at)
    if goes_on_at is None:
        noted.delete()
        return False
    return bool(noted.update(since=goes_on_at))


def _is_mine(vehicle: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, vehicle])
        return bool(cursor.fetchone()[0])


def _find_since(vehicle: int, since: datetime, now: datetime) -> datetime | None:
    """Answers since when there is more, or None where all is found."""
    begin = beginning_of(vehicle, since, most=MOST_READINGS)
    samples = begin.recorded.samples
    segments = find_segments(samples, now=now, context=begin.context)
    if len(samples) >= MOST_READINGS:
        goes_on_at = next((one for one in _settled(samples, segments) if one > since), None)
        if goes_on_at is not None:
            until = goes_on_at - LOOK
            kept = [one for one in segments if at(samples[one.first]) <= until]
            write_found(vehicle, begin, kept, until=until)
            return goes_on_at
        # A drive of days without a stop.
        begin = replace(begin, recorded=load_readings(vehicle, begin.start))
        segments = find_segments(begin.recorded.samples, now=now, context=begin.context)
    write_found(vehicle, begin, segments)
    return None


def _settled(samples: Sequence[Sample], segments: Sequence[Segment]) -> Iterator[datetime]:
    """Since when to go on, so that a stop is gone on from that further readings leave as it is; latest first."""
    last = at(samples[-1])
    for one in reversed(segments):
        if one.kind == "STOP" and not one.is_closed and at(samples[one.first]) <= last - 2 * LOOK:
            yield last
        if one.kind == "STOP" and one.is_closed and at(samples[one.last]) <= last - LOOK:
            yield at(samples[one.first]) + LOOK
