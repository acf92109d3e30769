"""Reading from Kafka: as a member of a group, which shares the partitions, or alone from the end on."""

import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from msg_pattern.bus import AHEAD_MS, Entry
from msg_pattern.bus import entry_of as told_entry
from msg_pattern.kafka_cluster import Address, Topics, bus_error, log

# A broker that has nothing answers after so long; Kafka answers at once when something comes.
WAITS_MS, BELL_WAITS_MS = 100, 50
LOOKS_FOR_PARTITIONS_EVERY_S = 60.0

# The group went on without us: whoever has the partition now is given the entries again.
LOST = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)
# The group is being shared out anew: what we keep can be committed in a moment.
NOT_NOW = frozenset({KafkaError.REBALANCE_IN_PROGRESS})
HARMLESS = frozenset({KafkaError._PARTITION_EOF, KafkaError._MAX_POLL_EXCEEDED})

READING = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
}
IN_A_GROUP = {
    # A dead member's partitions wait this long for the next one.
    "session.timeout.ms": 6_000,
    "partition.assignment.strategy": "cooperative-sticky",
    "fetch.wait.max.ms": WAITS_MS,
    "queued.max.messages.kbytes": 16_384,
}


def make_consumer(address: Address, group: str, **defaults: Any) -> Consumer:
    promised = {**READING, "group.id": group}
    try:
        return Consumer(address.configuration(defaults=defaults, promised=promised), logger=log)
    except KafkaException as error:
        raise bus_error("MESSAGE_BUS_URL cannot be used", error) from error


def entry_of(record: Message) -> Entry:
    """A record without a value, a tombstone, is an entry without data."""
    headers: dict[str, Any] = dict(record.headers() or ())
    return told_entry(
        f"{record.partition()}:{record.offset()}",
        _bytes(record.value()),
        sender=_bytes(headers.get("sender")),
        told=_bytes(headers.get("received_ms")),
        appended_ms=_appended_ms(record),
    )


def _appended_ms(record: Message) -> int:
    """The broker's or the producer's clock; ours where neither told a time that can be."""
    now_ms, told_ms = time.time_ns() // 1_000_000, record.timestamp()[1]
    return told_ms if 0 < told_ms <= now_ms + AHEAD_MS else now_ms


def place_of(entry: Entry) -> tuple[int, int]:
    """Its partition and offset."""
    number, _colon, offset = entry.id.partition(":")
    return int(number), int(offset)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


class Progress:
    """One partition's: what was taken and is not acknowledged, in order, and where the next one begins."""

    __slots__ = ("behind", "open", "upto")

    def __init__(self) -> None:
        self.open: dict[int, None] = {}
        self.upto = 0
        self.behind = False

    def take(self, offset: int) -> None:
        self.open[offset] = None
        self.upto = offset + 1

    def committable(self) -> int:
        """Never past an entry that is not acknowledged."""
        return next(iter(self.open), self.upto)


