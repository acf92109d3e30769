"""What the database knows of the vehicles that a simulator on this installation drives."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections, transaction
from django.utils import timezone

from accounts.models import Fleet
from api_pattern.outages import is_away
from msg_pattern.bus import Bus
from msg_pattern.messages import Channel
from telemetry.acceptance import GROUP
from telemetry.simulation.simulator import Simulator
from telemetry.simulation.vehicles import Known
from vehicle_management.models import Vehicle
from vehicle_management.services import create_vehicles

log = structlog.get_logger(__name__)

LOOKED_EVERY_S = 5.0
# Who begins to drive a vehicle that another simulator drives as well gives the other time to notice.
INSISTS_S = 30.0
DRAINED_WITHIN_S = 15.0
NUMBERS = [name for name in Known.__slots__ if name not in ("vehicle_id", "is_electric")]


class MadeForSimulation:
    """What a history names where a vehicle was made to be simulated."""

    def as_cause(self) -> dict[str, Any]:
        return {"kind": "message", "channel": str(Channel.TELEMETRY_RAW)}


def load_vehicles(fleet_id: str, count: int) -> list[Vehicle]:
    """The fleet's first ``count`` vehicles by id, with their statuses."""
    vehicles = Vehicle.objects.filter(fleet__fleet_id=fleet_id).select_related("status")
    return list(vehicles.order_by("vehicle_id")[:count])


def known_of(vehicle: Vehicle) -> Known:
    status = getattr(vehicle, "status", None)
    told = {name: getattr(status, name, None) for name in NUMBERS}
    is_electric = None
    if vehicle.fuel_type:
        is_electric = vehicle.fuel_type.lower() in ("electric", "bev")
    elif told["odometer_km"] is not None:
        is_electric = told["fuel_pct"] is None
    return Known(vehicle.vehicle_id, **told, is_electric=is_electric)


@transaction.atomic
def make_missing(fleet_id: str, vehicle_ids: Sequence[str]) -> None:
    fleet, _made = Fleet.objects.get_or_create(fleet_id=fleet_id, defaults={"fleet_name": fleet_id})
    create_vehicles([{"vehicle_id": id_, "fleet": fleet} for id_ in vehicle_ids], by=MadeForSimulation())


def wait_until_stored(bus: Bus) -> bool:
    """What was sent before we began is stored, so that no odometer goes back; False after a while."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < DRAINED_WITHIN_S:
        waiting = bus.backlog(Channel.TELEMETRY_RAW, group=GROUP)
        if not waiting.entries or waiting.oldest_s < waited:
            return True
        time.sleep(0.1)
    return False


class Neighbours:
    """Keeps a simulator off vehicles that are gone or that somebody else reports for, such as a phone.

    A vehicle that came back, or that nobody has reported for until it counts as OFFLINE, is driven again
    from where it was last seen.
    """

    def __init__(self, fleet_id: str, count: int) -> None:
        self._fleet_id, self._count = fleet_id, count
        self._looked_at = time.monotonic()
        self._insists_until_ms: dict[str, int] = {}

    def __call__(self, simulator: Simulator) -> None:
        if time.monotonic() - self._looked_at < LOOKED_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            close_old_connections()
            self._look(simulator, load_vehicles(self._fleet_id, self._count))
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("simulator cannot look at the vehicles", reason=str(error).strip()[:200])

    def _look(self, simulator: Simulator, vehicles: list[Vehicle]) -> None:
        driven = set(simulator.fleet.vehicles)
        found = {vehicle.vehicle_id: vehicle for vehicle in vehicles}
        ours = set(simulator.said_ms)
        left = {id_ for id_ in driven if id_ not in found or self._is_anothers(found[id_], simulator, ours)}
        taken = [found[id_] for id_ in found.keys() - driven if _is_free(found[id_], simulator)]
        for vehicle_id in left:
            simulator.fleet.remove(vehicle_id)
        for vehicle in taken:
            simulator.fleet.add(known_of(vehicle), at_s=time.time())
            self._insists_until_ms[vehicle.vehicle_id] = int((time.time() + INSISTS_S) * 1000)
        if left or taken:
            self._tell(simulator, sorted(left), sorted(vehicle.vehicle_id for vehicle in taken))

    def _is_anothers(self, vehicle: Vehicle, simulator: Simulator, ours: set[int]) -> bool:
        status = getattr(vehicle, "status", None)
        if status is None or status.recorded_at is None:
            return False
        recorded_ms = round(status.recorded_at.timestamp() * 1000)
        from_start_ms = simulator.started_ms + int(INSISTS_S * 1000)
        insists_until_ms = self._insists_until_ms.get(vehicle.vehicle_id, from_start_ms)
        return recorded_ms > insists_until_ms and recorded_ms not in ours

    def _tell(self, simulator: Simulator, left: list[str], taken: list[str]) -> None:
        simulator.share_out()
        if left:
            simulator.say(f"left to others, or gone: {', '.join(left)}")
        if taken:
            simulator.say(f"taken over: {', '.join(taken)}")


def _is_free(vehicle: Vehicle, simulator: Simulator) -> bool:
    """Nobody reports for it, and it stands where we drive, or nowhere yet."""
    status = getattr(vehicle, "status", None)
    if status is None or status.recorded_at is None:
        return True
    silent_s = (timezone.now() - status.recorded_at).total_seconds()
    is_here = status.latitude is None or simulator.fleet.streets.holds(status.latitude, status.longitude)
    return silent_s > settings.OFFLINE_AFTER_S and is_here
