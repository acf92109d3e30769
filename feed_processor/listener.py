"""What listens: the lanes (rules and the relay), and the readings of other programs.

Each loop lives in a thread of its own, holds its own database connection, and outlives the restart of
the database and of the bus: it waits a moment, and goes on. What a single lane or message breaks is told
in the log and holds up no other.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import structlog
from django.db import connections, transaction

from api_pattern.outages import is_away
from feed_processor.frontier import stored_until_ms
from feed_processor.readings import CHANNEL, take_readings
from feed_processor.relay import publish_batches
from feed_processor.shards import HeldShards
from msg_pattern.bus import Consumer, Entry, Outgoing, get_bus
from msg_pattern.messages import Channel
from rules.lanes import UNKNOWN, drain_lane, take_lane, tick_lane
from telemetry.acceptance import GROUP
from telemetry.parking import park, parked
from vehicle_management.models import LANES

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 2.0
HEARTBEAT_EVERY_S = 5.0
# A transaction is of so many entries, or of fewer that hold so many bytes: some thousand readings.
ENTRIES_AT_ONCE, BYTES_AT_ONCE = 3_000, 1_000_000
# So many are asked for until it is known how large they are.
ENTRIES_AT_FIRST = 50
# Few at a time cost many times as much each: then the next ones are waited for a moment.
FEW, LINGER_S = 1_000, 0.15
GATHER_S = 0.1
# Two listeners hear one published reading; what a program says again within this time says nothing new.
SAME_WITHIN_S = 2.0


class Listener:
    """Runs until ``stop`` is called."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._loops: dict[str, Callable[[], None]] = {
            "lanes": self._listen_for_changes,
            "published readings": self._keep_published_readings,
            "readings": self._consume_readings,
        }
        self._alive = dict.fromkeys(self._loops, time.monotonic())

    def run(self) -> None:
        threads = [threading.Thread(target=self._go_on, args=(name,), name=name) for name in self._loops]
        for thread in threads:
            thread.start()
        while not self._stopping.wait(HEARTBEAT_EVERY_S):
            self._beat()
        for thread in threads:
            thread.join(timeout=10)

    def stop(self) -> None:
        self._stopping.set()

    def _beat(self) -> None:
        """Tell the supervisor that every loop still turns."""
        path = os.environ.get("HEARTBEAT_FILE")
        if path and time.monotonic() - min(self._alive.values()) < 45:
            Path(path).touch()

    def _go_on(self, name: str) -> None:
        """Run a loop, and again when a server that it needs was away, or when it broke."""
        while not self._stopping.is_set():
            try:
                self._loops[name]()
            except Exception as error:
                if is_away(error):
                    log.warning("listener waits for a server", loop=name, reason=str(error).strip()[:200])
                    self._rest(name, 0.5)
                else:
                    log.exception("listener's loop broke and begins anew", loop=name)
                    self._rest(name, SWEEP_EVERY_S)
        connections.close_all()

    def _rest(self, name: str, seconds: float) -> None:
        connections.close_all()
        self._alive[name] = time.monotonic()
        self._stopping.wait(seconds)

    def _turns(self, name: str) -> bool:
        self._alive[name] = time.monotonic()
        return not self._stopping.is_set()

    def _listen_for_changes(self) -> None:
        """Work on the lanes that a bell names, and every two seconds on whatever no bell told of."""
        with get_bus().subscribe(Channel.CHANGES) as subscription:
            swept_at = worked_at = 0.0
            while self._turns("lanes"):
                lanes = _lanes_of(subscription.receive(timeout_s=SWEEP_EVERY_S / 4))
                # A single bell is answered at once; where they come in a row, a few are answered together.
                if lanes and (early := worked_at + GATHER_S - time.monotonic()) > 0:
                    self._stopping.wait(early)
                until = None
                if time.monotonic() - swept_at >= SWEEP_EVERY_S:
                    lanes, swept_at = set(range(LANES)), time.monotonic()
                    until = stored_until_ms(get_bus())
                while more := subscription.receive(timeout_s=0):
                    lanes |= _lanes_of(more)
                if lanes:
                    work_lanes(sorted(lanes), lambda: self._turns("lanes"), until=until)
                    worked_at = time.monotonic()

    def _keep_published_readings(self) -> None:
        """What is only published could be lost: put it into the stream, once however many of us hear it."""
        bus = get_bus()
        if bus.assigns:
            # There a channel is a topic, and what is published is kept already.
            self._rest("published readings", 1.0)
            return
        with bus.subscribe(Channel.TELEMETRY_RAW) as subscription:
            while self._turns("published readings"):
                heard = subscription.receive(timeout_s=1.0)
                if heard:
                    bus.append_once(Channel.TELEMETRY_RAW, Outgoing(heard[1]), within_s=SAME_WITHIN_S)

    def _consume_readings(self) -> None:
        shards = HeldShards(get_bus(), Channel.TELEMETRY_RAW, GROUP)
        count = ENTRIES_AT_FIRST
        try:
            while self._turns("readings"):
                consumers = list(shards.consumers())
                taken = 0
                for consumer in consumers:
                    waits_s = 1.0 if len(consumers) == 1 else LINGER_S
                    entries = not_too_much(consumer.take(count, timeout_s=waits_s))
                    if entries:
                        taken += take_or_park(consumer, entries)
                        count = as_many_as(entries)
                if not consumers or 0 < taken < FEW:
                    self._stopping.wait(LINGER_S if consumers else SWEEP_EVERY_S)
        finally:
            shards.close()


