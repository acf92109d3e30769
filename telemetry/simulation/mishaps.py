"""What goes wrong with one vehicle and with its readings, as often as the scenario says."""

import random
from collections import Counter
from typing import Any

from telemetry.simulation import scenarios
from telemetry.simulation.driving import AS_USUAL, Drive, Wish
from telemetry.simulation.scenarios import Faults

Reading = dict[str, Any]


class Mishaps:
    """``counts`` tells what was done: overspeed, harsh braking, battery failure, silence, late, repeated."""

    def __init__(self, faults: Faults, chance: random.Random, counts: Counter[str]) -> None:
        self._faults, self._chance, self._counts = faults, chance, counts
        self._speeds_until_s = self._fails_until_s = self._silent_until_s = 0.0
        self._is_due: set[str] = set()
        self._brakes_ms2 = 0.0
        self._battery_pct = 0.0
        self._held: list[tuple[float, Reading]] = []

    def begin(self, seconds: float, at_s: float) -> None:
        """Let chance decide what goes wrong in the next ``seconds``."""
        faults = self._faults
        if self._happens(faults.overspeed_per_h, seconds):
            self._is_due.add("overspeed")
        if self._happens(faults.harsh_braking_per_h, seconds):
            self._is_due.add("harsh braking")
        if self._happens(faults.battery_failure_per_h, seconds) and self._fails_until_s < at_s:
            self._fails_until_s = at_s + self._chance.uniform(*scenarios.BATTERY_FAILS_FOR_S)
            self._battery_pct = self._chance.uniform(*scenarios.BATTERY_FALLS_TO_PCT)
            self._counts["battery failure"] += 1
        if self._happens(faults.silence_per_h, seconds) and self._silent_until_s < at_s:
            self._silent_until_s = at_s + self._chance.uniform(*scenarios.SILENCE_S)
            self._counts["silence"] += 1

    def _happens(self, per_h: float, seconds: float) -> bool:
        return per_h > 0 and self._chance.random() < per_h * seconds / 3600

    # ------------------------------------------------------------ how it drives

    def wish(self, drive: Drive, at_s: float) -> Wish:
        """What is due is done as soon as the way allows: speeding needs a straight, braking some speed."""
        if self._brakes_ms2:
            return self._go_on_braking(drive)
        if "harsh braking" in self._is_due and drive.speed_ms * 3.6 > scenarios.HARSH_BRAKING_ABOVE_KMH:
            self._is_due.discard("harsh braking")
            self._brakes_ms2 = self._chance.uniform(*scenarios.HARSH_BRAKING_MS2)
            self._counts["harsh braking"] += 1
            return Wish(brake_ms2=self._brakes_ms2)
        return self._speeding(drive, at_s)

    def _go_on_braking(self, drive: Drive) -> Wish:
        if drive.speed_ms < 3 or self._chance.random() < 0.1:
            self._brakes_ms2 = 0.0
            return AS_USUAL
        return Wish(brake_ms2=self._brakes_ms2)

    def _speeding(self, drive: Drive, at_s: float) -> Wish:
        if "overspeed" in self._is_due and drive.straight_ahead_m() > scenarios.OVERSPEED_NEEDS_M:
            self._is_due.discard("overspeed")
            self._speeds_until_s = at_s + 40
            self._counts["overspeed"] += 1
        if at_s >= self._speeds_until_s:
            return AS_USUAL
        if drive.straight_ahead_m() < 30:
            self._speeds_until_s = at_s
        return Wish(top_ms=scenarios.OVERSPEED_KMH / 3.6)

    # ------------------------------------------------------------ what it says

    def battery_pct(self, real_pct: float, at_s: float) -> float:
        return min(real_pct, self._battery_pct) if at_s < self._fails_until_s else real_pct

    def pass_on(self, reading: Reading, at_s: float) -> list[Reading]:
        """What goes out now: the reading, or nothing, and what was held back until now."""
        said = self._said_now(reading, at_s)
        due = [held for due_s, held in self._held if due_s <= at_s]
        self._held = [(due_s, held) for due_s, held in self._held if due_s > at_s]
        return said + due

    def _said_now(self, reading: Reading, at_s: float) -> list[Reading]:
        if at_s < self._silent_until_s:
            self._counts["unsaid in silence"] += 1
            return []
        if self._chance.random() < self._faults.late_share:
            self._counts["late"] += 1
            self._held.append((at_s + self._chance.uniform(*scenarios.LATE_BY_S), reading))
            return []
        if self._chance.random() < self._faults.repeated_share:
            self._counts["repeated"] += 1
            self._held.append((at_s + self._chance.choice((0, 1, 5)), reading))
        return [reading]

    def take_held(self) -> list[Reading]:
        held, self._held = [reading for _due, reading in self._held], []
        return held
