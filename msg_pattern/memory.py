"""The bus in memory: for unit tests of what publishes and consumes, within one process."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as counter
from queue import Empty, SimpleQueue

from msg_pattern.bus import Backlog, Entry, Outgoing
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
    def __init__(self, stream: deque[Entry]) -> None:
        self._stream = stream

    def take(self, count: int, timeout_s: float) -> list[Entry]:
        return list(self._stream)[:count]

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._stream.remove(entry)

    def close(self) -> None:
        return


class MemoryAppender:
    def __init__(self, bus: "MemoryBus") -> None:
        self._bus = bus

    async def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        self._bus.append(channel, entries)

    async def close(self) -> None:
        return


class MemoryBus:
    shards = 1
    assigns = False

    def __init__(self, url: str = "memory:") -> None:
        self.published: list[tuple[str, Message]] = []
        self._streams: dict[str, deque[Entry]] = defaultdict(deque)
        self._subscriptions: list[tuple[frozenset[str], MemorySubscription]] = []
        self._seen: dict[tuple[str, bytes], float] = {}
        self._ids = counter(1)
        self._last_ms = 0

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

    def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        for one in entries:
            self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
            entry = Entry(f"{next(self._ids)}-0", one.data, one.sender, one.received_ms or self._last_ms)
            self._streams[channel].append(entry)

    def append_once(self, channel: str, entry: Outgoing, *, within_s: float) -> bool:
        now = time.monotonic()
        if self._seen.get((channel, entry.data), 0) > now:
            return False
        self._seen[channel, entry.data] = now + within_s
        self.append(channel, [entry])
        return True

    def appender(self) -> MemoryAppender:
        return MemoryAppender(self)

    def consume(self, channel: str, *, group: str, shard: int = 0) -> MemoryConsumer:
        return MemoryConsumer(self._streams[channel])

    def shards_of(self, channel: str) -> list[int]:
        return [0]

    def backlog(self, channel: str, *, group: str) -> Backlog:
        entries = self._streams[channel]
        oldest = time.time() - entries[0].received_ms / 1000 if entries else 0.0
        return Backlog(len(entries), sum(len(entry.data) for entry in entries), oldest)

    def ping(self) -> bool:
        return True
