"""How a vehicle moves along a way: no quicker than street, bend, light and its own brakes allow."""

import math
import random
from dataclasses import dataclass
from itertools import pairwise

from telemetry.simulation.streets import Place, Streets

G_MS2 = 9.80665
# Harder than this nobody brakes who is not forced to: below what counts as a harsh braking.
MOST_BRAKE_MS2 = 3.2
STOP_LINE_M = 3.0
# Speeds in bends by how much one turns.
STRAIGHT_DEG, BEND_DEG, CORNER_DEG = 20, 60, 120
BEND_MS, CORNER_MS, BACK_MS = 7.0, 4.5, 2.2


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody drives: m/s² when setting off and when braking, and how much of the limit they use."""

    accelerates_ms2: float
    brakes_ms2: float
    keenness: float

    @classmethod
    def of(cls, chance: random.Random) -> "Manner":
        return cls(chance.uniform(1.0, 1.7), chance.uniform(1.5, 2.2), chance.uniform(0.85, 1.0))


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted this moment: ``brake_ms2`` above all else, else ``top_ms`` instead of the limits."""

    brake_ms2: float = 0.0
    top_ms: float = 0.0


AS_USUAL = Wish()


class Drive:
    """A place on the streets, a speed, and the way ahead, whose last crossing is the destination."""

    def __init__(self, streets: Streets, place: Place, manner: Manner) -> None:
        self.streets, self.manner = streets, manner
        self.speed_ms = 0.0
        self.peak_ms2 = 0.0
        self.along_m = place.along_m
        self._lay([place.start, place.end])

    def _lay(self, way: list[int]) -> None:
        streets = self.streets
        self.way, self._at = way, 0
        self._lengths = [streets.length_m(*pair) for pair in pairwise(way)]
        self._limits = [streets.limit_ms(*pair) * self.manner.keenness for pair in pairwise(way)]
        turns = [streets.turn_deg(*way[at - 1 : at + 2]) for at in range(1, len(way) - 1)]
        self._bends = [math.inf, *(bend_ms(turn) for turn in turns), 0.0]

    # ------------------------------------------------------------ where it is

    @property
    def place(self) -> Place:
        return Place(self.way[self._at], self.way[self._at + 1], self.along_m)

    @property
    def heading_deg(self) -> float:
        return self.streets.bearing_deg(self.way[self._at], self.way[self._at + 1])

    @property
    def has_arrived(self) -> bool:
        return self._at == len(self.way) - 2 and self.along_m >= self._lengths[self._at]

    @property
    def destination(self) -> int:
        return self.way[-1]

    def straight_ahead_m(self) -> float:
        """How far it goes on without a bend."""
        ahead = self._lengths[self._at] - self.along_m
        for at in range(self._at + 1, len(self.way) - 1):
            if self._bends[at] < math.inf:
                break
            ahead += self._lengths[at]
        return ahead

    # ------------------------------------------------------------ where it goes

    def go_to(self, crossing: int) -> None:
        """Lay the way anew, from the first crossing before which there is room to brake."""
        needed_m = self.speed_ms**2 / (2 * self.manner.brakes_ms2)
        turns_off = self._at + 1
        room_m = self._lengths[self._at] - self.along_m
        while room_m < needed_m and turns_off < len(self.way) - 1:
            room_m += self._lengths[turns_off]
            turns_off += 1
        kept = self.way[self._at : turns_off + 1]
        self._lay([*kept, *self.streets.way(kept[-1], crossing)[1:]])

    def step(self, seconds: float, at_s: float, wish: Wish = AS_USUAL) -> float:
        """Drive on for a moment (a quarter of a second or so); answers how many metres."""
        before = self.speed_ms
        if wish.brake_ms2:
            self.speed_ms = max(0.0, before - wish.brake_ms2 * seconds)
        else:
            self.speed_ms = self._next_speed(seconds, at_s, wish)
        driven = self._move((before + self.speed_ms) / 2 * seconds)
        felt = (self.speed_ms - before) / seconds
        if abs(felt) > abs(self.peak_ms2):
            self.peak_ms2 = felt
        return driven

    def _next_speed(self, seconds: float, at_s: float, wish: Wish) -> float:
        quicker = self.manner.accelerates_ms2 * (1.6 if wish.top_ms else 1 - self.speed_ms / 45)
        allowed = self._allowed_ms(seconds, at_s, wish)
        slowest = max(0.0, self.speed_ms - MOST_BRAKE_MS2 * seconds)
        return max(slowest, min(self.speed_ms + quicker * seconds, allowed))

    def _allowed_ms(self, seconds: float, at_s: float, wish: Wish) -> float:
        """The highest speed from which everything ahead can still be braked for."""
        brakes = self.manner.brakes_ms2
        allowed = wish.top_ms or self._limits[self._at]
        horizon_m = self.speed_ms**2 / (2 * brakes) + 30
        ahead_m = self._lengths[self._at] - self.along_m - self.speed_ms * seconds
        for at in range(self._at + 1, len(self.way)):
            is_red = at < len(self.way) - 1 and not wish.top_ms and self._stops(at, ahead_m, at_s)
            speed = 0.0 if is_red else self._speed_at(at, wish)
            room = ahead_m - STOP_LINE_M if is_red else ahead_m
            allowed = min(allowed, math.sqrt(speed**2 + 2 * brakes * max(0.0, room)))
            if is_red or ahead_m > horizon_m or at == len(self.way) - 1:
                break
            ahead_m += self._lengths[at]
        return allowed

    def _speed_at(self, at: int, wish: Wish) -> float:
        if at == len(self.way) - 1:
            return 0.0
        return min(self._bends[at], wish.top_ms or self._limits[at])

    def _stops(self, at: int, ahead_m: float, at_s: float) -> bool:
        """Whether lights stop it: who is too near to brake in comfort drives through, as at amber."""
        if not self.streets.is_red(self.way[at - 1], self.way[at], at_s):
            return False
        return self.speed_ms**2 / (2 * MOST_BRAKE_MS2) <= max(0.0, ahead_m - STOP_LINE_M) + 0.5

    def _move(self, metres: float) -> float:
        """Onwards by so many metres, over crossings, at most to the destination."""
        self.along_m += metres
        while self.along_m >= self._lengths[self._at]:
            if self._at == len(self.way) - 2:
                too_far = self.along_m - self._lengths[self._at]
                self.along_m, self.speed_ms = self._lengths[self._at], 0.0
                return metres - too_far
            self.along_m -= self._lengths[self._at]
            self._at += 1
        return metres

    def take_peak_g(self) -> float:
        """The strongest acceleration (or, negative, braking) since it was last asked for, in g."""
        peak, self.peak_ms2 = self.peak_ms2, 0.0
        return peak / G_MS2


def bend_ms(turn_deg: float) -> float:
    if turn_deg < STRAIGHT_DEG:
        return math.inf
    if turn_deg < BEND_DEG:
        return BEND_MS
    return CORNER_MS if turn_deg < CORNER_DEG else BACK_MS