def not_too_much(entries: list[Entry]) -> list[Entry]:
    """The first of ``entries``, as many as one transaction takes; the rest is given again."""
    size = 0
    for place, entry in enumerate(entries):
        size += len(entry.data)
        if size > BYTES_AT_ONCE and place:
            return entries[:place]
    return entries


def as_many_as(entries: list[Entry]) -> int:
    """How many entries to ask for, where they are as large as these."""
    size = sum(len(entry.data) for entry in entries)
    return max(1, min(ENTRIES_AT_ONCE, len(entries) * BYTES_AT_ONCE // max(1, size)))


def work_lanes(
    lanes: Iterable[int], may_go_on: Callable[[], bool] = lambda: True, *, until: int | None = None
) -> None:
    """Work on every lane of these that no other listener holds; ``until``: ask the clock too."""
    for lane in lanes:
        if not may_go_on():
            return
        try:
            with take_lane(lane) as taken:
                if taken:
                    drain_lane(lane, publish_batches, may_go_on, until=until or UNKNOWN)
                    while until is not None and may_go_on() and tick_lane(lane, until):
                        pass
        except Exception as error:
            if is_away(error):
                raise
            log.exception("lane cannot be worked on", lane=lane)


def take_or_park(consumer: Consumer, entries: list[Entry]) -> int:
    """Take entries; of several that cannot be taken together, the one that breaks us is parked."""
    try:
        return take_readings(consumer, entries)
    except Exception as error:
        if is_away(error):
            raise
        if len(entries) > 1:
            half = len(entries) // 2
            return take_or_park(consumer, entries[:half]) + take_or_park(consumer, entries[half:])
        log.exception("reading breaks the listener", entry=entries[0].id)
        with transaction.atomic():
            park([parked(entries[0], CHANNEL, f"It cannot be taken: {type(error).__name__}.")])
        consumer.acknowledge(entries)
        return 0


def _lanes_of(heard: tuple[str, bytes] | None) -> set[int]:
    """What a bell names; one that nobody of us rang names nothing, and the sweep finds what is to be done."""
    try:
        return set(range(LANES)).intersection(orjson.loads(heard[1])["data"]["lanes"]) if heard else set()
    except (ValueError, TypeError, KeyError):
        log.warning("bell not understood", channel=Channel.CHANGES)
        return set()