class KafkaConsumer:
    def __init__(self, address: Address, topics: Topics, channel: str, group: str) -> None:
        topics.make(channel)
        self._topics, self._channel = topics, channel
        self._taken: dict[str, Entry] = {}
        self._progress: dict[int, Progress] = defaultdict(Progress)
        self._consumer = make_consumer(address, group, **IN_A_GROUP)
        self._consumer.subscribe([channel], on_revoke=self._drop, on_lost=self._drop)

    def _drop(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Another member is given these from where we committed: what we hold of them is theirs."""
        for partition in partitions:
            progress = self._progress.pop(partition.partition, Progress())
            for offset in progress.open:
                self._taken.pop(f"{partition.partition}:{offset}", None)

    def take(self, count: int, timeout_s: float) -> list[Entry]:
        if any(progress.behind for progress in self._progress.values()):
            self._commit([number for number, progress in self._progress.items() if progress.behind])
        if len(self._taken) < count:
            self._read(count - len(self._taken), 0 if self._taken else timeout_s)
        return list(islice(self._taken.values(), count))

    def _read(self, count: int, timeout_s: float) -> None:
        """What lies ready; else the first that comes in time, and what came with it."""
        try:
            records = self._consumer.consume(count, 0)
            if not records and (first := self._consumer.poll(timeout_s)):
                records = [first, *self._consumer.consume(count - 1, 0)]
        except KafkaException as error:
            raise bus_error("Entries cannot be read", error) from error
        for record in records:
            if not record.error():
                self._hold(entry_of(record))
        # Only now: what came before the error is held, and is given in the next turn.
        faults = [fault for record in records if (fault := record.error()) and fault.code() not in HARMLESS]
        if faults:
            self._topics.forget([self._channel])
            raise bus_error("Entries cannot be read", faults[0])

    def _hold(self, entry: Entry) -> None:
        number, offset = place_of(entry)
        self._taken[entry.id] = entry
        self._progress[number].take(offset)

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Commit how far each partition is done. What was lost to another member meanwhile is left to it."""
        touched = set()
        for entry in entries:
            if self._taken.pop(entry.id, None) is not None:
                number, offset = place_of(entry)
                del self._progress[number].open[offset]
                touched.add(number)
        self._commit(touched)

    def _commit(self, numbers: Iterable[int]) -> None:
        offsets = [
            TopicPartition(self._channel, number, self._progress[number].committable()) for number in numbers
        ]
        if not offsets:
            return
        try:
            told = self._consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            self._note(offsets, error.args[0])
            return
        for partition in told:
            self._note([partition], partition.error)

    def _note(self, partitions: Iterable[TopicPartition], error: KafkaError | None) -> None:
        code = error.code() if error is not None else None
        if error is not None and code not in LOST | NOT_NOW:
            raise bus_error("How far entries are done cannot be committed", error)
        for partition in partitions:
            if partition.partition in self._progress:
                self._progress[partition.partition].behind = code in NOT_NOW
        if code in LOST:
            log.warning("entries were done after their partitions went to another member")

    def close(self) -> None:
        """Leave the group: its other members need not wait until we look dead."""
        self._taken.clear()
        self._progress.clear()
        try:
            self._consumer.close()
        except RuntimeError:
            return  # closed before


class KafkaSubscription:
    """Reads all partitions from where they end now. No group knows of it, and nothing is committed."""

    def __init__(self, address: Address, topics: Topics, channels: tuple[str, ...]) -> None:
        self._topics, self._channels = topics, channels
        self._counts: dict[str, int] = {}
        self._looked_at = time.monotonic()
        self._consumer = make_consumer(
            address, "fleet-subscription", **{"fetch.wait.max.ms": BELL_WAITS_MS, "log_level": 3}
        )
        self._consumer.assign(self._ends(channels))

    def _ends(self, channels: Iterable[str]) -> list[TopicPartition]:
        """The ends as they are now: what is published once we are back is heard."""
        self._counts = {channel: self._topics.partitions(channel) for channel in channels}
        places = [(channel, number) for channel, count in self._counts.items() for number in range(count)]
        found = self._topics.offsets(places, OffsetSpec.latest())
        return [TopicPartition(*place, offset) for place, offset in found.items()]

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        if time.monotonic() - self._looked_at > LOOKS_FOR_PARTITIONS_EVERY_S:
            self._looked_at = time.monotonic()
            self._add_partitions()
        try:
            record = self._consumer.poll(timeout_s)
        except KafkaException as error:
            raise bus_error("The subscription broke", error) from error
        if record is None:
            return None
        if fault := record.error():
            if fault.code() in HARMLESS:
                return None
            self._topics.forget(self._channels)
            raise bus_error("The subscription broke", fault)
        return str(record.topic()), _bytes(record.value())

    def _add_partitions(self) -> None:
        for channel, count in self._counts.items():
            added = range(count, self._topics.partitions(channel))
            if added:
                self._counts[channel] = added.stop
                self._consumer.incremental_assign([TopicPartition(channel, number, 0) for number in added])

    def close(self) -> None:
        self._consumer.close()
