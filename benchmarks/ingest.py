"""Telemetry over HTTP: ours beside FastAPI with asyncpg, and beside Django REST framework, in one run.

    python -m benchmarks.ingest [--seconds 6]

The same readings over loopback from a process of their own; PostgreSQL commits to disk, Valkey answers
when it is on disk (`appendfsync always`), and ours checks an API key. Processor seconds are those of all
server processes until everything is stored in PostgreSQL.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg
from redis import Redis

from benchmarks import setting
from benchmarks.fastapi_app import TABLE
from benchmarks.installation import free_port
from benchmarks.senders import VEHICLES, Load, Told

STREAM = "fleet.telemetry.raw"
OFFERED = 400.0
BATCH = 100
TELEMETRY = "/api/v1/telemetry"


def fill(vehicles: int = VEHICLES) -> str:
    """The vehicles and a key that may send; answers the key's secret."""
    from accounts.services import create_key
    from vehicle_management.models import Vehicle

    fleet, by = setting.fleet_and_person()
    Vehicle.objects.bulk_create(Vehicle(vehicle_id=f"VH-{n:05d}", fleet=fleet) for n in range(vehicles))
    _key, secret = create_key({"name": "bench", "scopes": ["ingest"]}, fleets=[fleet], by=by)
    return secret


@contextmanager
def process(*command: str, port: int = 0, **variables: str) -> Iterator[None]:
    """A server of this benchmark; with a ``port`` it is waited for until it listens."""
    environment = {**os.environ, **variables, "TELEMETRY_RATE_PER_KEY": "10000000"}
    child = subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while port and not _listens(child.pid, port):
            if child.poll() is not None:
                raise RuntimeError(f"{command} ended by itself")
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        child.wait(30)


def _listens(pid: int, port: int) -> bool:
    parent = psutil.Process(pid)
    found = [
        one for child in (parent, *parent.children(recursive=True)) for one in child.net_connections("tcp")
    ]
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def ours(port: int) -> Any:
    return process("-m", "fleet_manager.web", port=port, PORT=str(port), DATABASE_POOL_SIZE="4")


def listener() -> Any:
    return process("manage.py", "listen")


def fastapi(port: int) -> Any:
    dsn = os.environ["DATABASE_URL"]
    command = ("-m", "uvicorn", "benchmarks.fastapi_app:app", "--port", str(port), "--no-access-log")
    return process(*command, "--log-level", "error", port=port, BENCH_DSN=dsn)


def drf(port: int) -> Any:
    from django.conf import settings

    database = settings.DATABASES["default"]
    names = {"BENCH_NAME": database["NAME"], "BENCH_USER": database["USER"], "BENCH_HOST": database["HOST"]}
    command = ("-m", "gunicorn", "benchmarks.drf_app:application", "-b", f"127.0.0.1:{port}", "-w", "2")
    return process(*command, "--threads", "4", port=port, **names, DJANGO_SETTINGS_MODULE="")


def cpu_seconds() -> dict[int, float]:
    """What each server process has used; the senders are no servers."""
    used = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if not any("multiprocessing" in word for word in child.cmdline()):
                times = child.cpu_times()
                used[child.pid] = times.user + times.system
    return used


def waiting() -> int:
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        return int(client.xlen(STREAM))


def wait_until_stored() -> None:
    while waiting():
        time.sleep(0.05)


def stored(table: str) -> int:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(found[0]) if found else 0


class Run:
    """One after the other; numbers of readings go on, so that none is sent twice."""

    def __init__(self, seconds: float, headers: str) -> None:
        self.seconds, self.headers, self.first = seconds, headers, 0

    def load(self, port: int, path: str, *, batch: int = 1, rate: float = 0.0, headers: str = "") -> Told:
        told = Load(port, path, headers, batch, self.seconds, rate, self.first).run()
        self.first += 1_000_000
        if told.others:
            raise RuntimeError(f"{path} answered {told.others}")
        return told

    def ours(self, port: int, **options: Any) -> Told:
        return self.load(port, TELEMETRY, headers=self.headers, **options)


def per_second(told: Told, batch: int = 1) -> float:
    return told.answered * batch / told.seconds


def measure_ours(run: Run) -> dict[str, float]:
    port, found = free_port(), {}
    with ours(port):
        run.ours(port)
        found["single, accepted"] = per_second(run.ours(port))
        found["batches, accepted"] = per_second(run.ours(port, batch=BATCH), BATCH)
        with listener():
            wait_until_stored()
            before, count = cpu_seconds(), stored("telemetry_reading")
            told = run.ours(port)
            wait_until_stored()
            count = stored("telemetry_reading") - count
            found["single, accepted while stored"] = per_second(told)
            found["cpu"] = _used_since(before) / count * 1_000
            paced = run.ours(port, rate=OFFERED)
            found["p50"], found["p99"] = paced.percentile(0.5) * 1_000, paced.percentile(0.99) * 1_000
            wait_until_stored()
    return found


def measure_fastapi(run: Run) -> dict[str, float]:
    port, found = free_port(), {}
    with fastapi(port):
        run.load(port, "/readings")
        before, count = cpu_seconds(), stored("bench_reading")
        found["single, accepted"] = per_second(run.load(port, "/readings"))
        found["cpu"] = _used_since(before) / (stored("bench_reading") - count) * 1_000
        found["batches, accepted"] = per_second(run.load(port, "/batches", batch=BATCH), BATCH)
        paced = run.load(port, "/readings", rate=OFFERED)
        found["p50"], found["p99"] = paced.percentile(0.5) * 1_000, paced.percentile(0.99) * 1_000
    return found


def measure_drf(run: Run) -> dict[str, float]:
    port = free_port()
    with drf(port):
        run.load(port, "/readings")
        before, count = cpu_seconds(), stored("bench_reading")
        rate = per_second(run.load(port, "/readings"))
        return {
            "single, accepted": rate,
            "cpu": _used_since(before) / (stored("bench_reading") - count) * 1_000,
        }


def _used_since(before: dict[int, float]) -> float:
    return sum(used - before.get(pid, 0.0) for pid, used in cpu_seconds().items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=6)
    seconds = parser.parse_args().seconds
    with setting.servers():
        secret = fill()
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute(TABLE)
        run = Run(seconds, f"Authorization: Api-Key {secret}\r\n")
        own, fast, plain = measure_ours(run), measure_fastapi(run), measure_drf(run)
    for name in ("single, accepted", "batches, accepted"):
        print(f"{name}: {own[name]:,.0f}/s, FastAPI {fast[name]:,.0f}/s: {own[name] / fast[name]:.1f} times")
    name = "single, accepted while stored"
    both = own[name] / fast["single, accepted"]
    print(f"{name} by a listener beside: {own[name]:,.0f}/s: {both:.1f} times FastAPI's")
    print(f"Django REST framework, single: {plain['single, accepted']:,.0f}/s")
    print(
        f"processor seconds per 1,000 readings until stored: {own['cpu']:.3f}, FastAPI {fast['cpu']:.3f} "
        f"({own['cpu'] / fast['cpu']:.2f} of it), Django REST framework {plain['cpu']:.3f}"
    )
    print(
        f"at {OFFERED:.0f}/s offered: p50 {own['p50']:.1f} ms, p99 {own['p99']:.1f} ms; "
        f"FastAPI p50 {fast['p50']:.1f} ms, p99 {fast['p99']:.1f} ms"
    )


if __name__ == "__main__":
    main()
