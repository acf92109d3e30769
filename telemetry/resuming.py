"""From where trips and stops are found again: a stop that what changed since leaves as it was."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Max, Min

from telemetry.models import Rollup, Stop, Trip
from telemetry.recorded import Recorded, at, load_readings
from telemetry.segments import USUAL, first_rest

# Nothing that a reading changes lies further away.
LOOK = timedelta(seconds=USUAL.stop_s + USUAL.gap_s)
DAY_WIDTH = 86_400
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
JUST_BEFORE = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Beginning:
    """Readings from ``start`` on. What was found later than ``after`` is made anew.

    ``stop`` goes on at the reading of place ``context``; without one it begins with the first reading.
    """

    start: datetime
    after: datetime
    recorded: Recorded
    stop: Stop | None = None
    context: int | None = None


def beginning_of(vehicle: int, since: datetime, *, most: int) -> Beginning:
    """Where to go on for what changed ``since``, with up to ``most`` readings."""
    oldest = _kept_since(vehicle)
    since = max(since, oldest)
    settled = Stop.objects.filter(vehicle=vehicle, started_at__gte=oldest, started_at__lte=since - LOOK)
    stop = settled.order_by("-started_at").first()
    if stop is not None:
        return _deep_within(stop, since - LOOK, most) or _at_its_start(stop, most)
    start = _first_found(vehicle, oldest, since)
    return Beginning(start, start - JUST_BEFORE, load_readings(vehicle, start, most=most))


def _deep_within(stop: Stop, end: datetime, most: int) -> Beginning | None:
    """Of a long stop only the last minutes before ``end`` are looked at again."""
    end = min(end, stop.ended_at or end)
    start = end - 2 * LOOK
    if start <= stop.started_at:
        return None
    recorded = load_readings(stop.vehicle_id, start, most=most)
    upto = bisect_right(recorded.samples, end, key=at) + 1
    context = first_rest(recorded.samples[:upto], start=start + LOOK, end=end)
    return None if context is None else Beginning(start, stop.started_at, recorded, stop, context)


def _at_its_start(stop: Stop, most: int) -> Beginning:
    start = stop.started_at - LOOK
    recorded = load_readings(stop.vehicle_id, start, most=most)
    context = bisect_left(recorded.samples, stop.started_at, key=at)
    if context == most:
        # So much in a quarter of an hour.
        recorded = load_readings(stop.vehicle_id, start)
        context = bisect_left(recorded.samples, stop.started_at, key=at)
    return Beginning(start, stop.started_at, recorded, stop, context)


def _first_found(vehicle: int, oldest: datetime, since: datetime) -> datetime:
    """Where nothing is settled before ``since``: from the first of all that is found and not archived."""
    trips = Trip.objects.filter(vehicle=vehicle, origin=Trip.Origin.FOUND)
    stops = Stop.objects.filter(vehicle=vehicle)
    firsts = (rows.filter(started_at__gte=oldest).aggregate(at=Min("started_at")) for rows in (trips, stops))
    # What is archived in part stays as it is.
    ended = trips.filter(started_at__lt=oldest).aggregate(at=Max("ended_at"))["at"]
    return max(min(since, *(first["at"] or since for first in firsts)), oldest, ended or BEGINNING)


def _kept_since(vehicle: int) -> datetime:
    """The end of the last day whose readings were archived: what was found until then stays as it is."""
    days = Rollup.objects.filter(width=DAY_WIDTH, vehicle=vehicle, archived=True)
    last = days.aggregate(last=Max("bucket"))["last"]
    return last + timedelta(days=1) if last else BEGINNING
