"""Streets to drive along: a grid of its own for each area, turned as the city's is, always the same.

No map is needed: centre, extent and the direction of the main streets are the city's (to some hundred
metres and some degrees), the crossings are not. Inside, places are metres from the centre, ``x`` across
and ``y`` along the main streets.
"""

import heapq
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

EARTH_M = 6_371_008.8
DEGREE_M = math.radians(EARTH_M)
# Every so many lines of the grid one is an avenue: straight, quicker, never broken.
AVENUE_EVERY = 5
AVENUE_KMH, STREET_KMH = 60.0, 40.0
BROKEN_SHARE = 0.12
JITTER = 0.14
LIGHT_CYCLE_S, AVENUE_GREEN_S = 70, 42
TURN_COSTS_S = 8.0


@dataclass(frozen=True)
class Area:
    """``bearing_deg`` is the direction of the main streets; ``block_m`` how far crossings are apart."""

    name: str
    latitude: float
    longitude: float
    width_m: float
    length_m: float
    bearing_deg: float
    block_m: float


AREAS = {
    area.name: area
    for area in (
        Area("bogota", 4.6580, -74.1000, 8_500, 15_000, 15, 210),
        Area("medellin", 6.2476, -75.5790, 5_500, 9_500, 8, 170),
        Area("cali", 3.4250, -76.5180, 8_000, 10_500, 22, 190),
        # Where the demo fleet is at home.
        Area("hamburg", 53.5530, 10.0030, 13_000, 13_000, 5, 230),
    )
}


@dataclass(frozen=True, slots=True)
class Place:
    """On the street from crossing ``start`` to crossing ``end``, ``along_m`` metres behind the start."""

    start: int
    end: int
    along_m: float


