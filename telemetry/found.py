"""What is found in readings, written down: rows that did not change keep their ids."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median_low
from typing import Any

from django.db.models import Q
from django.utils import timezone

from telemetry.models import MICRODEGREES, Stop, Trip
from telemetry.recorded import at
from telemetry.resuming import Beginning
from telemetry.segments import USUAL, Segment
from telemetry.trip_bodies import LONGEST_ID
from telemetry.trip_scoring import judged

WRITTEN = (
    "driver_id",
    "status",
    "ended_at",
    "duration_s",
    "distance_km",
    "max_speed_kmh",
    "samples",
    "safety_score",
    "harsh_braking_count",
    "rapid_accel_count",
    "harsh_braking_episodes",
    "rapid_accel_episodes",
    "events",
    "thresholds",
    "scored_at",
)
# The middle of so many fixes is as good as that of all.
FIXES_OF_A_STOP = 1_000
SHORTEST_STOP = timedelta(seconds=USUAL.off_s)
Span = tuple[datetime, datetime]


def write_found(
    vehicle: int, begin: Beginning, segments: Sequence[Segment], *, until: datetime | None = None
) -> None:
    """Make the vehicle's found trips and stops later than ``begin.after``, up to ``until``, what ``segments`` say.

    What a posted trip tells of is left out: trips that overlap it, and stops within it.
    """
    if not segments:
        return
    writer = _Writer(vehicle, begin, until)
    stops = [one for one in segments if one.kind == "STOP"]
    if begin.stop is not None:
        # The first one goes on with it.
        writer.go_on(begin.stop, stops.pop(0))
    writer.write_stops(stops)
    writer.write_trips([one for one in segments if one.kind == "TRIP"])


class _Writer:
    def __init__(self, vehicle: int, begin: Beginning, until: datetime | None) -> None:
        self.vehicle, self.recorded = vehicle, begin.recorded
        self.span = Q(vehicle=vehicle, started_at__gt=begin.after)
        if until is not None:
            self.span &= Q(started_at__lte=until)
        self.posted = list(_posted(vehicle, begin.after))

    def started_at(self, segment: Segment) -> datetime:
        return at(self.recorded.samples[segment.first])

    def ended_at(self, segment: Segment) -> datetime | None:
        return at(self.recorded.samples[segment.last]) if segment.is_closed else None

    # ------------------------------------------------------------ stops

    def go_on(self, stop: Stop, segment: Segment) -> None:
        """What was open and ended at once is no stop."""
        ended_at = self.ended_at(segment)
        if ended_at is not None and ended_at - stop.started_at < SHORTEST_STOP:
            stop.delete()
        else:
            self.end_stop(stop, segment)

    def end_stop(self, stop: Stop, segment: Segment) -> None:
        ended_at = self.ended_at(segment)
        if stop.ended_at != ended_at:
            Stop.objects.filter(pk=stop.pk).update(ended_at=ended_at)

    def write_stops(self, segments: Sequence[Segment]) -> None:
        wanted = {self.started_at(one): one for one in segments if not self._is_within_posted(one)}
        held = {stop.started_at: stop for stop in Stop.objects.filter(self.span)}
        Stop.objects.filter(pk__in=[stop.pk for start, stop in held.items() if start not in wanted]).delete()
        for start in wanted.keys() & held.keys():
            self.end_stop(held[start], wanted[start])
        Stop.objects.bulk_create(self._stop(start, one) for start, one in wanted.items() if start not in held)

    def _stop(self, started_at: datetime, segment: Segment) -> Stop:
        samples = self.recorded.samples[segment.first : segment.last + 1]
        fixes = [one for one in samples if one.latitude is not None and one.longitude is not None]
        fixes = fixes[:: max(1, len(fixes) // FIXES_OF_A_STOP)]
        return Stop(
            vehicle_id=self.vehicle,
            started_at=started_at,
            ended_at=self.ended_at(segment),
            latitude_e6=_middle([one.latitude for one in fixes]),
            longitude_e6=_middle([one.longitude for one in fixes]),
        )

    def _is_within_posted(self, segment: Segment) -> bool:
        start, end = self.started_at(segment), self.ended_at(segment)
        return end is not None and any(first <= start and end <= last for first, last in self.posted)

    # ------------------------------------------------------------ trips

    def write_trips(self, segments: Sequence[Segment]) -> None:
        wanted = {self.started_at(one): one for one in segments if not self._overlaps_posted(one)}
        found = Trip.objects.filter(self.span, origin=Trip.Origin.FOUND).defer("body", "events")
        held = {trip.started_at: trip for trip in found}
        Trip.objects.filter(pk__in=[trip.pk for start, trip in held.items() if start not in wanted]).delete()
        changed = [
            self._judged(held.get(start) or self._trip(start), one)
            for start, one in wanted.items()
            if start not in held or not self._is_as_before(held[start], one)
        ]
        Trip.objects.bulk_create(trip for trip in changed if trip._state.adding)
        Trip.objects.bulk_update([trip for trip in changed if not trip._state.adding], WRITTEN)

    def _trip(self, started_at: datetime) -> Trip:
        return Trip(vehicle_id=self.vehicle, origin=Trip.Origin.FOUND, started_at=started_at)

    def _is_as_before(self, trip: Trip, segment: Segment) -> bool:
        samples = segment.last + 1 - segment.first
        return (trip.ended_at, trip.samples) == (self.ended_at(segment), samples)

    def _judged(self, trip: Trip, segment: Segment) -> Trip:
        """With all that its readings say; under way it has a score so far."""
        values = judged(self.recorded.samples[segment.first : segment.last + 1])
        for name, value in values.items():
            setattr(trip, name, value)
        trip.ended_at = self.ended_at(segment)
        trip.status = Trip.Status.COMPLETED if segment.is_closed else Trip.Status.PROCESSING
        trip.scored_at = timezone.now() if segment.is_closed else None
        trip.driver_id = _driver(self.recorded.drivers[segment.first : segment.last + 1])
        return trip

    def _overlaps_posted(self, segment: Segment) -> bool:
        start, end = self.started_at(segment), at(self.recorded.samples[segment.last])
        return any(first < end and start < last for first, last in self.posted)


def _posted(vehicle: int, after: datetime) -> Iterator[Span]:
    """The times of posted trips; one that failed tells nothing."""
    posted = Trip.objects.filter(vehicle=vehicle, origin=Trip.Origin.POSTED, ended_at__gt=after)
    spans: Any = posted.exclude(status=Trip.Status.FAILED).values_list("started_at", "ended_at")
    for start, end in spans:
        # A trip of one sample lasts a moment.
        yield start, max(end, start + timedelta(milliseconds=1))


def _driver(told: Sequence[str | None]) -> str:
    """Who drove most of the way, where the readings say."""
    named = Counter(name for name in told if name and len(name) <= LONGEST_ID)
    return named.most_common(1)[0][0] if named else ""


def _middle(degrees: list[Any]) -> int | None:
    return round(median_low(degrees) * MICRODEGREES) if degrees else None
