"""Questions to servers that may hang: each is asked in a thread of its own, and waited for only so long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

Answer = TypeVar("Answer")

FORGOTTEN_AFTER_S = 60.0
"""A question that hangs for longer was lost with its connection, and is asked anew."""


class Probe(Generic[Answer]):
    """Asks once at a time: who comes while it is asked waits for the same answer."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self.ask = ask
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._future: Future[Answer] | None = None

    def start(self) -> Future[Answer]:
        with self._lock:
            now = time.monotonic()
            if self._future is None or self._future.done() or now - self._asked_at > FORGOTTEN_AFTER_S:
                self._future, self._asked_at = Future(), now
                threading.Thread(target=self._run, args=(self._future,), name="probe", daemon=True).start()
            return self._future

    def answer(self, within_s: float) -> Answer:
        """Raises TimeoutError for silence, counted from when it was asked, and whatever ``ask`` raises."""
        future = self.start()
        return future.result(max(0.0, self._asked_at + within_s - time.monotonic()))

    def _run(self, future: Future[Answer]) -> None:
        try:
            try:
                found = self.ask()
            finally:
                connections.close_all()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(found)
