"""Writing to Kafka: one producer per process, whose batches all threads and requests share.

librdkafka sends by itself what is handed to it at the same time; a thread of ours hears what was delivered.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from msg_pattern.bus import BusError, Outgoing
from msg_pattern.kafka_cluster import ANSWERS_WITHIN_S, MOST_BYTES, Address, Topics, bus_error, log

HEARS_FOR_S = 0.2
LEFT_AFTER_S = 30.0
FULL_AGAIN_AFTER_S = 0.01
# librdkafka gives up by itself; whoever waits for it waits a little longer.
TOLD_WITHIN_S = ANSWERS_WITHIN_S + 2.0

SHARING = {
    "linger.ms": 0,  # while one request is under way the next one's batch grows by itself
    "compression.type": "zstd",
    "queue.buffering.max.kbytes": 65_536,
    "delivery.timeout.ms": int(ANSWERS_WITHIN_S * 1000),
    "message.max.bytes": MOST_BYTES,
}
PROMISED = {
    "acks": "all",
    "enable.idempotence": True,
    # As Java's producers choose: one vehicle's records lie in one partition, whoever writes them.
    "partitioner": "murmur2_random",
}


class Delivery:
    """Records on their way: ``settle`` is called, by the courier's thread, when the last one's fate is known."""

    __slots__ = ("error", "left", "settle")

    def __init__(self, count: int, settle: Callable[["Delivery"], None]) -> None:
        self.left, self.settle = count, settle
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _record: object) -> None:
        self.left -= 1
        if error is not None:
            self.error = self.error or error
        if not self.left:
            self.settle(self)


def headers_of(entry: Outgoing) -> list[tuple[str, Any]]:
    headers: list[tuple[str, Any]] = []
    if entry.sender:
        headers.append(("sender", entry.sender.encode()))
    if entry.received_ms:
        headers.append(("received_ms", b"%d" % entry.received_ms))
    return headers


class Courier:
    """The process's producer, with the thread that hears what was delivered."""

    def __init__(self, address: Address, topics: Topics) -> None:
        self.topics = topics
        self.worn_at: float | None = None
        self._closing = False
        settings = address.configuration(defaults=SHARING, promised=PROMISED)
        try:
            self._producer = Producer({**settings, "error_cb": self._note}, logger=log)
        except KafkaException as error:
            raise bus_error("MESSAGE_BUS_URL cannot be used", error) from error
        self._thread = threading.Thread(target=self._hear, name="kafka deliveries", daemon=True)
        self._thread.start()

    def _note(self, error: KafkaError) -> None:
        """What librdkafka cannot recover from takes a new producer."""
        if error.fatal():
            log.error("producer is of no use any more, a new one takes over: %s", error)
            self.wear_out()

    def wear_out(self) -> None:
        """Another one takes over for all that comes from now on."""
        self.worn_at = self.worn_at or time.monotonic()

    def _is_done(self) -> bool:
        """Not at once: who asked for us just before still hands over a record, and waits for it."""
        is_left = self.worn_at is not None and time.monotonic() - self.worn_at > LEFT_AFTER_S
        return self._closing or (is_left and not len(self._producer))

    def _hear(self) -> None:
        while not self._is_done():
            try:
                self._producer.poll(HEARS_FOR_S)
            except KafkaException as error:
                self._note(error.args[0])
            except Exception:
                log.exception("what was delivered cannot be told")

    def hand_over(self, topic: str, entry: Outgoing, delivery: Delivery | None = None) -> bool:
        """Give a record to librdkafka; False while its queue is full. Raises BusError."""
        told: dict[str, Any] = {"on_delivery": delivery} if delivery is not None else {}
        try:
            self._producer.produce(
                topic, entry.data, key=entry.key or None, headers=headers_of(entry), **told
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._note(error.args[0])
            raise bus_error("The record cannot be sent", error) from error
        return True

    def deliver(self, topic: str, entries: Sequence[Outgoing]) -> None:
        """Returns when all are on disk. Raises BusError."""
        done = threading.Event()
        delivery = Delivery(len(entries), lambda _delivery: done.set())
        self.topics.make(topic)
        deadline = time.monotonic() + TOLD_WITHIN_S
        for entry in entries:
            while not self.hand_over(topic, entry, delivery):
                if time.monotonic() > deadline:
                    raise too_slow()
                time.sleep(FULL_AGAIN_AFTER_S)
        # The wait begins anew: what was handed over last has its own time to be delivered.
        if entries and not done.wait(TOLD_WITHIN_S):
            raise too_slow()
        self.refuse_failed(topic, delivery)

    def refuse_failed(self, topic: str, delivery: Delivery) -> None:
        if delivery.error is not None:
            raise self.failure(topic, delivery.error)

    def failure(self, topic: str, error: KafkaError) -> BusError:
        self.topics.forget([topic])
        if error.code() == KafkaError._MSG_TIMED_OUT:
            # Whatever holds this one up (a broker that forgot it, say), a new one begins without.
            self.wear_out()
        return bus_error("The bus did not take what was sent", error)

    def close(self, within_s: float) -> None:
        """Send what is left and end. Must not be called from a callback."""
        self._closing = True
        with suppress(KafkaException):
            self._producer.flush(within_s)
        self._thread.join(timeout=2 * HEARS_FOR_S)


def too_slow() -> BusError:
    return BusError(f"The bus did not take what was sent within {TOLD_WITHIN_S:.0f} s.")


class KafkaAppender:
    """One event loop's: many requests share librdkafka's batches, and are woken together."""

    def __init__(self, courier: Callable[[], Courier]) -> None:
        self._courier = courier
        self._loop: asyncio.AbstractEventLoop | None = None
        self._landed: deque[tuple[Delivery, asyncio.Future[KafkaError | None]]] = deque()
        self._making: dict[str, asyncio.Task[int]] = {}
        self._is_rung = False
        self._under_way: set[asyncio.Future[KafkaError | None]] = set()

    async def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        if not entries:
            return
        topics = self._courier().topics
        if not topics.is_made(channel):
            await self._make(topics, channel)
        courier = self._courier()
        future = self._future()
        delivery = Delivery(len(entries), lambda told: self._land(told, future))
        try:
            await self._hand_over(courier, channel, entries, delivery)
            error = await future  # librdkafka tells the fate of each, or gives up in time
        finally:
            self._under_way.discard(future)
        if error is not None:
            raise courier.failure(channel, error)

    async def _make(self, topics: Topics, channel: str) -> None:
        """All who come meanwhile wait for the same answer, and go on in the order in which they came."""
        making = self._making.get(channel)
        if making is None:
            making = self._making[channel] = asyncio.create_task(asyncio.to_thread(topics.make, channel))
            making.add_done_callback(lambda _done: self._making.pop(channel, None))
        await asyncio.shield(making)

    def _future(self) -> asyncio.Future[KafkaError | None]:
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[KafkaError | None] = self._loop.create_future()
        self._under_way.add(future)
        return future

    async def _hand_over(
        self, courier: Courier, channel: str, entries: Iterable[Outgoing], delivery: Delivery
    ) -> None:
        deadline = time.monotonic() + TOLD_WITHIN_S
        for entry in entries:
            while not courier.hand_over(channel, entry, delivery):
                if time.monotonic() > deadline:
                    raise too_slow()
                await asyncio.sleep(FULL_AGAIN_AFTER_S)

    def _land(self, delivery: Delivery, future: asyncio.Future[KafkaError | None]) -> None:
        """In the courier's thread: leave it for the loop, and ring where that was not done yet."""
        self._landed.append((delivery, future))
        if not self._is_rung and self._loop is not None:
            self._is_rung = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        self._is_rung = False
        while self._landed:
            delivery, future = self._landed.popleft()
            if not future.done():
                future.set_result(delivery.error)

    async def close(self) -> None:
        """Returns when nothing is under way any more; the process's producer stays for the others."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=TOLD_WITHIN_S)
