"""Where Kafka is and how it is spoken to: the address's options, and the topics that we make ourselves."""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from msg_pattern.bus import BusError
from msg_pattern.topics import Topic, topic_of

ANSWERS_WITHIN_S = 10.0
PINGS_WITHIN_S = 2.0
# A server that is away is not asked for topics more often.
ASKS_AGAIN_AFTER_S = 1.0
TOLD_AGAIN_AFTER_S = 30.0
COUNTS_AGAIN_AFTER_S = 60.0
BROKERS_DEFAULT = -1
# A post's body may have 10 MB, all of one vehicle.
MOST_BYTES = 12 * 1024**2
SAFE_COPIES = 3

# A topic's name and a partition's number.
Place = tuple[str, int]

log = logging.getLogger("kafka")


class Seldom(logging.Filter):
    """librdkafka tells of a server that is away some twenty times a second: once in a while is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at: dict[tuple[int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # "%s [%s] %s" with FAIL, the client and the text: the first of them is the kind.
        args = record.args
        kind = record.levelno, str(args[0] if isinstance(args, tuple) and len(args) == 3 else record.msg)
        now = time.monotonic()
        if now - self._told_at.get(kind, -TOLD_AGAIN_AFTER_S) < TOLD_AGAIN_AFTER_S:
            return False
        self._told_at[kind] = now
        return True


log.addFilter(Seldom())

QUICK = {
    "client.id": "fleet-manager",
    "socket.nagle.disable": True,
    "socket.keepalive.enable": True,
    "socket.connection.setup.timeout.ms": 5_000,
    "reconnect.backoff.max.ms": 1_000,
    # Partitions that were added are seen within a minute.
    "topic.metadata.refresh.interval.ms": 60_000,
}


@dataclass(frozen=True)
class Address:
    """``kafka://host:port,host:port?option=value``: options with a dot in their name are librdkafka's."""

    servers: str
    options: dict[str, str] = field(default_factory=dict)
    partitions: int | None = None
    replication: int = BROKERS_DEFAULT
    keep_ms: int | None = None

    @classmethod
    def read(cls, url: str) -> "Address":
        """Raises ValueError that names what cannot be used."""
        parts = urlsplit(url)
        servers = unquote(parts.netloc.rpartition("@")[2])
        if not servers:
            raise ValueError("MESSAGE_BUS_URL names no Kafka server; kafka://host:9092,host:9092 would.")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        own = {name: options.pop(name, None) for name in ("partitions", "replication", "retention_ms")}
        if unknown := [name for name in options if "." not in name and name != "debug"]:
            raise ValueError(
                f"MESSAGE_BUS_URL has the option “{unknown[0]}”; it should be partitions, replication, "
                "retention_ms or one of librdkafka's, such as security.protocol."
            )
        if parts.username:
            options.setdefault("sasl.username", unquote(parts.username))
            options.setdefault("sasl.password", unquote(parts.password or ""))
        return cls(
            servers,
            options,
            partitions=_count("partitions", own["partitions"]),
            replication=_count("replication", own["replication"]) or BROKERS_DEFAULT,
            keep_ms=_count("retention_ms", own["retention_ms"]),
        )

    def configuration(self, *, defaults: dict[str, Any], promised: dict[str, Any]) -> dict[str, Any]:
        """A client's: ``promised`` is what no option may take away."""
        return {"bootstrap.servers": self.servers, **QUICK, **defaults, **self.options, **promised}

    def topic(self, channel: str) -> Topic:
        """As the table has it, or as the address says. A bell has one partition in any case."""
        topic = topic_of(channel)
        partitions = self.partitions if self.partitions and topic.partitions > 1 else topic.partitions
        return Topic(partitions, self.keep_ms or topic.keep_ms, topic.key)


def _count(name: str, written: str | None) -> int | None:
    if written is None:
        return None
    if not written.isdigit() or not int(written):
        raise ValueError(f"MESSAGE_BUS_URL has {name}={written}, which is not a whole number above 0.")
    return int(written)


