"""One simulated vehicle: where it goes, what it uses, what it is told to do, and what it reports."""

import math
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telemetry.simulation.driving import Drive, Manner, Wish
from telemetry.simulation.mishaps import Mishaps, Reading
from telemetry.simulation.orders import Answer, Order, OrderRefused, waypoints_of
from telemetry.simulation.scenarios import Scenario
from telemetry.simulation.streets import Place, Streets

STEP_S = 0.25
# Of a longer time that nobody drove (a suspended computer) only so much is driven.
MOST_AT_ONCE_S = 60.0
IGNITION_STAYS_S = 12.0
ORDERED_BRAKING_MS2 = 2.5
TRIP_AT_LEAST_M = 1_200
LOW_BATTERY_PCT, EMPTY_BATTERY_PCT, EMPTY_FUEL_PCT = 20.0, 16.0, 12.0
FULL_PCT = {"battery": 85.0, "fuel": 97.0}
HOT_C = 110.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a vehicle before it drives; None where nothing is."""

    vehicle_id: str
    latitude: float | None = None
    longitude: float | None = None
    heading_deg: float | None = None
    odometer_km: float | None = None
    battery_pct: float | None = None
    fuel_pct: float | None = None
    engine_temp_c: float | None = None
    load_pct: float | None = None
    is_electric: bool | None = None


class Energy:
    """Battery and fuel in %, and how warm the engine is. A combustion engine's battery is its starter's."""

    def __init__(self, known: Known, chance: random.Random) -> None:
        guess = chance.random() < 0.35 if known.fuel_pct is None else False
        self.is_electric = guess if known.is_electric is None else known.is_electric
        usual = chance.uniform(45, 95) if self.is_electric else chance.uniform(88, 99)
        self.battery_pct = usual if known.battery_pct is None else known.battery_pct
        self.fuel_pct = chance.uniform(30, 95) if known.fuel_pct is None else known.fuel_pct
        self.engine_temp_c = 24.0 if known.engine_temp_c is None else known.engine_temp_c

    def use(self, seconds: float, metres: float, *, is_on: bool) -> None:
        km = metres / 1000
        if self.is_electric:
            self.battery_pct -= 0.28 * km + (0.0004 * seconds if is_on else 0)
        elif is_on:
            self.fuel_pct -= 0.14 * km + 0.0003 * seconds
            self.battery_pct += (97 - self.battery_pct) * seconds / 1200
        self.battery_pct, self.fuel_pct = max(1.0, self.battery_pct), max(1.0, self.fuel_pct)
        self._warm(seconds, is_on=is_on, is_driving=metres > 0)

    def _warm(self, seconds: float, *, is_on: bool, is_driving: bool) -> None:
        working = (58.0 if is_driving else 42.0) if self.is_electric else (91.0 if is_driving else 86.0)
        target, takes_s = (working, 240.0) if is_on else (22.0, 2_400.0)
        self.engine_temp_c += (target - self.engine_temp_c) * (1 - math.exp(-seconds / takes_s))

    @property
    def is_low(self) -> bool:
        return self.battery_pct < EMPTY_BATTERY_PCT if self.is_electric else self.fuel_pct < EMPTY_FUEL_PCT

    def fill(self, seconds: float) -> bool:
        """Charge (2 % a minute) or refuel (1 % a second); answers whether it is full."""
        if self.is_electric:
            self.battery_pct = min(FULL_PCT["battery"], self.battery_pct + seconds / 30)
            return self.battery_pct >= FULL_PCT["battery"]
        self.fuel_pct = min(FULL_PCT["fuel"], self.fuel_pct + seconds)
        return self.fuel_pct >= FULL_PCT["fuel"]


class Vehicle:
    def __init__(
        self, known: Known, *, streets: Streets, scenario: Scenario, seed: str, at_s: float,
        counts: Counter[str],
    ) -> None:  # fmt: skip
        self.vehicle_id, self.streets, self.scenario = known.vehicle_id, streets, scenario
        self.chance = random.Random(f"{seed}:{known.vehicle_id}")
        self.drive = Drive(streets, start_of(known, streets, self.chance), Manner.of(self.chance))
        self.energy = Energy(known, self.chance)
        self.mishaps = Mishaps(scenario.faults, self.chance, counts)
        guess = self.chance.uniform(4_000, 140_000)
        self.odometer_km = guess if known.odometer_km is None else known.odometer_km
        self.load_pct = float(self.chance.randint(20, 95)) if known.load_pct is None else known.load_pct
        self.home = streets.nearest_crossing(streets.area.latitude, streets.area.longitude)
        self.at_s = at_s
        self.answers: list[Answer] = []
        self._is_halted, self._is_filling = False, False
        self._errands: list[int] = []
        self._stop_order: Order | None = None
        self._is_homebound = False
        self._parked_since_s, self._parked_until_s = at_s - IGNITION_STAYS_S, 0.0
        self._set_off_or_stand()

    def _set_off_or_stand(self) -> None:
        if self.chance.random() < self.scenario.parked_share:
            self._parked_until_s = self.at_s + self.chance.uniform(5, 90)
        else:
            self._drive_somewhere()

    # ------------------------------------------------------------ time goes on

    def advance(self, to_s: float) -> None:
        """Live on until ``to_s`` (seconds since 1970)."""
        self.at_s = max(self.at_s, to_s - MOST_AT_ONCE_S)
        seconds = to_s - self.at_s
        self.mishaps.begin(seconds, self.at_s)
        steps = max(1, math.ceil(seconds / STEP_S - 1e-6))
        for step in range(1, steps + 1):
            self._live(seconds / steps, to_s - seconds * (steps - step) / steps)
        self.at_s = to_s

    def _live(self, seconds: float, at_s: float) -> None:
        self.at_s = at_s
        metres = 0.0
        if self.is_parked:
            self._stand(seconds)
        else:
            metres = self.drive.step(seconds, at_s, self._wish())
            self.odometer_km += metres / 1000
            self._look_around()
        self.energy.use(seconds, metres, is_on=self.ignition)

    def _wish(self) -> Wish:
        if self._is_halted:
            return Wish(brake_ms2=ORDERED_BRAKING_MS2)
        return self.mishaps.wish(self.drive, self.at_s)

    def _look_around(self) -> None:
        if self._is_halted and self.drive.speed_ms == 0:
            self._tell_that_it_stands()
        if self.drive.has_arrived and not self._is_halted:
            self._arrive()

    @property
    def is_parked(self) -> bool:
        return self._parked_until_s > 0

    @property
    def ignition(self) -> bool:
        return not self.is_parked or self.at_s - self._parked_since_s < IGNITION_STAYS_S

    # ------------------------------------------------------------ trips

    def _drive_somewhere(self) -> None:
        at = self.drive.destination
        self.drive.go_to(self.streets.near(at, at_least_m=TRIP_AT_LEAST_M, chance=self.chance))

    def _arrive(self) -> None:
        if self._errands:
            self._run_errand()
        elif self._is_homebound:
            self._park(math.inf)
        elif self.scenario.parked_s == (0, 0):
            self._refill_at_once()
            self._drive_somewhere()
        else:
            self._unload()
            self._park(self.chance.uniform(*self.scenario.parked_s))

    def _run_errand(self) -> None:
        self.drive.go_to(self._errands.pop(0))

    def _park(self, seconds: float) -> None:
        self._parked_since_s, self._parked_until_s = self.at_s, self.at_s + seconds
        self._is_filling = self.energy.is_low

    def _stand(self, seconds: float) -> None:
        if self._is_filling:
            self._is_filling = not self.energy.fill(seconds)
        elif self.at_s >= self._parked_until_s and not self._is_halted:
            self._parked_until_s = 0.0
            self._drive_somewhere()

    def _unload(self) -> None:
        self.load_pct -= self.chance.randint(5, 25)
        if self.load_pct < 5:
            self.load_pct = float(self.chance.randint(60, 95))

    def _refill_at_once(self) -> None:
        if self.energy.is_low:
            self.energy.fill(math.inf)

    # ------------------------------------------------------------ orders

    def obey(self, order: Order) -> None:
        """Do what is ordered; the answer is added to ``answers``, of STOP once the vehicle stands."""
        doing = {
            "STOP": self._halt,
            "RESUME": self._resume,
            "REROUTE": self._reroute,
            "RETURN_TO_BASE": self._return_to_base,
        }.get(order.command)
        try:
            if doing is None:
                raise OrderRefused(f"“{order.command}” is no command that a vehicle knows.")
            doing(order)
        except OrderRefused as refusal:
            self.answers.append(order.answer("FAILED", str(refusal)))

    def _halt(self, order: Order) -> None:
        self._is_halted, self._stop_order = True, order
        if self.is_parked:
            self._tell_that_it_stands()

    def _tell_that_it_stands(self) -> None:
        if self._stop_order is not None:
            self.answers.append(self._stop_order.answer("EXECUTED", "The vehicle stands."))
            self._stop_order = None

    def _resume(self, order: Order) -> None:
        self._go(order, "The vehicle goes on.")
        if self.drive.has_arrived and not self._errands:
            self._is_homebound = False
            self._drive_somewhere()

    def _reroute(self, order: Order) -> None:
        crossings = [self._crossing_at(*point) for point in waypoints_of(order.params)]
        self._go(order, f"The vehicle drives to {len(crossings)} waypoints.")
        self._is_homebound = False
        self._errands = crossings[1:]
        self.drive.go_to(crossings[0])

    def _return_to_base(self, order: Order) -> None:
        if "latitude" in order.params or "waypoints" in order.params:
            self.home = self._crossing_at(*waypoints_of(order.params)[0])
        self._go(order, "The vehicle drives home.")
        self._errands, self._is_homebound = [], True
        self.drive.go_to(self.home)

    def _go(self, order: Order, message: str) -> None:
        """Whatever made it stand is over; a STOP that it had not yet done is overtaken."""
        if self._stop_order is not None:
            self.answers.append(self._stop_order.answer("FAILED", f"{order.command} came before it stood."))
        self._is_halted, self._is_filling, self._stop_order = False, False, None
        self._parked_until_s = 0.0
        self.answers.append(order.answer("EXECUTED", message))

    def _crossing_at(self, latitude: float, longitude: float) -> int:
        if not self.streets.holds(latitude, longitude):
            place = f"{latitude:.5f}, {longitude:.5f}"
            raise OrderRefused(f"The waypoint {place} does not lie in {self.streets.area.name}.")
        return self.streets.nearest_crossing(latitude, longitude)

    # ------------------------------------------------------------ reports

    def report(self) -> list[Reading]:
        """What it says now; with faults nothing, or also what it should have said before."""
        return self.mishaps.pass_on(self._reading(), self.at_s)

    def _reading(self) -> Reading:
        latitude, longitude = self.streets.position(self.drive.place)
        battery_pct = self.mishaps.battery_pct(self.energy.battery_pct, self.at_s)
        reading: dict[str, Any] = {
            "vehicle_id": self.vehicle_id,
            "timestamp": time_text(self.at_s),
            "latitude": round(latitude, 6),
            "longitude": round(longitude, 6),
            "speed_kmh": round(self.drive.speed_ms * 3.6, 1),
            "heading_deg": round(self.drive.heading_deg, 1) % 360,
            "odometer_km": round(self.odometer_km, 3),
            "battery_pct": round(battery_pct, 1),
            "engine_temp_c": round(self.energy.engine_temp_c, 1),
            "load_pct": round(self.load_pct, 1),
            "status": self._status(battery_pct),
            "g_force_long": round(self.drive.take_peak_g(), 3),
            "ignition": self.ignition,
        }
        if not self.energy.is_electric:
            reading["fuel_pct"] = round(self.energy.fuel_pct, 1)
        return reading

    def _status(self, battery_pct: float) -> str:
        if battery_pct < LOW_BATTERY_PCT:
            return "LOW_BATTERY"
        if self.energy.engine_temp_c > HOT_C:
            return "ALERT"
        if self.drive.speed_ms >= 0.3:
            return "MOVING"
        return "IDLE" if self.ignition and not self._is_halted else "STOPPED"


def start_of(known: Known, streets: Streets, chance: random.Random) -> Place:
    """Where it was, on the street that is nearest and the way round that it headed; else anywhere."""
    if (
        known.latitude is None
        or known.longitude is None
        or not streets.holds(known.latitude, known.longitude)
    ):
        crossing = chance.choice(streets.crossings)
        return Place(crossing, streets.next_to(crossing), 0.0)
    place = streets.nearest_place(known.latitude, known.longitude)
    ahead = streets.bearing_deg(place.start, place.end)
    off = abs((known.heading_deg if known.heading_deg is not None else ahead) - ahead) % 360
    if 90 < off < 270:
        length_m = streets.length_m(place.start, place.end)
        return Place(place.end, place.start, length_m - place.along_m)
    return place


def time_text(at_s: float) -> str:
    at = datetime.fromtimestamp(round(at_s, 3), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
