"""An installation with several listeners, each of which may be killed and comes back."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.installation import Installation, running
from fleet_manager import env
from fleet_manager.supervisor.processes import Child, Spec

LOOK_EVERY_S = 0.1


class Listeners(Installation):
    """The supervisor's own listener, and ``count`` - 1 beside it, which are started here and again when they end."""

    def begin(self, count: int, environment: dict[str, str]) -> None:
        told = self.told()
        held = {name: told[name] for name in ("database_url", "redis_url")}
        self._environment = {
            **os.environ,
            **environment,
            "DJANGO_ENV": "development",
            "FLEET_HOME": str(self.home),
            "DATABASE_URL": held["database_url"],
            "REDIS_URL": held["redis_url"],
            "METRICS_PORT": "0",
        }
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._children = {name: self._start(name) for name in (f"listener-{n}" for n in range(2, count + 1))}
        self._thread = threading.Thread(target=self._keep_up, daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        return ["listener", *self._children]

    def kill(self, name: str) -> bool:
        with self._lock:
            child = self._children.get(name)
            if child is None:
                return super().kill(name)
            if not child.is_running():
                return False
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            return True

    def end(self) -> None:
        self._ending.set()
        self._thread.join()
        for child in self._children.values():
            child.ask_to_stop()
        for child in self._children.values():
            child.stop()

    def _start(self, name: str) -> Child:
        spec = Spec(
            name=name,
            command=[sys.executable, str(env.CHECKOUT / "manage.py"), "listen"],
            environment=self._environment,
            folder=env.CHECKOUT,
        )
        return Child(spec, self.home / "logs" / f"{name}.log")

    def _keep_up(self) -> None:
        while not self._ending.wait(LOOK_EVERY_S):
            for name, child in list(self._children.items()):
                if not child.is_running():
                    child.end_group()
                    with self._lock:
                        self._children[name] = self._start(name)


@contextmanager
def listening(count: int, **settings: str) -> Iterator[Listeners]:
    """An installation with ``count`` listeners and as many shards of readings; it stops with the block."""
    settings = {**settings, "TELEMETRY_SHARDS": str(count), "IMPORT_WORKERS": "1", "JOB_WORKERS": "1"}
    with running(**settings) as one:
        several = Listeners(one.home, one.url, one.supervisor)
        several.begin(count, settings)
        try:
            yield several
        finally:
            several.end()
