"""A whole installation, as `make run` starts it, in a folder that goes with it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

READY_WITHIN_S = 120
STOPPED_WITHIN_S = 60
ADMINISTRATOR = ("administrator@fleet.example", "Load-and-fault-1")


@dataclass
class Installation:
    """Where it is reached, and its processes by name."""

    home: Path
    url: str
    supervisor: subprocess.Popen[bytes]

    def told(self) -> dict[str, Any]:
        """``run.json``; empty for a moment while it is not there."""
        try:
            told: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return told

    def pid(self, name: str) -> int | None:
        pid: int | None = self.told().get("processes", {}).get(name)
        return pid

    def kill(self, name: str) -> bool:
        """End one of its processes without warning; only a pid that it told of itself."""
        pid = self.pid(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            if self.supervisor.poll() is not None:
                raise RuntimeError((self.home / "supervisor.out").read_text())
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.url} was not ready within {READY_WITHIN_S} s")
            time.sleep(0.1)

    def log_in(self) -> requests.Session:
        session = requests.Session()
        body = dict(zip(("email", "password"), ADMINISTRATOR, strict=True))
        answer = session.post(f"{self.url}/api/v1/auth/login", json=body, timeout=30)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return session


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(**settings: str) -> Iterator[Installation]:
    """Start one on a free port with an empty database and one administrator; it stops with the block."""
    home = Path(tempfile.mkdtemp(prefix="fleet-"))
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
        "DJANGO_ENV": "development",
        "DEMO": "0",
        "DEMO_SIMULATOR": "0",
        **settings,
        "FLEET_HOME": str(home),
        "PORT": str(port),
    }
    with (home / "supervisor.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet_manager.supervisor", "run"], env=environment, stdout=out, stderr=out
        )
    installation = Installation(home, f"http://127.0.0.1:{port}", process)
    try:
        installation.wait_until_ready()
        _make_administrator(environment | {"DATABASE_URL": installation.told()["database_url"]})
        yield installation
    finally:
        process.terminate()
        process.wait(STOPPED_WITHIN_S)
        shutil.rmtree(home, ignore_errors=True)


def _make_administrator(environment: dict[str, str]) -> None:
    email, password = ADMINISTRATOR
    subprocess.run(
        [sys.executable, "manage.py", "createsuperuser", "--no-input", "--email", email],
        env={**environment, "DJANGO_SUPERUSER_PASSWORD": password},
        check=True,
        stdout=subprocess.DEVNULL,
    )
