"""Trips and stops found in a vehicle's plain readings. No database, no Django.

A vehicle stands while its ignition is off, or it is slow, or it stays within a small box, for long enough; and
where it was silent for long nobody knows. What lies between is a trip where it leads somewhere; all the rest
is stops. Every judgement looks at a few minutes around a reading alone: going on from a known stop finds what
beginning at the first reading of all finds.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby, pairwise
from math import cos, radians
from typing import Literal

from telemetry.samples import Fix, Sample, fix_of, great_circle_km

KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class Limits:
    """``moving_kmh``: slower is standing, as GPS tells a few km/h at rest.

    A trip ends where a vehicle is slow, or within a box of ``box_km``, for ``stop_s``; where its ignition is
    off for ``off_s``; or where it is silent for more than ``gap_s``. A trip takes ``trip_s`` and leads
    ``trip_km`` away. It may begin and end up to ``edge_s`` into the standing around it, for the way there.
    After a silence a vehicle that is ``elsewhere_km`` away did not stand in between.
    """

    moving_kmh: float = 5.0
    stop_s: float = 300.0
    off_s: float = 60.0
    gap_s: float = 600.0
    box_km: float = 0.15
    trip_s: float = 60.0
    trip_km: float = 0.2
    edge_s: float = 120.0
    elsewhere_km: float = 0.5


USUAL = Limits()


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """From the reading at place ``first`` to that at ``last``; one that is not closed goes on."""

    first: int
    last: int
    kind: Literal["TRIP", "STOP"]
    is_closed: bool


class _State(Enum):
    ON = "on"
    OFF = "off"
    FAST = "fast"
    SLOW = "slow"
    UNKNOWN = "unknown"


MOVING = frozenset((_State.ON, _State.FAST, _State.UNKNOWN))
STANDING = frozenset((_State.OFF, _State.SLOW))


def find_segments(
    samples: Sequence[Sample], *, now: datetime, context: int | None = None, limits: Limits = USUAL
) -> list[Segment]:
    """Trips and stops of readings in the order of their times (each has one), in that order.

    Neighbours share a reading: a stop begins where a trip ends. The last one is open: a trip until the
    vehicle stands or was silent for long, a stop until it drives. Where only what follows a known stop is
    asked for, ``context`` is the place of a reading in that stop (its first one, or one of ``first_rest``):
    it begins the first segment, which goes on with that stop, however short. The readings of the quarter of
    an hour before it help to judge.
    """
    if (context or 0) >= len(samples):
        return []
    track = _Track(samples, limits)
    trips = list(track.trips(context or 0, now.timestamp()))
    return sorted([*trips, *track.stops(context, trips)], key=lambda one: (one.first, one.last))


def first_rest(
    samples: Sequence[Sample], *, start: datetime, end: datetime, limits: Limits = USUAL
) -> int | None:
    """The place of the first reading from ``start`` to ``end`` that is at rest or before a long silence."""
    track = _Track(samples, limits)
    silences = {place - 1 for place in track.gaps[1:-1]}
    within = range(bisect_left(track.times, start.timestamp()), bisect_right(track.times, end.timestamp()))
    return next((place for place in within if track.at_rest[place] or place in silences), None)


class _Track:
    """Readings with what is made of each: when, in which state, and whether at rest."""

    def __init__(self, samples: Sequence[Sample], limits: Limits) -> None:
        self.samples, self.limits = samples, limits
        self.times = [sample.at.timestamp() if sample.at else 0.0 for sample in samples]
        self.fixes = [fix_of(sample) for sample in samples]
        self.gaps = [0, *self._after_silence(), len(samples)]
        self.states = [self._state(place) for place in range(len(samples))]
        self.at_rest = self._resting()

    def _after_silence(self) -> Iterator[int]:
        for place, (one, other) in enumerate(pairwise(self.times), start=1):
            if other - one > self.limits.gap_s:
                yield place

    def blocks(self, context: int = 0) -> Iterator[range]:
        """Readings without a long silence between them, from that at place ``context`` on."""
        return (range(max(start, context), end) for start, end in pairwise(self.gaps) if context < end)

    def _state(self, place: int) -> _State:
        sample = self.samples[place]
        if sample.ignition is not None:
            return _State.ON if sample.ignition else _State.OFF
        speed = sample.speed_kmh if sample.speed_kmh is not None else self._speed_by_odometer(place)
        if speed is None:
            return _State.UNKNOWN
        return _State.FAST if speed >= self.limits.moving_kmh else _State.SLOW

    def _speed_by_odometer(self, place: int) -> float | None:
        before = self.samples[place - 1].odometer_km if place else None
        after, seconds = self.samples[place].odometer_km, self.times[place] - self.times[place - 1]
        if before is None or after is None or not 0 < seconds <= self.limits.gap_s:
            return None
        return (after - before) / seconds * 3600

    # ------------------------------------------------------------ rest

    def _resting(self) -> list[bool]:
        at_rest = [False] * len(self.samples)
        for block in self.blocks():
            for first, last in (*self._slow_runs(block), *self._stays(block)):
                at_rest[first : last + 1] = [True] * (last + 1 - first)
        return at_rest

    def _slow_runs(self, block: range) -> Iterator[tuple[int, int]]:
        yield from self._runs(block, lambda state: state in STANDING, self.limits.stop_s)
        yield from self._runs(block, lambda state: state is _State.OFF, self.limits.off_s)

    def _runs(
        self, block: range, holds: Callable[[_State], bool], least_s: float
    ) -> Iterator[tuple[int, int]]:
        for is_held, run in groupby(block, key=lambda place: holds(self.states[place])):
            places = list(run)
            if is_held and self.times[places[-1]] - self.times[places[0]] >= least_s:
                yield places[0], places[-1]

    def _stays(self, block: range) -> Iterator[tuple[int, int]]:
        """The shortest spans of ``stop_s`` or more whose fixes, two at least, lie in a small box."""
        for is_on, run in groupby(block, key=lambda place: self.states[place] is _State.ON):
            places = list(run)
            if not is_on:
                yield from self._stays_among(range(places[0], places[-1] + 1))

    def _stays_among(self, places: range) -> Iterator[tuple[int, int]]:
        box, last = _Box(self.limits.box_km), places.start - 1
        for first in places:
            while last + 1 < places.stop and (
                last < first or self.times[last] - self.times[first] < self.limits.stop_s
            ):
                last += 1
                box.add(last, self.fixes[last])
            if self.times[last] - self.times[first] < self.limits.stop_s:
                return
            if box.is_small():
                yield first, last
            box.drop(first, self.fixes[first])

    # ------------------------------------------------------------ trips

    def trips(self, context: int, now_s: float) -> Iterator[Segment]:
        """In their order; the last may be open."""
        least = context
        for block in self.blocks(context):
            for is_resting, run in groupby(block, key=self.at_rest.__getitem__):
                places = list(run)
                trip = None if is_resting else self._trip(places[0], places[-1], block, least, now_s)
                if trip:
                    least = trip.last
                    yield trip

    def _trip(self, first: int, last: int, block: range, least: int, now_s: float) -> Segment | None:
        is_open = last == len(self.samples) - 1 and now_s - self.times[last] <= self.limits.gap_s
        moving = [place for place in range(first, last + 1) if self.states[place] in MOVING]
        if not moving:
            return None
        begin = max(least, self._edge(moving[0], block, -1))
        end = last if is_open else self._edge(moving[-1], block, 1)
        return Segment(begin, end, "TRIP", not is_open) if self._leads_away(begin, end) else None

    def _edge(self, core: int, block: range, step: int) -> int:
        """Over the fast readings next to it, and to the one at rest beyond them."""
        place = core
        while self._is_near(place + step, core, block) and self.states[place + step] is _State.FAST:
            place += step
        # A vehicle whose ignition goes on was not under way before; where it goes off, it has arrived.
        is_start_by_key = step < 0 and self.states[place] is _State.ON
        return place + step if self._is_near(place + step, core, block) and not is_start_by_key else place

    def _is_near(self, place: int, core: int, block: range) -> bool:
        return place in block and abs(self.times[place] - self.times[core]) <= self.limits.edge_s

    def _leads_away(self, first: int, last: int) -> bool:
        """By odometer or two fixes (one alone may be a fault of GPS); without them by speed and time."""
        if self.times[last] - self.times[first] < self.limits.trip_s:
            return False
        odometers = [one.odometer_km for one in self.samples[first : last + 1] if one.odometer_km is not None]
        if len(odometers) >= 2 and odometers[-1] - odometers[0] >= self.limits.trip_km:
            return True
        fixes = [fix for fix in self.fixes[first : last + 1] if fix]
        if len(fixes) >= 2:
            return sum(great_circle_km(fixes[0], fix) >= self.limits.trip_km for fix in fixes) >= 2
        return len(odometers) < 2 and self._way_by_speed(first, last) >= self.limits.trip_km

    def _way_by_speed(self, first: int, last: int) -> float:
        """Without any speed either, the ignition alone is believed."""
        speeds = [self.samples[place].speed_kmh for place in range(first, last + 1)]
        if all(speed is None for speed in speeds):
            return self.limits.trip_km
        seconds = (self.times[place + 1] - self.times[place] for place in range(first, last))
        return sum((speed or 0.0) * s / 3600 for speed, s in zip(speeds, seconds, strict=False))

    # ------------------------------------------------------------ stops

    def stops(self, context: int | None, trips: Sequence[Segment]) -> Iterator[Segment]:
        """What lies between the trips, without the silences after which the vehicle was elsewhere."""
        end = len(self.samples) - 1
        starts = [context or 0, *(trip.last for trip in trips)]
        ends = [*(trip.first for trip in trips), end]
        is_under_way = bool(trips) and not trips[-1].is_closed
        for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
            is_newest = number == len(trips)
            if not (is_newest and is_under_way):
                is_known = context is not None and number == 0
                yield from self._stops_within(first, last, is_open=is_newest, is_known=is_known)

    def _stops_within(self, first: int, last: int, *, is_open: bool, is_known: bool) -> Iterator[Segment]:
        """A closed stop takes ``off_s``, but for one that is known already."""
        cuts = self.gaps[bisect_left(self.gaps, first + 1) : bisect_right(self.gaps, last)]
        begins = [first, *(gap for gap in cuts if self._is_elsewhere(gap, last))]
        ends = [*(begin - 1 for begin in begins[1:]), last]
        for begin, end in zip(begins, ends, strict=True):
            is_newest = is_open and end == last
            is_long = self.times[end] - self.times[begin] >= self.limits.off_s
            if is_newest or is_long or (is_known and begin == first):
                yield Segment(begin, end, "STOP", not is_newest)

    def _is_elsewhere(self, gap: int, last: int) -> bool:
        """Whether the vehicle moved in the silence before the reading at place ``gap``."""
        before, after = self.samples[gap - 1].odometer_km, self.samples[gap].odometer_km
        if before is not None and after is not None:
            return after - before >= self.limits.elsewhere_km
        one = next((fix for fix in reversed(self.fixes[:gap]) if fix), None)
        other = next((fix for fix in self.fixes[gap : last + 1] if fix), None)
        return bool(one and other and great_circle_km(one, other) >= self.limits.elsewhere_km)


class _Box:
    """The box around the fixes of a span that moves on; each step costs the same however long the span is."""

    def __init__(self, most_km: float) -> None:
        self.most_km = most_km
        self.count = 0
        # Per side the fixes that may yet become the outermost one, the outermost first.
        self.sides: list[deque[tuple[int, float]]] = [deque() for _side in range(4)]

    def add(self, place: int, fix: Fix | None) -> None:
        if fix is None:
            return
        self.count += 1
        for side, value in zip(self.sides, _sides(fix), strict=True):
            while side and side[-1][1] <= value:
                side.pop()
            side.append((place, value))

    def drop(self, place: int, fix: Fix | None) -> None:
        """The first one of the span leaves it."""
        if fix is None:
            return
        self.count -= 1
        for side in self.sides:
            if side[0][0] == place:
                side.popleft()

    def is_small(self) -> bool:
        if self.count < 2:
            return False
        north, south, east, west = (side[0][1] for side in self.sides)
        height, width = north + south, east + west
        return max(height, width * cos(radians(north))) * KM_PER_DEGREE <= self.most_km


def _sides(fix: Fix) -> tuple[float, float, float, float]:
    return fix[0], -fix[0], fix[1], -fix[1]
