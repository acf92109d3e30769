"""What the API knows of a fleet's vehicles, so that a simulator elsewhere begins where they are."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from telemetry.simulation.http import Answered, Api
from telemetry.simulation.vehicles import Known

PAGE = 200


class NotTold(Exception):
    """The API does not tell of the fleet, or does not make its vehicles; the sentence says why."""


def known_vehicles(api: Api, fleet_id: str, count: int) -> list[Known]:
    """The fleet's first ``count`` vehicles. Raises NotTold, and Away where nobody answers."""
    return [_known_of(api, vehicle_id) for vehicle_id in _ids_of(api, fleet_id, count)]


def _ids_of(api: Api, fleet_id: str, count: int) -> list[str]:
    ids: list[str] = []
    for page in _pages(api, f"fleet/{quote(fleet_id, safe='')}/vehicles?ordering=vehicle_id&limit={PAGE}"):
        ids += [one["vehicle_id"] for one in page]
        if len(ids) >= count:
            break
    return ids[:count]


def _pages(api: Api, path: str) -> Iterator[list[dict[str, Any]]]:
    number = 1
    while True:
        body = _checked(api, api.ask("GET", f"{path}&page={number}")).body
        yield body["data"]
        if not body["next"]:
            return
        number += 1


def _known_of(api: Api, vehicle_id: str) -> Known:
    told = _checked(api, api.ask("GET", f"vehicles/{quote(vehicle_id, safe='')}/status")).body
    names = [name for name in Known.__slots__ if name not in ("vehicle_id", "is_electric")]
    is_electric = None if told.get("odometer_km") is None else told.get("fuel_pct") is None
    return Known(vehicle_id, **{name: told.get(name) for name in names}, is_electric=is_electric)


def make_vehicles(api: Api, fleet_id: str, vehicle_ids: list[str]) -> None:
    for start in range(0, len(vehicle_ids), PAGE):
        some = [{"vehicle_id": id_, "fleet_id": fleet_id} for id_ in vehicle_ids[start : start + PAGE]]
        _checked(api, api.ask("POST", "vehicles", some))


def _checked(api: Api, answered: Answered) -> Answered:
    if answered.status < 300:
        return answered
    raise NotTold(f"{api.url} answers {answered.status}: {answered.detail}")
