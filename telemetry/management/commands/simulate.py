"""Drives a fleet that is not there: see docs/devices.md."""

import argparse
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from msg_pattern.bus import get_bus
from telemetry.room import refuse_when_full
from telemetry.simulated_vehicles import (
    Neighbours,
    known_of,
    load_vehicles,
    make_missing,
    wait_until_stored,
)
from telemetry.simulation import remote
from telemetry.simulation.fleet import SimulatedFleet
from telemetry.simulation.http import Api, Away
from telemetry.simulation.listening import BusOrders, HttpOrders
from telemetry.simulation.outbox import Outbox
from telemetry.simulation.scenarios import SCENARIOS
from telemetry.simulation.simulator import Simulator
from telemetry.simulation.streets import AREAS, streets_of
from telemetry.simulation.transports import BusTransport, HttpTransport
from telemetry.simulation.vehicles import Known
from vehicle_management.exceptions import VehicleConflict

T = TypeVar("T")

ANSWERS_WITHIN_S = 60.0
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class Command(BaseCommand):
    requires_system_checks = ()  # they would load every page's code
    help = "Simulate a fleet's vehicles: they drive, report, and obey commands, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fleet-id", default="fleet-demo-001")
        parser.add_argument("--vehicles", type=at_least(1), default=25, help="how many (default: 25)")
        parser.add_argument(
            "--interval-ms", type=at_least(50), default=2_000, help="between two reports of one"
        )
        parser.add_argument("--area", choices=sorted(AREAS), default="bogota")
        parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="normal")
        parser.add_argument("--transport", choices=("bus", "http"), default="bus")
        parser.add_argument("--duration", type=duration, help="such as 90, 90s, 15m or 2h (default: no end)")
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="http: of the installation")
        parser.add_argument("--key", default="", help="http: an API key with the scopes read and ingest")
        parser.add_argument("--seed", default="", help="the same seed drives the same way again")
        parser.add_argument("--make-vehicles", action="store_true", help="make those that the fleet lacks")
        parser.add_argument(
            "--wait", action="store_true", help="bus: wait where the fleet has no vehicles yet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = argparse.Namespace(**options)
        self.stopping = threading.Event()
        self._listen_to_signals()
        simulator = self._over_http() if self.options.transport == "http" else self._on_the_bus()
        simulator.run(self.stopping, duration_s=self.options.duration)
        self.stopping.set()
        if simulator.outbox.refusal is not None:
            raise CommandError(str(simulator.outbox.refusal))

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stopping.set())

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    # ------------------------------------------------------------ on this installation's bus

    def _on_the_bus(self) -> Simulator:
        bus = get_bus()
        try:
            if not wait_until_stored(bus):
                self.say("Readings of before still wait to be stored: odometers may begin a little behind.")
            known = self._known_here()
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        heard: SimpleQueue[Any] = SimpleQueue()
        orders = BusOrders(bus, heard.put, self.stopping)
        orders.start()
        outbox = Outbox(BusTransport(bus, check=partial(refuse_when_full, bus)))
        look = Neighbours(self.options.fleet_id, self.options.vehicles)
        return self._simulator(known, outbox, orders=heard, post=orders.answer, look=look)

    def _known_here(self) -> list[Known]:
        fleet_id, count = self.options.fleet_id, self.options.vehicles
        vehicles = load_vehicles(fleet_id, count)
        missing = self._missing([vehicle.vehicle_id for vehicle in vehicles])
        if missing:
            try:
                make_missing(fleet_id, missing)
            except VehicleConflict as error:
                raise CommandError(str(error)) from error
            vehicles = load_vehicles(fleet_id, count)
        return [known_of(vehicle) for vehicle in vehicles]

    # ------------------------------------------------------------ over the API

    def _over_http(self) -> Simulator:
        url, key = self.options.url, self.options.key
        if not key:
            raise CommandError("--transport http needs a key: --key, with the scopes read and ingest.")
        try:
            with closing(Api(url, key)) as api:
                known = self._answered(lambda: self._known_there(api))
        except (ValueError, remote.NotTold) as error:
            raise CommandError(str(error)) from error
        heard: SimpleQueue[Any] = SimpleQueue()
        orders = HttpOrders(Api(url, key), heard.put, self.stopping, [one.vehicle_id for one in known])
        orders.start()
        outbox = Outbox(HttpTransport(Api(url, key)))
        return self._simulator(known, outbox, orders=heard, post=orders.answer)

    def _known_there(self, api: Api) -> list[Known]:
        fleet_id, count = self.options.fleet_id, self.options.vehicles
        known = remote.known_vehicles(api, fleet_id, count)
        missing = self._missing([one.vehicle_id for one in known])
        if missing:
            remote.make_vehicles(api, fleet_id, missing)
            known = remote.known_vehicles(api, fleet_id, count)
        return known

    def _answered(self, ask: Callable[[], T]) -> T:
        """Ask until somebody answers, for a minute."""
        until = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                return ask()
            except Away as away:
                if time.monotonic() > until or self.stopping.wait(max(1.0, away.wait_s)):
                    raise CommandError(str(away)) from away

    # ------------------------------------------------------------ both

    def _missing(self, found: list[str]) -> list[str]:
        """Ids for the vehicles that the fleet lacks, where they are to be made."""
        fleet_id, count = self.options.fleet_id, self.options.vehicles
        if self.options.make_vehicles:
            ids = (f"{fleet_id}-VH-{number:03}" for number in range(1, len(found) + count + 1))
            return [id_ for id_ in ids if id_ not in found][: count - len(found)]
        if not found and not self.options.wait:
            raise CommandError(
                f"Fleet “{fleet_id}” is not there or has no vehicles; --make-vehicles makes them."
            )
        if len(found) < count:
            self.say(f"Fleet {fleet_id} has {len(found)} vehicles, not {count}; --make-vehicles makes more.")
        return []

    def _simulator(self, known: list[Known], outbox: Outbox, **more: Any) -> Simulator:
        options = self.options
        seed = options.seed or secrets.token_hex(4)
        streets = streets_of(options.area)
        fleet = SimulatedFleet(streets, SCENARIOS[options.scenario], seed=seed)
        now_s = time.time()
        for one in known:
            fleet.add(one, at_s=now_s)
        self.say(
            f"{len(known)} vehicles of {options.fleet_id} drive in {options.area} ({options.scenario}) and report "
            f"every {options.interval_ms:,} ms over {options.transport}; seed {seed}"
        )
        self._tell_strangers(known, fleet)
        return Simulator(fleet, outbox, interval_ms=options.interval_ms, say=self.say, **more)

    def _tell_strangers(self, known: list[Known], fleet: SimulatedFleet) -> None:
        places = [(one.latitude, one.longitude) for one in known]
        far = sum(
            not fleet.streets.holds(latitude, longitude)
            for latitude, longitude in places
            if latitude is not None and longitude is not None
        )
        if far:
            self.say(f"{far} of them were elsewhere and begin anywhere in {self.options.area}.")


def at_least(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}.")
        return value

    return whole_number


def duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``15m`` or ``2h``."""
    found = DURATION.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"“{text}” is no duration; 90, 90s, 15m and 2h are.")
    return float(found[1]) * SECONDS[found[2]]
