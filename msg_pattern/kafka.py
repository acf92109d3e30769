"""The bus on Kafka: each channel is a topic, each record speaks of one vehicle and bears its id as the key.

An entry is on the disks of all replicas in sync before ``append`` returns, and is done when its group's
offset is committed past it. Given twice, a reading changes nothing: once in effect.
"""

import atexit
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from msg_pattern.bus import Backlog, Outgoing
from msg_pattern.kafka_backlog import BacklogReader
from msg_pattern.kafka_cluster import Address, Topics
from msg_pattern.kafka_consumer import KafkaConsumer, KafkaSubscription
from msg_pattern.kafka_producer import Courier, KafkaAppender
from msg_pattern.messages import Channel, Message
from msg_pattern.topics import BELLS

GOODBYE_S = 2.0


class Handles:
    """What one process holds of librdkafka, made at first use."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.topics = Topics(address)
        self.backlog = BacklogReader(address, self.topics)
        self._lock = threading.Lock()
        self._courier: Courier | None = None

    def courier(self) -> Courier:
        """The process's producer, or a new one where the old one is of no use any more."""
        courier = self._courier
        if courier is None or courier.worn_at:
            with self._lock:
                if self._courier is courier:
                    self._courier = Courier(self.address, self.topics)
                courier = self._courier
        assert courier is not None
        return courier

    def close(self) -> None:
        if self._courier is not None:
            self._courier.close(GOODBYE_S)
            self._courier = None
        self.backlog.close()


_buses: "WeakSet[KafkaBus]" = WeakSet()
_left_with_parents: list[Handles] = []


class KafkaBus:
    assigns = True

    def __init__(self, url: str) -> None:
        """Raises ValueError that names what of the address cannot be used."""
        self.url = url
        self.address = Address.read(url)
        # At least 2: entries go out per key, as each key has its own place.
        self.shards = max(2, self.address.topic(Channel.TELEMETRY_RAW).partitions)
        self.handles = Handles(self.address)
        _buses.add(self)

    def begin_anew(self) -> None:
        """In a forked child: librdkafka's threads stayed with the parent, and must not be waited for."""
        _left_with_parents.append(self.handles)
        self.handles = Handles(self.address)

    def publish(self, channel: str, message: Message) -> None:
        """On disk when it returns, unless the channel is a bell, for which nobody waits."""
        if channel not in BELLS:
            self.publish_many(channel, [message])
            return
        courier = self.handles.courier()
        for record in self._records(channel, message):
            courier.hand_over(channel, record)

    def publish_many(self, channel: str, messages: Iterable[Message]) -> None:
        records = [record for message in messages for record in self._records(channel, message)]
        self.append(channel, records)

    def _records(self, channel: str, message: Message) -> Iterator[Outgoing]:
        """A whole message per vehicle, with an id of its own."""
        field = self.address.topic(channel).key
        if not field or not _is_of_many(message.data):
            yield Outgoing(message.to_json(), _key(message.data, field))
            return
        for item in message.data:
            one = Message(message.type, item, occurred_at=message.occurred_at)
            yield Outgoing(one.to_json(), _key(item, field))

    def has_listeners(self, channel: str) -> bool:
        """Always: a topic keeps what is said for whoever comes later."""
        return True

    @contextmanager
    def subscribe(self, *channels: str) -> Iterator[KafkaSubscription]:
        subscription = KafkaSubscription(self.address, self.handles.topics, channels)
        try:
            yield subscription
        finally:
            subscription.close()

    def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        if entries:
            self.handles.courier().deliver(channel, entries)

    def append_once(self, channel: str, entry: Outgoing, *, within_s: float) -> bool:
        """Appends. What is published here is in the topic already: no listener has to put it there once more."""
        self.append(channel, [entry])
        return True

    def appender(self) -> KafkaAppender:
        return KafkaAppender(self.handles.courier)

    def consume(self, channel: str, *, group: str, shard: int = 0) -> KafkaConsumer:
        """A member of the group, which shares the partitions by itself; ``shard`` says nothing here."""
        return KafkaConsumer(self.address, self.handles.topics, channel, group)

    def shards_of(self, channel: str) -> list[int]:
        return list(range(self.shards))

    def backlog(self, channel: str, *, group: str) -> Backlog:
        return self.handles.backlog.tell(channel, group)

    def ping(self) -> bool:
        return self.handles.topics.answers()

    def close(self) -> None:
        self.handles.close()


def _is_of_many(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and all(isinstance(item, dict) for item in data)


def _key(data: Any, field: str) -> str:
    return str(data.get(field) or "") if field and isinstance(data, dict) else ""


def _begin_anew() -> None:
    for bus in list(_buses):
        bus.begin_anew()


def _say_goodbye() -> None:
    """A bell that was rung just before the end is still heard."""
    for bus in list(_buses):
        bus.close()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_say_goodbye)
