"""How messages travel: one interface, whatever carries them.

``publish`` and ``subscribe`` are for what may be lost: a bell, a live view. ``append`` and ``consume``
are for what may not: an entry stays until a consumer of the group acknowledges it, and is given again
when a consumer dies.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from msg_pattern.messages import Message


@dataclass(frozen=True)
class Entry:
    """One entry of a stream: its id, its raw ``data``, and how often it was given out before."""

    id: str
    data: bytes
    deliveries: int = 0


class Subscription(Protocol):
    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The next ``(channel, raw message)``, or None when nothing came in time."""
        ...


class Consumer(Protocol):
    def take(self, count: int, timeout_s: float) -> list[Entry]:
        """Up to ``count`` entries: first what a dead consumer left, then new ones."""
        ...

    def acknowledge(self, entries: Iterable[Entry]) -> None: ...

    def reject(self, entry: Entry, reason: str) -> None:
        """Put an entry that can never be worked on aside, with the reason, and acknowledge it."""
        ...


class Bus(Protocol):
    def publish(self, channel: str, message: Message) -> None: ...

    def publish_many(self, channel: str, messages: Iterable[Message]) -> None: ...

    def has_listeners(self, channel: str) -> bool: ...

    def subscribe(self, *channels: str) -> AbstractContextManager[Subscription]: ...

    def append(self, channel: str, data: bytes) -> str: ...

    def append_once(self, channel: str, data: bytes, *, within_s: float) -> str | None:
        """Append unless the very same data was appended so in the last ``within_s`` seconds."""
        ...

    def consume(self, channel: str, *, group: str, name: str) -> Consumer: ...

    def ping(self) -> bool: ...


IMPLEMENTATIONS = {
    "redis": "msg_pattern.redis.RedisBus",
    "rediss": "msg_pattern.redis.RedisBus",
    "unix": "msg_pattern.redis.RedisBus",
    "memory": "msg_pattern.memory.MemoryBus",
}


@cache
def bus_at(url: str) -> Bus:
    scheme = url.split(":", 1)[0]
    try:
        implementation = import_string(IMPLEMENTATIONS[scheme])
    except KeyError as error:
        known = ", ".join(sorted(IMPLEMENTATIONS))
        raise ValueError(
            f"MESSAGE_BUS_URL begins with “{scheme}:”; it should begin with one of {known}."
        ) from error
    bus: Bus = implementation(url)
    return bus


def get_bus() -> Bus:
    return bus_at(settings.MESSAGE_BUS_URL)


def batched(data: Iterable[dict], size: int) -> Iterator[list[dict]]:
    """Slices of ``size``: one message speaks of many vehicles, but not of a million."""
    held: list[dict] = []
    for item in data:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held
