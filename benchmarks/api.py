"""Requests per second of the API, beside bare Django views that answer the same rows.

    python -m benchmarks.api [--seconds 5]

One web process serves both, in turns; the requests come from processes of their own on loopback.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from benchmarks import setting
from benchmarks.installation import free_port

VEHICLES = 10_000
PAIRS = {
    "a vehicle's detail": ("/api/v1/vehicles/VH-{n:05d}", "/bare/vehicles/VH-{n:05d}"),
    "a filtered list of 50": ("/api/v1/vehicles?make=Ford&limit=50", "/bare/vehicles?make=Ford"),
}
ROUNDS = 3


def fill() -> str:
    """Vehicles of one fleet and its manager; answers the manager's access token."""
    from accounts.models import Membership, User
    from accounts.services import issue_tokens
    from vehicle_management.models import Vehicle

    fleet, _by = setting.fleet_and_person()
    manager = User.objects.create_user("manager@bench.example", None, role="MANAGER")
    Membership.objects.create(user=manager, fleet=fleet)
    made = [
        Vehicle(
            vehicle_id=f"VH-{n:05d}", fleet=fleet, make=("Ford", "Iveco")[n % 2], model="Transit 350", model_year=2020,
            plate=f"P{n:05d}", color="white", attributes={"Depot": f"D{n % 9}", "Doors": n % 5},
        )
        for n in range(VEHICLES)
    ]  # fmt: skip
    Vehicle.objects.bulk_create(made, batch_size=2_000)
    return issue_tokens(manager).access_token


@contextmanager
def web() -> Iterator[int]:
    """The web process as the supervisor starts it, with the bare views beside."""
    port = free_port()
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings", "PORT": str(port), "DATABASE_POOL_SIZE": "10",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "fleet_manager.web"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if time.monotonic() > deadline:
                raise TimeoutError("the web process does not answer")
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(15)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def load(port: int, token: str, method: str, path: str, body: str, seconds: float, first: int) -> int:
    """One client: requests one after the other over one connection, for so long; answers how many."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        n = (first * 1_009 + done) % VEHICLES
        said = body.replace("{n}", f"{first}-{done}") or None
        connection.request(method, path.format(n=n), said, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        done += 1
    return done


def clients(calls: list[tuple[object, ...]]) -> int:
    with ThreadPoolExecutor(len(calls)) as pool:
        return sum(pool.map(lambda call: load(*call), calls))


def rate(
    port: int, token: str, path: str, concurrency: int, seconds: float, method: str = "GET", body: str = ""
) -> float:
    """Requests per second of ``concurrency`` clients, who live in a process of their own."""
    stamp = time.monotonic_ns() % 1_000_000
    calls: list[tuple[object, ...]] = [
        (port, token, method, path, body, seconds, stamp * 10 + number) for number in range(concurrency)
    ]
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(clients, (calls,)) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4)
    seconds = parser.parse_args().seconds
    with setting.servers():
        token = fill()
        with web() as port:
            compare(port, token, seconds)
            writes(port, token, seconds)


def compare(port: int, token: str, seconds: float) -> None:
    for concurrency in (1, 8):
        for name, (ours, bare) in PAIRS.items():
            rates: dict[str, list[float]] = {ours: [], bare: []}
            for _round in range(ROUNDS):
                for path in (bare, ours):
                    rates[path].append(rate(port, token, path, concurrency, seconds / ROUNDS))
            own, base = sorted(rates[ours])[ROUNDS // 2], sorted(rates[bare])[ROUNDS // 2]
            print(f"{name}, {concurrency} at once: {own:.0f}/s, bare {base:.0f}/s: {own / base:.2f} of it")


def writes(port: int, token: str, seconds: float) -> None:
    new = json.dumps({"vehicle_id": "new-{n}", "fleet_id": "bench", "make": "Ford"})
    change = json.dumps({"notes": "seen {n}"})
    for concurrency in (1, 8):
        created = rate(port, token, "/api/v1/vehicles", concurrency, seconds, "POST", new)
        patched = rate(port, token, "/api/v1/vehicles/VH-{n:05d}", concurrency, seconds, "PATCH", change)
        print(f"create {created:.0f}/s, PATCH {patched:.0f}/s, {concurrency} at once")


if __name__ == "__main__":
    main()
