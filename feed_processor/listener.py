"""What listens: the lanes (rules and the relay), and the readings of other programs.

Each loop lives in a thread of its own, holds its own database connection, and outlives the restart of
the database and of the bus: it waits a moment, and goes on. What a single lane or message breaks is told
in the log and holds up no other.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import orjson
import structlog
from django.db import close_old_connections, connections

from api_pattern.outages import is_away
from feed_processor.readings import take_readings
from feed_processor.relay import publish_batches
from msg_pattern.bus import Consumer, Entry, get_bus
from msg_pattern.messages import Channel
from rules.lanes import drain_lane, take_lane
from vehicle_management.models import LANES

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 2.0
HEARTBEAT_EVERY_S = 5.0
TAKEN_AT_ONCE = 500
GROUP = "feed"
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
            swept_at = 0.0
            while self._turns("lanes"):
                lanes = _lanes_of(subscription.receive(timeout_s=SWEEP_EVERY_S / 4))
                if time.monotonic() - swept_at >= SWEEP_EVERY_S:
                    lanes, swept_at = set(range(LANES)), time.monotonic()
                while more := subscription.receive(timeout_s=0):
                    lanes |= _lanes_of(more)
                work_lanes(sorted(lanes), lambda: self._turns("lanes"))

    def _keep_published_readings(self) -> None:
        """What is only published could be lost: put it into the stream, once however many of us hear it."""
        bus = get_bus()
        with bus.subscribe(Channel.TELEMETRY_RAW) as subscription:
            while self._turns("published readings"):
                heard = subscription.receive(timeout_s=1.0)
                if heard:
                    bus.append_once(Channel.TELEMETRY_RAW, heard[1], within_s=SAME_WITHIN_S)

    def _consume_readings(self) -> None:
        consumer = get_bus().consume(
            Channel.TELEMETRY_RAW, group=GROUP, name=f"{socket.gethostname()}-{os.getpid()}"
        )
        while self._turns("readings"):
            entries = consumer.take(TAKEN_AT_ONCE, timeout_s=1.0)
            if entries:
                close_old_connections()
                take_or_reject(consumer, entries)


def work_lanes(lanes: Iterable[int], may_go_on: Callable[[], bool] = lambda: True) -> None:
    """Work on every lane of these that no other listener holds."""
    for lane in lanes:
        if not may_go_on():
            return
        try:
            with take_lane(lane) as taken:
                if taken:
                    drain_lane(lane, publish_batches, may_go_on)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("lane cannot be worked on", lane=lane)


def take_or_reject(consumer: Consumer, entries: Sequence[Entry]) -> None:
    """Take readings; of several that cannot be taken together, the one that breaks us is put aside."""
    try:
        take_readings(consumer, entries)
    except Exception as error:
        if is_away(error):
            raise
        if len(entries) > 1:
            for entry in entries:
                take_or_reject(consumer, [entry])
            return
        log.exception("reading breaks the listener", entry=entries[0].id)
        consumer.reject(entries[0], f"It cannot be taken: {type(error).__name__}.")


def _lanes_of(heard: tuple[str, bytes] | None) -> set[int]:
    """What a bell names; one that nobody of us rang names nothing, and the sweep finds what is to be done."""
    try:
        return set(range(LANES)).intersection(orjson.loads(heard[1])["data"]["lanes"]) if heard else set()
    except (ValueError, TypeError, KeyError):
        log.warning("bell not understood", channel=Channel.CHANGES)
        return set()
