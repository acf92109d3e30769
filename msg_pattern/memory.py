"""The bus in memory: for unit tests of what publishes and consumes, within one process."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count as counter
from queue import Empty, SimpleQueue

from msg_pattern.bus import Entry
from msg_pattern.messages import Message


class MemorySubscription:
    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        try:
            return self.queue.get(timeout=timeout_s)
        except Empty:
            return None


class MemoryConsumer:
    """Entries that were taken and not acknowledged come again after ``abandon``."""

    def __init__(
        self, stream: deque[Entry], taken: dict[str, Entry], rejected: list[tuple[Entry, str]]
    ) -> None:
        self._stream, self._taken, self._rejected = stream, taken, rejected

    def take(self, count: int, timeout_s: float) -> list[Entry]:
        entries = [self._stream.popleft() for _ in range(min(count, len(self._stream)))]
        self._taken.update({entry.id: entry for entry in entries})
        return entries

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._taken.pop(entry.id, None)

    def reject(self, entry: Entry, reason: str) -> None:
        self._rejected.append((entry, reason))
        self.acknowledge([entry])

    def abandon(self) -> None:
        """What a dead consumer leaves: all that it took goes back to the front."""
        for entry in reversed(self._taken.values()):
            self._stream.appendleft(Entry(entry.id, entry.data, entry.deliveries + 1))
        self._taken.clear()


class MemoryBus:
    def __init__(self, url: str = "memory:") -> None:
        self.published: list[tuple[str, Message]] = []
        self.rejected: list[tuple[Entry, str]] = []
        self._streams: dict[str, deque[Entry]] = defaultdict(deque)
        self._taken: dict[str, dict[str, Entry]] = defaultdict(dict)
        self._subscriptions: list[tuple[frozenset[str], MemorySubscription]] = []
        self._seen: dict[tuple[str, bytes], float] = {}
        self._ids = counter(1)

    def publish(self, channel: str, message: Message) -> None:
        self.published.append((channel, message))
        for channels, subscription in self._subscriptions:
            if channel in channels:
                subscription.queue.put((channel, message.to_json()))

    def publish_many(self, channel: str, messages: Iterable[Message]) -> None:
        for message in messages:
            self.publish(channel, message)

    def has_listeners(self, channel: str) -> bool:
        return any(channel in channels for channels, _ in self._subscriptions)

    @contextmanager
    def subscribe(self, *channels: str) -> Iterator[MemorySubscription]:
        held = (frozenset(channels), MemorySubscription())
        self._subscriptions.append(held)
        try:
            yield held[1]
        finally:
            self._subscriptions.remove(held)

    def append(self, channel: str, data: bytes) -> str:
        id_ = f"{next(self._ids)}-0"
        self._streams[channel].append(Entry(id_, data))
        return id_

    def append_once(self, channel: str, data: bytes, *, within_s: float) -> str | None:
        now = time.monotonic()
        if self._seen.get((channel, data), 0) > now:
            return None
        self._seen[channel, data] = now + within_s
        return self.append(channel, data)

    def consume(self, channel: str, *, group: str, name: str) -> MemoryConsumer:
        return MemoryConsumer(self._streams[channel], self._taken[channel], self.rejected)

    def ping(self) -> bool:
        return True
