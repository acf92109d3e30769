"""What a group has not done yet: counted by offsets; bytes and age from the records that are next."""

import threading
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from msg_pattern.bus import Backlog
from msg_pattern.kafka_cluster import Address, Place, Topics, bus_error
from msg_pattern.kafka_consumer import make_consumer

SAMPLED_WITHIN_S = 0.5
SAMPLE_RECORDS, SAMPLE_BYTES = 500, 32_768
# What a record takes beside its value: its key, its headers, offset and time.
BESIDE_BYTES = 60


class BacklogReader:
    def __init__(self, address: Address, topics: Topics) -> None:
        self._address, self._topics = address, topics
        self._lock = threading.Lock()
        self._reader: Consumer | None = None

    def tell(self, channel: str, group: str) -> Backlog:
        """Raises BusError."""
        places = [(channel, number) for number in range(self._topics.partitions(channel))]
        ends = self._topics.offsets(places, OffsetSpec.latest())
        begins = self._topics.offsets(places, OffsetSpec.earliest())
        done = self._topics.committed(places, group)
        nexts = {place: max(begins[place], done.get(place, -1)) for place in places}
        waiting = {place: ends[place] - at for place, at in nexts.items() if ends[place] > at}
        if not waiting:
            return Backlog(0, 0, 0.0)
        entries = sum(waiting.values())
        record_bytes, oldest_s = self._sample({place: nexts[place] for place in waiting})
        return Backlog(entries, int(entries * record_bytes), oldest_s)

    def _sample(self, nexts: Mapping[Place, int]) -> tuple[float, float]:
        """The mean size of a record, not compressed, and the age in seconds of the oldest one; 0 where unknown."""
        with self._lock:
            try:
                records = self._read(nexts)
            except KafkaException as error:
                raise bus_error("The backlog cannot be looked at", error) from error
        if not records:
            return 0.0, 0.0
        sizes = [len(record.value() or b"") + BESIDE_BYTES for record in records]
        oldest_ms = min(record.timestamp()[1] for record in records)
        age_s = max(0.0, time.time() - oldest_ms / 1000) if oldest_ms > 0 else 0.0
        return sum(sizes) / len(sizes), age_s

    def _read(self, nexts: Mapping[Place, int]) -> list[Message]:
        """Some of what is next of each partition."""
        if self._reader is None:
            self._reader = self._make_reader()
        reader, awaited = self._reader, set(nexts)
        reader.assign([TopicPartition(*place, offset) for place, offset in nexts.items()])
        records: list[Message] = []
        deadline = time.monotonic() + SAMPLED_WITHIN_S
        while awaited and time.monotonic() < deadline:
            first = reader.poll(SAMPLED_WITHIN_S / 10)
            found = [first, *reader.consume(SAMPLE_RECORDS, 0)] if first else []
            records += [record for record in found if not record.error()]
            awaited -= {(str(record.topic()), record.partition() or 0) for record in found}
        reader.unassign()
        return records

    def _make_reader(self) -> Consumer:
        return make_consumer(
            self._address,
            "fleet-backlog",
            **{
                "max.partition.fetch.bytes": SAMPLE_BYTES,
                "queued.min.messages": 1,
                "fetch.wait.max.ms": 10,
                "fetch.queue.backoff.ms": 0,
                "log_level": 3,
            },
        )

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
