"""Telemetry while processes are killed, while it repeats, and while the database is away: nothing lost or doubled.

    python -m benchmarks.losses [--readings 50000] [--rate 200] [--kills 70] [--outage 60] [--seed 1]

What was answered 202 is compared with what is stored, reading by reading.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos import Killer
from benchmarks.installation import Installation, running
from fleet_manager.supervisor.processes import Child
from fleet_manager.supervisor.servers import Postgres

VEHICLES = 50
THREADS = 8
SETTLED_WITHIN_S = 240
VICTIMS = ("web", "listener", "valkey", "postgres")
Reading = dict[str, Any]
Key = tuple[str, int]


def readings(count: int, seed: int) -> list[Reading]:
    """``count`` readings of as many different times, one vehicle after the other."""
    chance = random.Random(seed)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
    return [
        {
            "vehicle_id": f"VH-{n % VEHICLES:03d}",
            "timestamp": (start + timedelta(seconds=n // VEHICLES, milliseconds=n % 1_000)).isoformat(),
            "speed_kmh": round(chance.uniform(0, 130), 1),
            "latitude": round(4.6 + n * 1e-6, 6),
            "longitude": -74.07,
            "battery_pct": chance.randrange(101),
        }
        for n in range(count)
    ]


def key_of(reading: Reading) -> Key:
    at = datetime.fromisoformat(reading["timestamp"])
    return reading["vehicle_id"], round(at.timestamp() * 1000)


@dataclass
class Sent:
    """What was answered to what: ``acknowledged`` are the keys of readings that were answered 202."""

    acknowledged: set[Key] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    timeline: list[tuple[float, int]] = field(default_factory=list)


class Sender:
    """Posts from several threads; what is not accepted is sent again where it ``persists``, as devices do."""

    def __init__(
        self, installation: Installation, secret: str, sent: Sent, *, persists: bool = False
    ) -> None:
        self.persists = persists
        self.port = int(installation.url.rsplit(":", 1)[1])
        self.headers = {"Authorization": f"Api-Key {secret}", "Content-Type": "application/json"}
        self.sent = sent
        self.lock = threading.Lock()

    def send(self, bodies: list[list[Reading]], *, rate: float = 0.0) -> None:
        """``rate`` bodies a second, or as fast as they are answered."""
        queue = iter(enumerate(bodies))
        began = time.monotonic()
        threads = [threading.Thread(target=self._go, args=(queue, began, rate)) for _n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _go(self, queue: Iterator[tuple[int, list[Reading]]], began: float, rate: float) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            self._send_on(connection, queue, began, rate)

    def _send_on(
        self,
        connection: http.client.HTTPConnection,
        queue: Iterator[tuple[int, list[Reading]]],
        began: float,
        rate: float,
    ) -> None:
        while True:
            with self.lock:
                place, body = next(queue, (0, []))
            if not body:
                return
            if rate:
                time.sleep(max(0.0, began + place / rate - time.monotonic()))
            while self._note(self._post(connection, body), body, began) != 202 and self.persists:
                time.sleep(0.1)

    def _note(self, status: int, body: list[Reading], began: float) -> int:
        with self.lock:
            self.sent.answers[status] += 1
            self.sent.timeline.append((time.monotonic() - began, status))
            if status == 202:
                self.sent.acknowledged.update(map(key_of, body))
        return status

    def _post(self, connection: http.client.HTTPConnection, body: list[Reading]) -> int:
        """The status; 0 where there was no answer."""
        told = body[0] if len(body) == 1 else {"readings": body}
        try:
            connection.request("POST", "/api/v1/telemetry", json.dumps(told), self.headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0
        return answer.status


def prepare(installation: Installation) -> str:
    """A fleet with its vehicles, and a key; answers the key's secret."""
    with installation.log_in() as session:

        def post(path: str, body: Any) -> Any:
            answer = session.post(f"{installation.url}/api/v1/{path}", json=body, timeout=60)
            answer.raise_for_status()
            return answer.json()

        post("fleet", {"fleet_id": "losses", "fleet_name": "Losses"})
        post("vehicles", [{"vehicle_id": f"VH-{n:03d}", "fleet_id": "losses"} for n in range(VEHICLES)])
        key: str = post("api-keys", {"name": "losses", "fleets": ["losses"], "scopes": ["ingest"]})["key"]
        return key


def stored(database_url: str) -> Counter[Key]:
    query = """
        SELECT v.vehicle_id, round(extract(epoch FROM r.recorded_at) * 1000)::bigint
        FROM telemetry_reading r JOIN vehicle_management_vehicle v ON v.id = r.vehicle
    """
    with psycopg.connect(database_url) as connection:
        return Counter(connection.execute(query).fetchall())


def settle(installation: Installation, sent: Sent) -> Counter[Key]:
    """Wait until all that was acknowledged is stored, or no longer."""
    installation.wait_until_ready()
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        found = stored(installation.told()["database_url"])
        if sent.acknowledged <= found.keys() or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def compared(sent: Sent, found: Counter[Key]) -> dict[str, Any]:
    return {
        "acknowledged": len(sent.acknowledged),
        "answers": dict(sent.answers),
        "stored": len(found),
        "lost": len(sent.acknowledged - found.keys()),
        "twice": sum(count > 1 for count in found.values()),
    }


