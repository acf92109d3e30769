"""All simulated vehicles together."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from telemetry.simulation.mishaps import Reading
from telemetry.simulation.orders import Answer, Order
from telemetry.simulation.scenarios import Scenario
from telemetry.simulation.streets import Streets
from telemetry.simulation.vehicles import Known, Vehicle


class SimulatedFleet:
    """The same ``seed``, vehicles and times give the same readings. ``counts`` tells what went wrong."""

    def __init__(self, streets: Streets, scenario: Scenario, *, seed: str) -> None:
        self.streets, self.scenario, self.seed = streets, scenario, seed
        self.vehicles: dict[str, Vehicle] = {}
        self.counts: Counter[str] = Counter()

    def add(self, known: Known, *, at_s: float) -> None:
        self.vehicles[known.vehicle_id] = Vehicle(
            known,
            streets=self.streets,
            scenario=self.scenario,
            seed=self.seed,
            at_s=at_s,
            counts=self.counts,
        )

    def remove(self, vehicle_id: str) -> None:
        self.vehicles.pop(vehicle_id, None)

    def report(self, vehicle_ids: Iterable[str], *, at_s: float) -> list[Reading]:
        """Let these live on until then, and answer what they say."""
        readings = []
        for vehicle_id in vehicle_ids:
            vehicle = self.vehicles.get(vehicle_id)
            if vehicle is not None:
                vehicle.advance(at_s)
                readings += vehicle.report()
        return readings

    def take_held(self) -> list[Reading]:
        """What waits to be said late or again: at the end, all of it."""
        return [reading for vehicle in self.vehicles.values() for reading in vehicle.mishaps.take_held()]

    def obey(self, data: Any) -> None:
        """Hand a command to its vehicle; one of another's vehicle is no concern of ours."""
        order = Order.of(data)
        vehicle = self.vehicles.get(order.vehicle_id) if order else None
        if order and vehicle:
            vehicle.obey(order)

    def take_answers(self) -> list[Answer]:
        answers = [answer for vehicle in self.vehicles.values() for answer in vehicle.answers]
        for vehicle in self.vehicles.values():
            vehicle.answers = []
        return answers

    def count_moving(self) -> int:
        return sum(vehicle.drive.speed_ms > 0 for vehicle in self.vehicles.values())
