"""Runs a simulated fleet at a steady pace, whatever becomes of those who listen."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from telemetry.simulation.fleet import SimulatedFleet
from telemetry.simulation.orders import Answer
from telemetry.simulation.outbox import Outbox

TOLD_EVERY_S = 10.0
# Vehicles report in turn, in so many portions of an interval at most, each of so much time at least.
MOST_PORTIONS, PORTION_MS = 10, 500
BEHIND_S, CLOCK_OFF_S = 5.0, 2.0
LAST_WORDS_WITHIN_S = 6.0
TIMES_REMEMBERED = 10_000


class Pace:
    """Due times, ``interval_ms / portions`` apart, by a clock that nobody sets: pauses do not add up.

    Where the wall's clock was set, or this process could not keep up, it begins anew from now.
    """

    def __init__(self, interval_ms: int, portions: int) -> None:
        self.interval_ms, self.portions = interval_ms, portions
        self.begun_anew = 0
        self._begin()

    def _begin(self) -> None:
        self._turn = 0
        self._began_s, self._began_ms = time.monotonic(), time.time_ns() // 1_000_000

    def wait(self, stopping: threading.Event) -> tuple[int, int]:
        """Wait for the next due time; answers whose turn it is (from 0) and the time in ms since 1970."""
        self._turn += 1
        rounds, portion = divmod(self._turn, self.portions)
        after_ms = rounds * self.interval_ms + portion * self.interval_ms // self.portions
        left_s = self._began_s + after_ms / 1000 - time.monotonic()
        if left_s > 0:
            stopping.wait(left_s)
        off_s = time.time() - (self._began_ms + after_ms) / 1000
        if left_s < -BEHIND_S or abs(off_s) > CLOCK_OFF_S + max(0.0, -left_s):
            self.begun_anew += 1
            self._begin()
            return portion, self._began_ms
        return portion, self._began_ms + after_ms


class Simulator:
    """``orders`` are commands as they came, ``post`` hands on the answers; ``look`` may change who drives.

    ``said_ms`` holds the times of its latest readings: one of another time is of somebody else.
    """

    def __init__(
        self, fleet: SimulatedFleet, outbox: Outbox, *, interval_ms: int, orders: SimpleQueue[Any],
        say: Callable[[str], None], post: Callable[[Sequence[Answer]], None],
        look: Callable[["Simulator"], None] | None = None,
    ) -> None:  # fmt: skip
        self.fleet, self.outbox, self.say = fleet, outbox, say
        self._orders, self._post, self._look = orders, post, look
        self.started_ms = time.time_ns() // 1_000_000
        self.said_ms: deque[int] = deque(maxlen=TIMES_REMEMBERED)
        self._portions: list[list[str]] = []
        self._told: Counter[str] = Counter()
        self._pace = Pace(interval_ms, max(1, min(interval_ms // PORTION_MS, MOST_PORTIONS)))
        self.share_out()

    def share_out(self) -> None:
        """Who reports in which portion of the interval; again when vehicles come or go."""
        ids = sorted(self.fleet.vehicles)
        self._portions = [ids[place :: self._pace.portions] for place in range(self._pace.portions)]

    def run(self, stopping: threading.Event, *, duration_s: float | None = None) -> None:
        """Until ``stopping`` is set, the time is over, or what is sent is refused for good."""
        self.outbox.start()
        ends_at = None if duration_s is None else time.monotonic() + duration_s
        told_at = time.monotonic()
        while not stopping.is_set() and self.outbox.refusal is None:
            portion, at_ms = self._pace.wait(stopping)
            if stopping.is_set() or (ends_at is not None and time.monotonic() > ends_at):
                break
            if time.monotonic() - told_at >= TOLD_EVERY_S:
                told_at += TOLD_EVERY_S
                self.tell()
            self._turn(portion, at_ms)
        self._end()

    def _turn(self, portion: int, at_ms: int) -> None:
        if self._look is not None:
            self._look(self)
        self._obey()
        readings = self.fleet.report(self._portions[portion], at_s=at_ms / 1000)
        self.said_ms.append(at_ms)
        if readings:
            self.outbox.put(readings)
        answers = self.fleet.take_answers()
        if answers:
            self._post(answers)

    def _obey(self) -> None:
        try:
            while True:
                self.fleet.obey(self._orders.get_nowait())
        except Empty:
            return

    def _end(self) -> None:
        if self.outbox.refusal is None:
            self.outbox.put(self.fleet.take_held())
            left = self.outbox.finish(LAST_WORDS_WITHIN_S)
            if left:
                self.say(f"{left:,} readings could not be sent any more: {self.outbox.trouble}")
        self.tell()

    # ------------------------------------------------------------ telling

    def tell(self) -> None:
        """A line of what was sent since the last one."""
        outbox = self.outbox
        now = Counter(sent=outbox.sent, refused=outbox.refused, dropped=outbox.dropped) + self.fleet.counts
        new = now - self._told
        self._told = now
        line = (
            f"{time.strftime('%H:%M:%S')}  {len(self.fleet.vehicles)} vehicles, "
            f"{self.fleet.count_moving()} driving: {new.pop('sent', 0):,} readings sent, "
            f"{outbox.count_waiting():,} wait"
        )
        others = ", ".join(f"{name} {count:,}" for name, count in sorted(new.items()))
        trouble = f" ({outbox.trouble})" if outbox.trouble else ""
        self.say(line + (f"; {others}" if others else "") + trouble)
