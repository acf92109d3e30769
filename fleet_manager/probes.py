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


class Question(Generic[Answer]):
    """One question that was put at ``asked_at`` (monotonic seconds)."""

    def __init__(self, asked_at: float) -> None:
        self.asked_at = asked_at
        self.future: Future[Answer] = Future()

    def answer(self, within_s: float) -> Answer:
        """Raises TimeoutError for silence, counted from when it was asked, and whatever the asking raised."""
        return self.future.result(max(0.0, self.asked_at + within_s - time.monotonic()))


class Probe(Generic[Answer]):
    """Asks once at a time: who comes while it is asked waits for the same answer."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self.ask = ask
        self._lock = threading.Lock()
        self._question: Question[Answer] | None = None

    def start(self) -> Question[Answer]:
        with self._lock:
            now, asked = time.monotonic(), self._question
            if asked is None or asked.future.done() or now - asked.asked_at > FORGOTTEN_AFTER_S:
                asked = self._question = Question(now)
                threading.Thread(target=self._run, args=(asked.future,), name="probe", daemon=True).start()
            return asked

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
