"""How messages travel: one interface, whatever carries them.

``publish`` and ``subscribe`` are for what may be lost: a bell, a live view. ``append`` and ``consume``
are for what may not: an entry stays until a consumer of the group acknowledges it, and is given again
when a consumer dies. A channel has ``shards``: the entries of one key lie in one shard, in order.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from msg_pattern.messages import Message

# An entry's own time is believed so far behind and ahead of when it was appended.
OLDEST_MS, AHEAD_MS = 400 * 86_400_000, 5 * 60_000
LONGEST_SENDER = 100


class BusError(OSError):
    """What carries the messages is away, or said no: nothing was taken."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is appended: ``data`` (a message or bare data), of whom (``key``), by whom, and when it came.

    ``received_ms`` counts from 1970; it stays with the entry, so that one that comes twice is of one time.
    """

    data: bytes
    key: str = ""
    sender: str = ""
    received_ms: int = 0


class Entry(NamedTuple):
    """One entry: its id, its raw ``data``, and, where the one who appended it said so, by whom and when."""

    id: str
    data: bytes
    sender: str = ""
    received_ms: int = 0


def entry_of(id_: str, data: bytes, *, sender: bytes, told: bytes | None, appended_ms: int) -> Entry:
    """An entry as a server gives it: any program may have appended it, and told any sender and time."""
    told_ms = int(told) if told and told.isdigit() and len(told) < 16 else 0
    is_likely = appended_ms - OLDEST_MS <= told_ms <= appended_ms + AHEAD_MS
    name = sender[: 4 * LONGEST_SENDER].decode("utf-8", "replace").replace("\x00", "␀")[:LONGEST_SENDER]
    return Entry(id_, data, name, told_ms if is_likely else appended_ms)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What lies in a channel and is not acknowledged: entries, their bytes, the age of the oldest one."""

    entries: int
    size: int
    oldest_s: float


class Subscription(Protocol):
    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The next ``(channel, raw message)``, or None when nothing came in time."""
        ...


class Consumer(Protocol):
    def take(self, count: int, timeout_s: float) -> list[Entry]:
        """Up to ``count`` entries: first what was taken before and never acknowledged, then new ones."""
        ...

    def acknowledge(self, entries: Iterable[Entry]) -> None: ...

    def close(self) -> None: ...


class Appender(Protocol):
    """Appends from an event loop: what is given at the same time goes out in one write."""

    async def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        """Returns when all are on disk. Raises BusError when they are not, or may not be."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    shards: int
    """Into how many shards a channel's entries are spread; more than 1: append per key."""
    assigns: bool
    """Whether consumers of a group share the shards by themselves (Kafka); else who consumes holds a lock."""

    def shards_of(self, channel: str) -> list[int]:
        """The shards to be consumed: those in use, and those that were and still hold entries."""
        ...

    def publish(self, channel: str, message: Message) -> None: ...

    def publish_many(self, channel: str, messages: Iterable[Message]) -> None: ...

    def has_listeners(self, channel: str) -> bool: ...

    def subscribe(self, *channels: str) -> AbstractContextManager[Subscription]: ...

    def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        """Returns when all are on disk. Raises BusError."""
        ...

    def append_once(self, channel: str, entry: Outgoing, *, within_s: float) -> bool:
        """Append unless the very same data was appended so in the last ``within_s`` seconds."""
        ...

    def appender(self) -> Appender: ...

    def consume(self, channel: str, *, group: str, shard: int = 0) -> Consumer: ...

    def backlog(self, channel: str, *, group: str) -> Backlog: ...

    def ping(self) -> bool: ...


IMPLEMENTATIONS = {
    "redis": "msg_pattern.redis.RedisBus",
    "rediss": "msg_pattern.redis.RedisBus",
    "unix": "msg_pattern.redis.RedisBus",
    "kafka": "msg_pattern.kafka.KafkaBus",
    "memory": "msg_pattern.memory.MemoryBus",
}


def shard_of(key: str, shards: int) -> int:
    return zlib.crc32(key.encode()) % shards if shards > 1 else 0


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
