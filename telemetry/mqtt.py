"""Takes readings from an MQTT broker onto the bus, and loses none.

A message is acknowledged to the broker only when the bus has it on disk. Whatever happens before, the
broker, which keeps our session, gives it again.
"""

import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from api_pattern import metrics
from msg_pattern.bus import Bus, BusError, Outgoing
from msg_pattern.messages import Channel
from telemetry.acceptance import receipts
from telemetry.mqtt_payloads import TopicFilter, entries_of
from telemetry.room import refuse_when_full

log = structlog.get_logger(__name__)
accepted = metrics.readings_accepted.labels("mqtt")

KEEPALIVE_S = 30
ANSWERS_WITHIN_S = 5.0
SESSION_KEPT_S = 30 * 86_400
# So many messages the broker gives us before the first of them is acknowledged.
MOST_UNACKNOWLEDGED = 1_000
MOST_AT_ONCE = 500
TOGETHER_S = 0.01
BUS_PAUSE_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
V5, V3 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Lost(OSError):
    """The connection to the broker is gone, or did not come about."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and as whom we come."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    is_tls: bool = False
    ca: str = ""

    @classmethod
    def at(cls, url: str) -> "Broker":
        """Of ``mqtt://user:password@host:1883`` or ``mqtts://host?ca=/path``. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("MQTT_URL names no broker; mqtt://user:password@host:1883 does.")
        return cls(
            parts.hostname,
            parts.port or PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            parts.scheme == "mqtts",
            dict(parse_qsl(parts.query)).get("ca", ""),
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{self.host}:{self.port}"


class Connection:
    """One connection, driven by whoever holds it; ``arrived`` are messages that are not taken yet."""

    def __init__(self, broker: Broker, topic: str, client_id: str, protocol: MQTTProtocolVersion) -> None:
        self.broker, self.topic, self.protocol = broker, topic, protocol
        self.arrived: list[MQTTMessage] = []
        self.is_open = self.is_subscribed = False
        self.trouble = ""
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            # Version 3 says here, version 5 at the connecting, that the session goes on.
            clean_session=None if protocol == V5 else False,
            protocol=protocol,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password or None)
        if broker.is_tls:
            self._client.tls_set(ca_certs=broker.ca or None, cert_reqs=ssl.CERT_REQUIRED)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda _client, _data, message: self.arrived.append(message)

    # ------------------------------------------------------------ up and down

    def open(self) -> None:
        """Connect and go on with our session, whose messages may come before the subscription is confirmed.

        Raises Lost, or another OSError where nobody is.
        """
        more: dict[str, Any] = {}
        if self.protocol == V5:
            more = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = SESSION_KEPT_S
            more["properties"].ReceiveMaximum = MOST_UNACKNOWLEDGED
        self._client.connect(self.broker.host, self.broker.port, KEEPALIVE_S, **more)
        until = time.monotonic() + ANSWERS_WITHIN_S
        while not self.is_open:
            self._turn(0.1)
            if time.monotonic() > until:
                raise Lost(f"{self.broker} does not answer in MQTT {self.protocol}.")

    def _turn(self, timeout_s: float) -> None:
        """Read and write whatever there is. Raises Lost."""
        code = self._client.loop(timeout_s)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or self.trouble:
            raise Lost(self.trouble or f"The connection to {self.broker} is lost: {code.name}.")

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.trouble = f"{self.broker} refuses us: {reason}."
            return
        self.is_open = True
        if self.protocol == V5:
            # A message that waits for whoever subscribes is wanted once, not at each connection.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            self._client.subscribe(self.topic, options=options)
        else:
            self._client.subscribe(self.topic, 1)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self.trouble = f"{self.broker} does not let us subscribe to {self.topic}: {reasons[0]}."
        else:
            self.is_subscribed = True

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.trouble = self.trouble or f"{self.broker} ended the connection: {reason}."

    def close(self) -> None:
        self._client.disconnect()

    # ------------------------------------------------------------ messages

    def wait(self, timeout_s: float) -> None:
        """Until messages arrived, and a moment more, for those that come together. Raises Lost."""
        until = time.monotonic() + timeout_s
        while not self.arrived and (left := until - time.monotonic()) > 0:
            self._turn(min(left, timeout_s))
        until = time.monotonic() + TOGETHER_S
        while self.arrived and len(self.arrived) < MOST_AT_ONCE and time.monotonic() < until:
            before = len(self.arrived)
            self._turn(0.001)
            if len(self.arrived) == before:
                break

    def stay_alive(self, seconds: float) -> None:
        """Answer the broker while nothing can be taken. Raises Lost."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._turn(left)

    def take(self) -> list[MQTTMessage]:
        taken, self.arrived = self.arrived[:MOST_AT_ONCE], self.arrived[MOST_AT_ONCE:]
        return taken

    def acknowledge(self, message: MQTTMessage) -> None:
        self._client.ack(message.mid, message.qos)


class Adapter:
    """From one broker onto the bus, until ``stopping`` is set."""

    def __init__(self, bus: Bus, broker: Broker, *, topic: str, client_id: str) -> None:
        self._bus, self._broker, self._client_id = bus, broker, client_id
        self._topic = TopicFilter.of(topic)
        self._protocol, self._is_protocol_known = V5, False
        self.connection: Connection | None = None

    def run(self, stopping: threading.Event) -> None:
        pause_s = 0.0
        while not stopping.is_set():
            connection = Connection(self._broker, self._topic.text, self._client_id, self._protocol)
            self.connection = connection
            try:
                self._serve(connection, stopping)
            except OSError as error:
                log.warning("MQTT broker is away", reason=str(error)[:200])
            finally:
                connection.close()
            pause_s = 0.0 if connection.is_subscribed else min(2 * pause_s, LONGEST_PAUSE_S)
            pause_s = max(pause_s, FIRST_PAUSE_S)
            stopping.wait(pause_s)

    def _serve(self, connection: Connection, stopping: threading.Event) -> None:
        """Raises OSError when the connection ends before we want it to."""
        try:
            connection.open()
        except Lost:
            self._try_the_other_protocol()
            raise
        self._is_protocol_known = True
        log.info("MQTT broker answers", broker=str(self._broker), topic=self._topic.text)
        while not stopping.is_set():
            connection.wait(0.5)
            messages = connection.take()
            if messages:
                self._keep(messages, connection, stopping)

    def _try_the_other_protocol(self) -> None:
        """Some brokers speak version 3.1.1 alone, and answer nothing to version 5."""
        if not self._is_protocol_known:
            self._protocol = V3 if self._protocol == V5 else V5

    def _keep(self, messages: list[MQTTMessage], connection: Connection, stopping: threading.Event) -> None:
        """Put messages onto the bus, however long it is away, then acknowledge them. Raises Lost."""
        told = [(message, self._entries_of(message)) for message in messages]
        entries = [entry for _message, own in told for entry, _count in own]
        while entries and not self._append(entries):
            if stopping.is_set():
                return
            connection.stay_alive(BUS_PAUSE_S)
        for message in messages:
            connection.acknowledge(message)
        accepted.inc(sum(count for _message, own in told for _entry, count in own))

    def _append(self, entries: list[Outgoing]) -> bool:
        try:
            refuse_when_full(self._bus)
            self._bus.append(Channel.TELEMETRY_RAW, entries)
        except BusError as error:
            log.warning("readings of MQTT wait", reason=str(error)[:200], readings=len(entries))
            return False
        return True

    def _entries_of(self, message: MQTTMessage) -> list[tuple[Outgoing, int]]:
        """A message as entries, each with how many readings it holds; an empty one says nothing."""
        topic = message.topic
        if not self._topic.matches(topic):
            log.warning("MQTT message of a topic that is not ours", topic=topic[:200])
            return []
        vehicle_id = self._topic.vehicle_of(topic)
        if not message.payload:
            return []
        sender, now_ms = f"mqtt:{vehicle_id or ''}", time.time_ns() // 1_000_000
        return [
            (Outgoing(data, key, sender, receipts.give({key}, count, now_ms)), count)
            for key, data, count in entries_of(bytes(message.payload), vehicle_id)
        ]
