"""Commands as a vehicle hears them, and its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class OrderRefused(ValueError):
    """What is ordered cannot be done; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is EXECUTED or FAILED."""

    id: Any
    vehicle_id: str
    command: str
    status: str
    message: str

    def as_data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "vehicle_id": self.vehicle_id,
            "command": self.command,
            "status": self.status,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """``command`` is STOP, RESUME, REROUTE or RETURN_TO_BASE."""

    id: Any
    vehicle_id: str
    command: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, status: str, message: str) -> Answer:
        return Answer(self.id, self.vehicle_id, self.command, status, message)

    @classmethod
    def of(cls, data: Any) -> "Order | None":
        """Of ``{id, vehicle_id, command, params}``; None of what is no command."""
        if not isinstance(data, Mapping) or not all(
            data.get(name) for name in ("id", "vehicle_id", "command")
        ):
            return None
        params = data.get("params")
        return cls(
            data["id"],
            str(data["vehicle_id"]),
            str(data["command"]),
            params if isinstance(params, Mapping) else {},
        )


def waypoints_of(params: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Latitudes and longitudes of ``waypoints``, by their ``order``, or of ``params`` itself."""
    told = params.get("waypoints", [params] if "latitude" in params else [])
    try:
        ordered = sorted(told, key=lambda point: point.get("order") or 0)
        points = [(float(point["latitude"]), float(point["longitude"])) for point in ordered]
    except (TypeError, ValueError, KeyError, AttributeError):
        raise OrderRefused("A waypoint has a latitude and a longitude; one of these has not.") from None
    if not points:
        raise OrderRefused("No waypoints are given; at least one is needed.")
    return points
