"""COPY in a thread, so that the next rows are read while PostgreSQL takes these."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

from django.db import connection

from api_pattern.outages import is_away

# With the usual 5 ms the sending thread waits for its turn at every few kilobytes, longer than it sends.
SWITCH_SECONDS = 0.000_5


class CopyingBehind:
    """One COPY at a time over the connection of ``cursor``; its other queries wait for the one under way.

    A COPY within the block calls ``wait`` itself. What PostgreSQL refuses is raised by the next wait.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._pending: Future[None] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_SECONDS)
        self._stack.enter_context(connection.execute_wrapper(self._execute))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(1))
        return self

    def __exit__(self, kind: Any, *_error: Any) -> None:
        with self._stack:
            if kind is None:
                self.wait()
        # Whoever is told only of the caller's error would go on over another connection, without its locks.
        lost = self._pending.exception() if self._pending else None
        if lost is not None and is_away(lost):
            raise lost

    def start(self, sql: str, lines: Sequence[str]) -> None:
        self.wait()
        self._pending = self._pool.submit(self._copy, sql, lines)

    def wait(self) -> None:
        ended, self._pending = self._pending, None
        if ended:
            ended.result()

    def _execute(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.wait()
        return execute(*query)

    def _copy(self, sql: str, lines: Sequence[str]) -> None:
        with connection.wrap_database_errors, self._cursor.copy(sql) as copy:
            copy.write("\n".join(lines) + "\n")
