"""Finds processes that are up but do nothing any more. It only judges; the runner acts."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import redis

from fleet_manager.supervisor.plan import Plan
from fleet_manager.supervisor.processes import Child, cpu_ticks_of_group
from fleet_manager.supervisor.servers import valkey_client

EVERY_S = 5.0
SILENCES_ALLOWED = 4
HEARTBEAT_MAX_AGE_S = 60.0
QUEUE_STUCK_S = 120.0
IDLE_TICKS = 50
QUEUES = {"worker": "imports", "worker-2": "celery"}


class Watch(threading.Thread):
    """Asks every process that can be asked, every few seconds, and notes the names of those that hang."""

    def __init__(self, plan: Plan, children: Mapping[str, Child]) -> None:
        super().__init__(name="watch", daemon=True)
        self.plan = plan
        self.children = children
        self.hung: set[str] = set()
        self.silences: Counter[str] = Counter()
        self.waiting: dict[str, tuple[bytes, int, float]] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(EVERY_S):
            for server in self.plan.servers:
                self._count(server.name, server.hangs)
            self._count("web", lambda: not answers(self.plan.url))
            for name, path in self.plan.heartbeats.items():
                self._look_at_heartbeat(name, path)
            for name, queue in QUEUES.items():
                self._look_at_queue(name, queue)

    def _count(self, name: str, is_silent: Callable[[], bool]) -> None:
        self.silences[name] = self.silences[name] + 1 if is_silent() else 0
        if self.silences[name] >= SILENCES_ALLOWED:
            self._note(name)

    def _look_at_heartbeat(self, name: str, path: Path) -> None:
        """A process that never wrote one is not judged by it."""
        child = self.children.get(name)
        if child is None or not path.exists() or child.runs_for_s() < HEARTBEAT_MAX_AGE_S:
            return
        if time.time() - path.stat().st_mtime > HEARTBEAT_MAX_AGE_S:
            self._note(name)

    def _look_at_queue(self, name: str, queue: str) -> None:
        """Hung is who leaves the oldest message lying and uses no processor meanwhile: a busy one uses it."""
        child = self.children.get(name)
        oldest = oldest_message(self.plan.redis_url, queue)
        if child is None or oldest is None:
            self.waiting.pop(name, None)
            return
        ticks, now = cpu_ticks_of_group(child.pid), time.monotonic()
        before = self.waiting.get(name)
        if before is None or before[0] != oldest or ticks - before[1] > IDLE_TICKS:
            self.waiting[name] = (oldest, ticks, now)
        elif now - before[2] > QUEUE_STUCK_S:
            self._note(name)

    def _note(self, name: str) -> None:
        self.silences[name] = 0
        self.waiting.pop(name, None)
        self.hung.add(name)


def answers(url: str, *, timeout_s: float = 5.0) -> bool:
    """Whether the web process answers at all; what it answers is not judged here."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=timeout_s)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def oldest_message(redis_url: str, queue: str) -> bytes | None:
    try:
        with valkey_client(redis_url) as client:
            found = client.lindex(queue, -1)
    except redis.RedisError:
        return None
    return found if isinstance(found, bytes) else None
