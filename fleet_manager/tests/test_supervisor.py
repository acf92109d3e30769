"""A whole installation on a folder of its own: it starts, keeps itself up, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
import pytest
import redis

from fleet_manager.env import CHECKOUT
from fleet_manager.supervisor.processes import environment_of, start_time_of

PROGRAMS = {"web", "worker", "worker-2", "beat", "listener"}
SERVERS = {"postgres", "valkey"}

pytestmark = pytest.mark.slow


class Installation:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        ours = (
            "DATABASE_",
            "REDIS_",
            "DJANGO_",
            "FLEET_",
            "CELERY_",
            "MESSAGE_",
            "DEMO",
            "PORT",
            "SECRET_KEY",
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {"FLEET_HOME": str(self.home), "PORT": str(self.port), "DEMO": "0", **more}

    def start(self) -> None:
        with (self.home.parent / "output").open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fleet_manager.supervisor", "run"],
                cwd=CHECKOUT,
                env=self.environment(),
                stdout=output,
                stderr=output,
                text=True,
            )
        wait_until(self.is_ready, within_s=90, otherwise=self.output)

    def run_and_wait(self, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fleet_manager.supervisor", "run"],
            cwd=CHECKOUT,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def output(self) -> str:
        return (self.home.parent / "output").read_text()

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def about(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        except FileNotFoundError:
            return {"processes": {}}
        return found

    def pids(self) -> dict[str, int]:
        pids: dict[str, int] = self.about()["processes"]
        return pids

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output()
        if not self.pids().keys() >= PROGRAMS | SERVERS:
            return False
        try:
            with urlopen(f"{self.about()['url']}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def left_behind(self) -> list[int]:
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and environment_of(int(entry.name)).get("FLEET_HOME") == str(self.home)
            and start_time_of(int(entry.name))
        ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], *, within_s: float, otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("installation") / "home")
    running.home.mkdir()
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


def test_run_json_tells_of_every_process_and_how_to_reach_the_servers(installation: Installation):
    about = installation.about()

    assert about["processes"].keys() == PROGRAMS | SERVERS | {"supervisor"}
    assert all(start_time_of(pid) for pid in about["processes"].values())
    with psycopg.connect(about["database_url"]) as connection:
        assert connection.info.server_version >= 180_000
    with redis.Redis.from_url(about["redis_url"]) as client:
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_what_runs_can_be_read_by_its_owner_alone(installation: Installation):
    for name in ("run.json", "secret_key", "run", "logs", "postgres"):
        assert (installation.home / name).stat().st_mode & 0o077 == 0, name


def test_each_process_writes_a_log_of_its_own(installation: Installation):
    for name in PROGRAMS | SERVERS:
        assert (installation.home / "logs" / f"{name}.log").exists(), name


def test_a_second_copy_on_the_same_folder_is_refused(installation: Installation):
    second = installation.run_and_wait(PORT=str(free_port()))

    assert second.returncode == 1
    assert f"A copy runs on the folder {installation.home} already" in second.stderr
    assert installation.is_ready()


def test_a_port_that_is_taken_is_told_and_nothing_is_started(installation: Installation, tmp_path: Path):
    other = Installation(tmp_path)

    refused = other.run_and_wait(PORT=str(installation.port))

    assert refused.returncode == 1
    assert f"Port {installation.port} on 127.0.0.1 cannot be used" in refused.stderr
    assert not (tmp_path / "postgres").exists()
    assert installation.is_ready()


@pytest.mark.parametrize("names", [PROGRAMS, SERVERS], ids=["programs", "servers"])
def test_whatever_is_killed_comes_back(installation: Installation, names: set[str]):
    before = installation.pids()

    for name in names:
        os.kill(before[name], signal.SIGKILL)

    def all_are_back() -> bool:
        now = installation.pids()
        return all(now.get(name, before[name]) != before[name] for name in names) and installation.is_ready()

    wait_until(all_are_back, within_s=60, otherwise=installation.output)
    assert not any(start_time_of(before[name]) for name in names)


def test_after_a_kill_of_the_supervisor_nothing_runs_on_and_the_next_start_keeps_the_data(
    installation: Installation,
):
    assert installation.process is not None
    with psycopg.connect(installation.about()["database_url"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(installation.about()["redis_url"]) as client:
        client.set("kept", "42")

    assert installation.stop(signal.SIGKILL) == -signal.SIGKILL

    wait_until(lambda: not installation.left_behind(), within_s=20, otherwise=lambda: "Something runs on.")
    installation.start()
    with psycopg.connect(installation.about()["database_url"]) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with redis.Redis.from_url(installation.about()["redis_url"]) as client:
        assert client.get("kept") == b"42"


def test_ctrl_c_stops_everything_and_leaves_nothing_behind(installation: Installation):
    assert installation.stop() == 0

    assert installation.left_behind() == []
    assert not (installation.home / "run.json").exists()
    assert "database system is shut down" in (installation.home / "logs" / "postgres.log").read_text()