def under_kills(count: int, rate: float, kills: int, seed: int) -> dict[str, Any]:
    """Single readings at ``rate`` a second while ``kills`` processes are killed at random."""
    with running() as installation:
        sent = Sent()
        sender = Sender(installation, prepare(installation), sent, persists=True)
        killer = Killer(installation, kills, seed, victims=VICTIMS, pauses=pauses(count / rate, kills))
        killer.start()
        sender.send([[one] for one in readings(count, seed)], rate=rate)
        killer.join()
        return {"kills": dict(killer.killed), **compared(sent, settle(installation, sent))}


def pauses(seconds: float, kills: int) -> tuple[float, float]:
    """Between two kills, so that they fill the time."""
    mean = seconds / max(1, kills)
    return 0.4 * mean, 1.5 * mean


def repeated(
    count: int, times: int, seed: int, check: Callable[[Installation, list[Reading]], list[str]]
) -> dict[str, Any]:
    """Each of ``count`` readings ``times`` times, in batches that are shuffled, from several threads."""
    told = readings(count, seed)
    shuffled = told * times
    random.Random(seed).shuffle(shuffled)
    with running() as installation:
        sent = Sent()
        sender = Sender(installation, prepare(installation), sent)
        sender.send([shuffled[at : at + 25] for at in range(0, len(shuffled), 25)])
        found = settle(installation, sent)
        return {**compared(sent, found), "wrong": check(installation, told)}


@contextmanager
def database_of_its_own() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A PostgreSQL that no supervisor brings back: its address, and how to stop and start it."""
    with tempfile.TemporaryDirectory(prefix="fleet-db-") as folder:
        home = Path(folder)
        server = Postgres(home, environment={})
        held: list[Child] = []

        def start() -> None:
            server.prepare()
            held.append(Child(server.spec(), home / "postgres.log"))
            while not server.is_ready():
                time.sleep(0.1)
            server.after_start()

        def stop() -> None:
            held.pop().stop()

        start()
        try:
            yield server.url, stop, start
        finally:
            if held:
                stop()


def without_database(seconds: float, rate: float, seed: int) -> dict[str, Any]:
    """The database away for ``seconds`` under load, with room for about a third of what comes meanwhile."""
    with (
        database_of_its_own() as (url, stop, start),
        running(DATABASE_URL=url, TELEMETRY_BACKLOG_MB="1") as one,
    ):
        sent = Sent()
        sender = Sender(one, prepare(one), sent)
        told = readings(int((seconds + 20) * rate), seed)
        load = threading.Thread(
            target=sender.send, args=([[reading] for reading in told],), kwargs={"rate": rate}
        )
        load.start()
        time.sleep(5)
        stop()
        time.sleep(seconds)
        start()
        load.join()
        result = compared(sent, settle(one, sent))
    away = [status for at, status in sent.timeline if 5 < at < 5 + seconds]
    return {**result, "while away": dict(Counter(away)), "first 503 after": _first(sent.timeline, 503) - 5}


def _first(timeline: list[tuple[float, int]], status: int) -> float:
    return min((at for at, one in timeline if one == status), default=float("nan"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readings", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--kills", type=int, default=70)
    parser.add_argument("--outage", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    killed = under_kills(chosen.readings, chosen.rate, chosen.kills, chosen.seed)
    print(f"killed at random: {killed}", flush=True)
    again = repeated(10_000, 3, chosen.seed, compare_answers)
    print(f"each sent three times: {again}", flush=True)
    away = without_database(chosen.outage, chosen.rate, chosen.seed)
    print(f"database away for {chosen.outage:.0f} s: {away}", flush=True)
    wrong = [one for one in (killed, again, away) if one["lost"] or one["twice"] or 500 in one["answers"]]
    return 1 if wrong or again["wrong"] or again["stored"] != 10_000 else 0


def compare_answers(installation: Installation, told: list[Reading]) -> list[str]:
    """What the API answers of each vehicle beside what is counted here."""
    wrong = []
    with installation.log_in() as session:
        for vehicle in sorted({reading["vehicle_id"] for reading in told}):
            own = [reading for reading in told if reading["vehicle_id"] == vehicle]
            wrong += [
                f"{vehicle}: {fault}" for fault in _compare_one(installation.url, session, vehicle, own)
            ]
    return wrong


def _compare_one(url: str, session: Any, vehicle: str, own: list[Reading]) -> list[str]:
    times = [datetime.fromisoformat(reading["timestamp"]) for reading in own]
    span = {"from": min(times).isoformat(), "to": (max(times) + timedelta(milliseconds=1)).isoformat()}
    base = f"{url}/api/v1/analytics/vehicle/{vehicle}"
    metrics = session.get(f"{base}/metrics", params=span, timeout=30).json()
    series = session.get(f"{base}/speed-series", params=span, timeout=30).json()
    speeds = [reading["speed_kmh"] for reading in own]
    expected = {"total_readings": len(own), "max_speed_kmh": max(speeds)}
    wrong = [
        f"{name} is {metrics[name]}, not {value}"
        for name, value in expected.items()
        if metrics[name] != value
    ]
    if abs(metrics["avg_speed_kmh"] - sum(speeds) / len(speeds)) > 0.01:
        wrong.append(f"avg_speed_kmh is {metrics['avg_speed_kmh']}")
    buckets: dict[int, list[float]] = {}
    for at, speed in zip(times, speeds, strict=True):
        buckets.setdefault(int(at.timestamp()) // 300 * 300, []).append(speed)
    found = {
        int(datetime.fromisoformat(one["bucket"]).timestamp()): (one["min_value"], one["max_value"])
        for one in series
    }
    if found != {at: (min(held), max(held)) for at, held in buckets.items()}:
        wrong.append("the speed series differs")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