def bus_error(what: str, error: KafkaException | KafkaError) -> BusError:
    told = error.args[0] if isinstance(error, KafkaException) and error.args else error
    reason = told.str() if isinstance(told, KafkaError) else str(told)
    return BusError(f"{what}: {reason}")


class Topics:
    """The cluster's topics; those that we need and nobody has made are made at first use."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._made: dict[str, int] = {}
        self._counted_at: dict[str, float] = {}
        self._away: tuple[float, BusError] | None = None
        self._admin: AdminClient | None = None

    @property
    def admin(self) -> AdminClient:
        if self._admin is None:
            # Its errors come as exceptions; nobody would ever fetch its log.
            self._admin = AdminClient(self._address.configuration(defaults={"log_level": 0}, promised={}))
        return self._admin

    def is_made(self, channel: str) -> bool:
        return channel in self._made

    def make(self, channel: str) -> int:
        """The topic's partitions; it exists on return. Raises BusError."""
        if channel in self._made:
            return self._made[channel]
        with self._lock:
            if self._away and time.monotonic() - self._away[0] < ASKS_AGAIN_AFTER_S:
                raise self._away[1]
            try:
                self._made[channel] = self._find(channel) or self._create(channel)
            except KafkaException as error:
                told = bus_error(f"Topic {channel} cannot be made", error)
                self._away = time.monotonic(), told
                raise told from error
            return self._made[channel]

    def partitions(self, channel: str) -> int:
        """How many there are; one that an administrator added is seen within a minute."""
        count = self.make(channel)
        now = time.monotonic()
        if now - self._counted_at.setdefault(channel, now) > COUNTS_AGAIN_AFTER_S:
            self._counted_at[channel] = now
            try:
                count = self._made[channel] = self._find(channel) or count
            except KafkaException as error:
                raise bus_error(f"Topic {channel} cannot be found", error) from error
        return count

    def forget(self, channels: Iterable[str]) -> None:
        """Whoever could not write to a topic has it looked for again: it may have gone."""
        for channel in channels:
            self._made.pop(channel, None)

    def _find(self, channel: str) -> int:
        # All topics: asking for one by name would make it, with the broker's own number of partitions.
        found = self.admin.list_topics(timeout=ANSWERS_WITHIN_S / 2).topics.get(channel)
        return len(found.partitions) if found else 0

    def _create(self, channel: str) -> int:
        topic = self._address.topic(channel)
        asked = self.admin.create_topics(
            [NewTopic(channel, topic.partitions, self._address.replication, config=self._settings(topic))],
            request_timeout=ANSWERS_WITHIN_S,
        )
        try:
            asked[channel].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return self._find(channel) or topic.partitions
        return topic.partitions

    def _settings(self, topic: Topic) -> dict[str, str]:
        settings = {"retention.ms": str(topic.keep_ms), "max.message.bytes": str(MOST_BYTES)}
        if self._address.replication >= SAFE_COPIES:
            settings["min.insync.replicas"] = "2"
        return settings

    def offsets(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
        """Where partitions begin or end. Raises BusError."""
        try:
            asked = self.admin.list_offsets(
                {TopicPartition(*place): spec for place in places}, request_timeout=ANSWERS_WITHIN_S / 2
            )
            return {(one.topic, one.partition): told.result().offset for one, told in asked.items()}
        except KafkaException as error:
            raise bus_error("The topics' offsets cannot be told", error) from error

    def committed(self, places: Iterable[Place], group: str) -> dict[Place, int]:
        """How far a group is done; below 0 where it has not begun. Raises BusError."""
        wanted = [TopicPartition(*place) for place in places]
        try:
            asked = self.admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=ANSWERS_WITHIN_S / 2
            )
            told = asked[group].result().topic_partitions
        except KafkaException as error:
            raise bus_error(f"The offsets of group {group} cannot be told", error) from error
        return {(one.topic, one.partition): one.offset for one in told}

    def answers(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=PINGS_WITHIN_S).brokers)
        except KafkaException:
            return False