class Streets:
    """Crossings by number, and the streets between them, which are driven both ways."""

    def __init__(self, area: Area) -> None:
        self.area = area
        self._columns = max(2, round(area.width_m / area.block_m) + 1)
        self._rows = max(2, round(area.length_m / area.block_m) + 1)
        self._turned = math.sin(math.radians(area.bearing_deg)), math.cos(math.radians(area.bearing_deg))
        self._shrink = math.cos(math.radians(area.latitude))
        chance = random.Random(area.name)
        self._points = [self._point(number, chance) for number in range(self._columns * self._rows)]
        self._next = self._linked(chance)
        self.crossings = self._connected()
        self._reachable = frozenset(self.crossings)

    # ------------------------------------------------------------ the grid

    def _point(self, number: int, chance: random.Random) -> tuple[float, float]:
        row, column = divmod(number, self._columns)
        block = self.area.block_m
        dx, dy = (chance.uniform(-JITTER, JITTER) * block for _axis in "xy")
        return (
            (column - (self._columns - 1) / 2) * block + (0 if column % AVENUE_EVERY == 0 else dx),
            (row - (self._rows - 1) / 2) * block + (0 if row % AVENUE_EVERY == 0 else dy),
        )

    def _linked(self, chance: random.Random) -> list[list[int]]:
        linked: list[list[int]] = [[] for _point in self._points]
        for number in range(len(self._points)):
            row, column = divmod(number, self._columns)
            others = [number + 1] if column + 1 < self._columns else []
            others += [number + self._columns] if row + 1 < self._rows else []
            for other in others:
                if self.is_avenue(number, other) or chance.random() >= BROKEN_SHARE:
                    linked[number].append(other)
                    linked[other].append(number)
        return linked

    def _connected(self) -> list[int]:
        """The crossings that can be reached from the avenues, which meet each other."""
        reached, waiting = {0}, [0]
        while waiting:
            new = [other for other in self._next[waiting.pop()] if other not in reached]
            reached.update(new)
            waiting += new
        return sorted(reached)

    def is_avenue(self, one: int, other: int) -> bool:
        (row, column), (other_row, other_column) = divmod(one, self._columns), divmod(other, self._columns)
        line = row if row == other_row else column
        return line % AVENUE_EVERY == 0 and (row == other_row or column == other_column)

    # ------------------------------------------------------------ what a driver knows

    def length_m(self, start: int, end: int) -> float:
        return math.dist(self._points[start], self._points[end])

    def limit_ms(self, start: int, end: int) -> float:
        return (AVENUE_KMH if self.is_avenue(start, end) else STREET_KMH) / 3.6

    def bearing_deg(self, start: int, end: int) -> float:
        (x, y), (to_x, to_y) = self._points[start], self._points[end]
        return (math.degrees(math.atan2(to_x - x, to_y - y)) + self.area.bearing_deg) % 360

    def turn_deg(self, before: int, at: int, after: int) -> float:
        """By how much one turns at a crossing: 0 is straight on, 180 back."""
        turned = abs(self.bearing_deg(before, at) - self.bearing_deg(at, after)) % 360
        return min(turned, 360 - turned)

    def is_red(self, coming_from: int, crossing: int, at_s: float) -> bool:
        """Whether the lights of a crossing, if it has any, stop who comes from there."""
        if not self._has_lights(crossing):
            return False
        phase = (at_s + crossing * 37) % LIGHT_CYCLE_S
        across = abs(coming_from - crossing) == 1
        _row, column = divmod(crossing, self._columns)
        main_is_across = column % AVENUE_EVERY != 0
        is_main_turn = phase < AVENUE_GREEN_S
        return is_main_turn != (across == main_is_across)

    def _has_lights(self, crossing: int) -> bool:
        row, column = divmod(crossing, self._columns)
        avenues = (row % AVENUE_EVERY == 0) + (column % AVENUE_EVERY == 0)
        return len(self._next[crossing]) > 2 and (avenues == 2 or (avenues == 1 and crossing % 3 == 0))

    def way(self, start: int, end: int) -> list[int]:
        """The crossings of a quick way from ``start`` to ``end``, both included (A*, turns cost time)."""
        best = {start: 0.0}
        came_from: dict[int, int] = {}
        waiting = [(self._at_best_s(start, end), start)]
        while waiting:
            _cost, at = heapq.heappop(waiting)
            if at == end:
                return self._back(came_from, end)
            before = came_from.get(at)
            for other in self._next[at]:
                cost = best[at] + self.length_m(at, other) / self.limit_ms(at, other)
                if before is not None and self.turn_deg(before, at, other) > 45:
                    cost += TURN_COSTS_S
                if cost < best.get(other, math.inf):
                    best[other], came_from[other] = cost, at
                    heapq.heappush(waiting, (cost + self._at_best_s(other, end), other))
        raise ValueError(f"No way leads from crossing {start} to {end} of {self.area.name}.")

    def _at_best_s(self, start: int, end: int) -> float:
        return self.length_m(start, end) / (AVENUE_KMH / 3.6)

    def _back(self, came_from: dict[int, int], end: int) -> list[int]:
        way = [end]
        while way[-1] in came_from:
            way.append(came_from[way[-1]])
        return way[::-1]

    def next_to(self, crossing: int) -> int:
        return self._next[crossing][0]

    def near(self, crossing: int, *, at_least_m: float, chance: random.Random) -> int:
        """Another crossing, some way off and not at the other end of the town."""
        tries = [chance.choice(self.crossings) for _try in range(12)]
        far = [one for one in tries if self.length_m(crossing, one) >= at_least_m]
        return min(far, key=lambda one: self.length_m(crossing, one)) if far else self._another(crossing)

    def _another(self, crossing: int) -> int:
        return next(one for one in self.crossings if one != crossing)

    # ------------------------------------------------------------ degrees

    def position(self, place: Place) -> tuple[float, float]:
        """Latitude and longitude of a place."""
        (x, y), (to_x, to_y) = self._points[place.start], self._points[place.end]
        share = place.along_m / max(self.length_m(place.start, place.end), 1e-9)
        return self._degrees(x + (to_x - x) * share, y + (to_y - y) * share)

    def _degrees(self, x: float, y: float) -> tuple[float, float]:
        sine, cosine = self._turned
        east, north = x * cosine + y * sine, y * cosine - x * sine
        latitude = self.area.latitude + north / DEGREE_M
        return latitude, self.area.longitude + east / (DEGREE_M * self._shrink)

    def _metres(self, latitude: float, longitude: float) -> tuple[float, float]:
        sine, cosine = self._turned
        north = (latitude - self.area.latitude) * DEGREE_M
        east = (longitude - self.area.longitude) * DEGREE_M * self._shrink
        return east * cosine - north * sine, east * sine + north * cosine

    def holds(self, latitude: float, longitude: float) -> bool:
        x, y = self._metres(latitude, longitude)
        margin = self.area.block_m
        return abs(x) <= self.area.width_m / 2 + margin and abs(y) <= self.area.length_m / 2 + margin

    def nearest_place(self, latitude: float, longitude: float) -> Place:
        """The point of the streets that is nearest to a position of the area."""
        x, y = self._metres(latitude, longitude)
        streets = {(min(pair), max(pair)) for one in self._around(x, y) for pair in self._streets_of(one)}
        places = [self._foot(start, end, x, y) for start, end in sorted(streets)]
        return min(places, key=itemgetter(0))[1]

    def nearest_crossing(self, latitude: float, longitude: float) -> int:
        place = self.nearest_place(latitude, longitude)
        is_behind = place.along_m > self.length_m(place.start, place.end) / 2
        return place.end if is_behind else place.start

    def _streets_of(self, crossing: int) -> Iterable[tuple[int, int]]:
        return ((crossing, other) for other in self._next[crossing])

    def _around(self, x: float, y: float) -> list[int]:
        """The connected crossings within two blocks of a point; all of them where there is none."""
        block = self.area.block_m
        column = round(x / block + (self._columns - 1) / 2)
        row = round(y / block + (self._rows - 1) / 2)
        found = [
            r * self._columns + c
            for r in range(max(0, row - 2), min(self._rows, row + 3))
            for c in range(max(0, column - 2), min(self._columns, column + 3))
        ]
        return [one for one in found if one in self._reachable] or self.crossings

    def _foot(self, start: int, end: int, x: float, y: float) -> tuple[float, "Place"]:
        """How far a point is from a street, and where the street is nearest to it."""
        (ax, ay), (bx, by) = self._points[start], self._points[end]
        length = self.length_m(start, end)
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length
        along = min(max(along, 0.0), length)
        share = along / length
        off = math.hypot(x - ax - (bx - ax) * share, y - ay - (by - ay) * share)
        return off, Place(start, end, along)


@cache
def streets_of(name: str) -> Streets:
    return Streets(AREAS[name])
