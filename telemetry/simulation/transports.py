"""The two ways of simulated readings: through the API like any device's, or straight onto the bus."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from msg_pattern.bus import Bus, Outgoing
from msg_pattern.messages import Channel
from telemetry.simulation.http import Answered, Api, Away
from telemetry.simulation.mishaps import Reading

SENDER = "simulator"
NAMED = re.compile(r"readings\[(\d+)\]")

__all__ = ["Away", "BusTransport", "HttpTransport", "Refused", "Sent", "Transport"]


class Refused(Exception):
    """They will never be taken so: another key, address or fleet is needed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How many readings were taken, and how many never will be, and why."""

    accepted: int
    refused: int = 0
    why: str = ""


class Transport(Protocol):
    def send(self, readings: Sequence[Reading]) -> Sent:
        """Raises Away when it has to be tried again, Refused when that would be in vain."""
        ...

    def close(self) -> None: ...


class BusTransport:
    """``check`` raises OSError where so much waits on the bus already that nobody may add to it."""

    def __init__(self, bus: Bus, *, check: Callable[[], None]) -> None:
        self._bus, self._check = bus, check

    def send(self, readings: Sequence[Reading]) -> Sent:
        try:
            self._check()
            self._bus.append(Channel.TELEMETRY_RAW, self._entries(readings))
        except OSError as error:
            raise Away(str(error)) from error
        return Sent(len(readings))

    def _entries(self, readings: Sequence[Reading]) -> list[Outgoing]:
        """One entry; where the bus keeps vehicles apart, one for each of them."""
        apart = self._bus.shards > 1 or self._bus.assigns
        by_key: dict[str, list[Reading]] = defaultdict(list)
        for reading in readings:
            by_key[reading["vehicle_id"] if apart else ""].append(reading)
        now_ms = time.time_ns() // 1_000_000
        return [Outgoing(msgspec.json.encode(told), key, SENDER, now_ms) for key, told in by_key.items()]

    def close(self) -> None:
        return


class HttpTransport:
    def __init__(self, api: Api) -> None:
        self._api = api

    def send(self, readings: Sequence[Reading]) -> Sent:
        answered = self._api.ask("POST", "telemetry", {"readings": readings})
        if answered.status == 202:
            return Sent(len(readings))
        if answered.status == 413 and len(readings) > 1:
            half = len(readings) // 2
            return _together(self.send(readings[:half]), self.send(readings[half:]))
        if answered.status in (409, 413, 422):
            return self._send_the_others(readings, answered)
        if answered.status == 429 or answered.status >= 500:
            raise Away(answered.detail, answered.retry_after_s)
        raise Refused(f"{self._api.url} answers {answered.status}: {answered.detail}")

    def _send_the_others(self, readings: Sequence[Reading], answered: Answered) -> Sent:
        """A batch is refused whole: leave those out that are named, and send the others again."""
        named = {int(number) for field in answered.errors for number in NAMED.findall(field)}
        others = [reading for place, reading in enumerate(readings) if place not in named]
        refused = Sent(0, len(readings) - len(others), answered.detail)
        if not named or not others:
            return Sent(0, len(readings), answered.detail)
        return _together(refused, self.send(others))

    def close(self) -> None:
        self._api.close()


def _together(one: Sent, other: Sent) -> Sent:
    return Sent(one.accepted + other.accepted, one.refused + other.refused, one.why or other.why)
