"""What waits to be sent: bounded, sent in order in the background, and kept while nobody takes it."""

import threading
import time
from collections import deque
from collections.abc import Sequence

from telemetry.simulation.mishaps import Reading
from telemetry.simulation.transports import Away, Refused, Transport

MOST_KEPT = 100_000
MOST_AT_ONCE = 1_000
FIRST_PAUSE_S, LONGEST_PAUSE_S, LAST_PAUSE_S = 0.5, 10.0, 0.2


class Outbox(threading.Thread):
    """Tries again for ever, with growing pauses; past ``MOST_KEPT`` the oldest readings are dropped."""

    def __init__(self, transport: Transport, *, most_kept: int = MOST_KEPT) -> None:
        super().__init__(name="outbox", daemon=True)
        self._transport, self._most_kept = transport, most_kept
        self._waiting: deque[Reading] = deque()
        self._in_hand: list[Reading] = []
        self._changed = threading.Condition()
        self._ends_at: float | None = None
        self.sent = self.refused = self.dropped = 0
        self.trouble = ""
        self.refusal: Refused | None = None

    def put(self, readings: Sequence[Reading]) -> None:
        with self._changed:
            self._waiting.extend(readings)
            while len(self._waiting) > self._most_kept:
                self._waiting.popleft()
                self.dropped += 1
            self._changed.notify()

    def count_waiting(self) -> int:
        return len(self._waiting) + len(self._in_hand)

    def finish(self, within_s: float) -> int:
        """Send what still waits; answers how many readings nobody took in time."""
        with self._changed:
            self._ends_at = time.monotonic() + within_s
            self._changed.notify()
        self.join(within_s + 1)
        return self.count_waiting()

    def run(self) -> None:
        pause_s = 0.0
        try:
            while self._take():
                pause_s = self._send(pause_s)
        except Refused as refusal:
            self.refusal = refusal
        finally:
            self._transport.close()

    def _take(self) -> list[Reading]:
        """What is sent next, what was taken before first; nothing at the end."""
        with self._changed:
            while not (self._waiting or self._in_hand or self._ends_at):
                self._changed.wait()
            if self._ends_at and time.monotonic() > self._ends_at:
                return []
            while self._waiting and len(self._in_hand) < MOST_AT_ONCE:
                self._in_hand.append(self._waiting.popleft())
            return self._in_hand

    def _send(self, pause_s: float) -> float:
        """Send what is in hand; answers how long to wait when the next try fails too."""
        try:
            outcome = self._transport.send(self._in_hand)
        except Away as away:
            self.trouble = str(away)
            self._rest(max(away.wait_s, pause_s))
            return min(max(2 * pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._in_hand = []
        self.sent += outcome.accepted
        self.refused += outcome.refused
        self.trouble = outcome.why
        return 0.0

    def _rest(self, seconds: float) -> None:
        """Until the next try; at the end, when time is short, only for a moment."""
        with self._changed:
            self._changed.wait_for(lambda: self._ends_at is not None, seconds)
        if self._ends_at is not None:
            time.sleep(LAST_PAUSE_S)
