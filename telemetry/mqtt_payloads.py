"""MQTT messages as entries of the bus: whose they are by their topic, and what they say."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec

SHARED = "$share"


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """What is subscribed to; ``place`` is the level at which the vehicle's id stands, if any does."""

    text: str
    levels: tuple[str, ...]
    place: int | None

    @classmethod
    def of(cls, text: str) -> "TopicFilter":
        """Raises ValueError where it is not clear which level names the vehicle."""
        levels = text.split("/")
        if levels[0] == SHARED:
            levels = levels[2:]
        places = [place for place, level in enumerate(levels) if level == "+"]
        if len(places) > 1 or "#" in levels[:-1] or not "".join(levels):
            raise ValueError(
                f"MQTT_TOPIC is “{text}”; it should hold one + for the vehicle's id, as fleet/+/telemetry does."
            )
        return cls(text, tuple(levels), places[0] if places else None)

    def vehicle_of(self, topic: str) -> str | None:
        """The vehicle's id; None where the topic is another's, or names none."""
        levels = topic.split("/")
        if self.place is None or not self.matches(topic):
            return None
        return levels[self.place]

    def matches(self, topic: str) -> bool:
        levels = topic.split("/")
        own = self.levels
        if own[-1] == "#":
            own, levels = own[:-1], levels[: len(own) - 1]
        return len(own) == len(levels) and all(
            mine in ("+", its) for mine, its in zip(own, levels, strict=True)
        )


def readings_of(payload: bytes, vehicle_id: str | None) -> list[Any] | None:
    """The readings of a message, each with the vehicle of its topic; None where they are none at all.

    A reading that names another vehicle than its topic gets an id that nobody takes: the pipeline parks
    it, and an administrator sees both.
    """
    try:
        told = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(told, dict) and isinstance(told.get("readings"), list):
        told = told["readings"]
    items = told if isinstance(told, list) else [told]
    if not all(isinstance(item, dict) for item in items):
        return None
    return items if vehicle_id is None else [_of_vehicle(item, vehicle_id) for item in items]


def _of_vehicle(item: dict[str, Any], vehicle_id: str) -> dict[str, Any]:
    said = item.get("vehicle_id")
    if said is None or said == vehicle_id:
        return {**item, "vehicle_id": vehicle_id}
    return {**item, "vehicle_id": {"topic": vehicle_id, "payload": said}}


def entries_of(payload: bytes, vehicle_id: str | None) -> list[tuple[str, bytes, int]]:
    """Whose, what, and how many readings: one entry for each vehicle.

    What is no JSON, or no object or list of objects, stays as it is: the pipeline parks it with the reason.
    """
    readings = readings_of(payload, vehicle_id)
    if readings is None:
        return [(vehicle_id or "", payload, 1)]
    by_vehicle: dict[str, list[Any]] = defaultdict(list)
    for reading in readings:
        named = reading.get("vehicle_id")
        by_vehicle[vehicle_id or (named if isinstance(named, str) else "")].append(reading)
    return [(id_, msgspec.json.encode(own), len(own)) for id_, own in by_vehicle.items()]
