"""Rules while listeners are killed and readings repeat: each crossing fires once, also out of order.

    python -m benchmarks.firings [--vehicles 200] [--cycles 50] [--kills 50] [--listeners 8] [--seconds 90] [--seed 1]

First in order: 200 vehicles cross twenty thresholds fifty times each, every reading is sent one to three times, and
200,000 firings must come of it, each at the time of its reading, and alerts that count each report. Then the same
shuffled by seconds, with rules that wait for late readings, and some over time: all of it as in order. Processes are
killed meanwhile.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.chaos import Killer
from benchmarks.firing_plan import (
    Body,
    Delivery,
    Fired,
    Raised,
    Reading,
    crossed_rules,
    deliveries,
    expected_firings,
    expected_over_time,
    readings,
    rules_in_order,
    rules_over_time,
)
from benchmarks.listeners import Listeners, listening
from benchmarks.losses import pauses

FLEET = "crossing"
THREADS, MOST_AT_ONCE = 8, 25
SETTLED_WITHIN_S = 420
SHUFFLE_S = 4.0
# Of the kills so many hit servers and the web process, and all others listeners.
SERVERS = ("postgres", "postgres", "valkey", "valkey", "web")


@dataclass(frozen=True)
class Size:
    vehicles: int
    cycles: int
    kills: int
    listeners: int
    seconds: float
    seed: int
    lateness: int = 0

    @property
    def vehicle_ids(self) -> list[str]:
        return [f"VH-{n:03d}" for n in range(self.vehicles)]


@dataclass
class Sender:
    """Threads that each send the readings of some vehicles, one body after the other, until each is accepted."""

    installation: Listeners
    secret: str
    answers: Counter[int] = field(default_factory=Counter)
    sent: int = 0

    def send(self, due: Sequence[Delivery], vehicle_ids: Sequence[str]) -> None:
        thread_of = {vehicle: place % THREADS for place, vehicle in enumerate(vehicle_ids)}
        shares: list[list[Delivery]] = [[] for _ in range(THREADS)]
        for one in due:
            shares[thread_of[one.reading.vehicle]].append(one)
        began = time.time()
        threads = [threading.Thread(target=self._go, args=(share, began)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _go(self, share: Sequence[Delivery], began: float) -> None:
        port = int(self.installation.url.rsplit(":", 1)[1])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            place = 0
            while place < len(share):
                time.sleep(max(0.0, began + share[place].due_s - time.time()))
                body = [
                    one.reading
                    for one in share[place : place + MOST_AT_ONCE]
                    if one.due_s <= time.time() - began
                ]
                while body and self._post(connection, body) != 202:
                    time.sleep(0.05)
                place += len(body)
                self.sent += len(body)

    def _post(self, connection: http.client.HTTPConnection, body: Sequence[Reading]) -> int:
        """The status; 0 where there was no answer."""
        told = {
            "readings": [{"vehicle_id": one.vehicle, "timestamp": time_of(one), **one.values} for one in body]
        }
        headers = {"Authorization": f"Api-Key {self.secret}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/api/v1/telemetry", json.dumps(told), headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        self.answers[status] += 1
        if status in (400, 401, 403, 409, 422):
            raise RuntimeError(f"Readings are refused with {status}.")
        return status


def time_of(reading: Reading) -> str:
    seconds, ms = divmod(reading.at, 1000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{ms:03d}Z", time.gmtime(seconds))


def prepare(installation: Listeners, size: Size, rules: Sequence[Body]) -> str:
    """The vehicles and these rules alone, which have begun everywhere; answers a key's secret."""
    with installation.log_in() as session:

        def ask(method: str, path: str, body: Any = None) -> Any:
            answer = session.request(method, f"{installation.url}/api/v1/{path}", json=body, timeout=60)
            answer.raise_for_status()
            return answer.json()

        for shipped in ask("GET", "rules")["data"]:
            ask("PATCH", f"rules/{shipped['id']}", {"enabled": False})
        ask("POST", "fleet", {"fleet_id": FLEET, "fleet_name": "Crossing"})
        ask("POST", "vehicles", [{"vehicle_id": one, "fleet_id": FLEET} for one in size.vehicle_ids])
        for rule in rules:
            ask("POST", "rules", rule)
        key: str = ask("POST", "api-keys", {"name": FLEET, "fleets": [FLEET], "scopes": ["ingest"]})["key"]
    wait_until_none(installation, BEGINNING)
    return key


BEGINNING = """
    SELECT (SELECT count(*) FROM rules_rulescan)
         + (SELECT count(*) FROM vehicle_management_changebatch WHERE done_at IS NULL)"""
OWED = f"""
    SELECT %(readings)s - (SELECT count(*) FROM telemetry_reading) + ({BEGINNING})
         + (SELECT count(*) FROM rules_rulestate WHERE wake_at IS NOT NULL)
         + (SELECT count(*) FROM rules_firingaction WHERE status = 'PENDING')"""
FIRINGS = """
    SELECT r.name, v.vehicle_id, round(extract(epoch FROM f.occurred_at) * 1000)::bigint,
           round(extract(epoch FROM f.cleared_at) * 1000)::bigint, f.kind
    FROM rules_firing f JOIN rules_rule r ON r.id = f.rule_id
    JOIN vehicle_management_vehicle v ON v.id = f.vehicle_id"""
ALERTS = """
    SELECT r.name, v.vehicle_id, round(extract(epoch FROM a.triggered_at) * 1000)::bigint,
           round(extract(epoch FROM a.last_at) * 1000)::bigint, a.count, a.worst_value,
           round(extract(epoch FROM a.closed_at) * 1000)::bigint
    FROM alerts_alert a JOIN rules_rule r ON 'rule:' || r.id = a.origin
    JOIN vehicle_management_vehicle v ON v.id = a.vehicle_id"""
LATEST = (
    "SELECT coalesce(max(extract(epoch FROM received_at - recorded_at)), 0)::float FROM telemetry_reading"
)


def wait_until_none(installation: Listeners, query: str, **params: Any) -> int:
    """Ask until it counts nothing, or no longer; answers what is left."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    with psycopg.connect(installation.told()["database_url"], autocommit=True) as connection:
        while True:
            (left,) = connection.execute(query, params).fetchone() or (0,)
            if not left or time.monotonic() > deadline:
                return int(left)
            time.sleep(0.5)


@dataclass
class Found:
    """What came of it. ``latest_s`` is how long after its time a reading was received at most."""

    firings: Counter[Fired]
    alerts: Counter[Raised]
    owed: int
    latest_s: float


def under_kills(size: Size, rules: Sequence[Body], shuffle_s: float) -> tuple[list[Reading], Found]:
    """Send everything while processes are killed, wait until nothing is owed, and read what fired."""
    with listening(size.listeners) as installation:
        secret = prepare(installation, size, rules)
        start = time.time_ns() // 1_000_000
        told = readings(size.vehicle_ids, size.cycles, size.seconds, start, size.seed)
        due = deliveries(told, start, shuffle_s, size.seed)
        sender = Sender(installation, secret)
        victims = [*SERVERS, *(installation.names * 4)]
        killer = Killer(
            installation, size.kills, size.seed, victims=victims, pauses=pauses(size.seconds, size.kills)
        )
        killer.start()
        sender.send(due, size.vehicle_ids)
        killer.join()
        found = settle(installation, len(told))
        print(
            f"  {len(told):,} readings, sent {sender.sent:,} times, answers {dict(sender.answers)}; "
            f"kills {dict(killer.killed)}; {time.time() - start / 1000:.0f} s until nothing was owed",
            flush=True,
        )
        return told, found


def settle(installation: Listeners, count: int) -> Found:
    installation.wait_until_ready()
    owed = wait_until_none(installation, OWED, readings=count)
    with psycopg.connect(installation.told()["database_url"]) as connection:
        return Found(
            Counter(connection.execute(FIRINGS).fetchall()),
            Counter(connection.execute(ALERTS).fetchall()),
            owed,
            (connection.execute(LATEST).fetchone() or (0.0,))[0],
        )


def in_order(size: Size) -> list[str]:
    common: Body = {"scope": {"fleets": [FLEET]}}
    rules, others = crossed_rules(**common, actions=[]), rules_in_order(**common)
    told, found = under_kills(size, [*rules, *others], 0)
    firings = expected_firings(rules, told)
    over_time, alerts = expected_over_time(others, told, time.time_ns() // 1_000_000)
    names = {rule["name"] for rule in rules}
    per_pair = Counter((rule, vehicle) for rule, vehicle, *_ in found.firings.elements() if rule in names)
    print(
        f"in order: {per_pair.total():,} firings of {size.vehicles * len(rules) * size.cycles:,}; "
        f"{sum(count == size.cycles for count in per_pair.values()):,} of {size.vehicles * len(rules):,} "
        f"pairs of rule and vehicle fired {size.cycles} times each; {found.firings.total() - per_pair.total():,} "
        f"firings of {over_time.total():,} over time, {found.alerts.total():,} alerts of {alerts.total():,}",
        flush=True,
    )
    return [
        *wrong_of(found, 0),
        *differences("firing", firings + over_time, found.firings),
        *differences("alert", alerts, found.alerts),
    ]


def shuffled(size: Size) -> list[str]:
    common: Body = {"scope": {"fleets": [FLEET]}, "lateness_s": size.lateness}
    crossed, over_time = crossed_rules(**common, actions=[]), rules_over_time(**common)
    told, found = under_kills(size, [*crossed, *over_time], SHUFFLE_S)
    firings, alerts = expected_over_time(over_time, told, time.time_ns() // 1_000_000)
    firings += expected_firings(crossed, told)
    print(
        f"shuffled by {SHUFFLE_S:.0f} s (the latest came {found.latest_s:.1f} s after its time, rules wait "
        f"{size.lateness} s): {found.firings.total():,} firings of {firings.total():,}, "
        f"{found.alerts.total():,} alerts of {alerts.total():,}",
        flush=True,
    )
    return [
        *wrong_of(found, size.lateness),
        *differences("firing", firings, found.firings),
        *differences("alert", alerts, found.alerts),
    ]


def wrong_of(found: Found, lateness_s: float) -> list[str]:
    wrong = [f"{found.owed:,} things are still owed."] if found.owed else []
    if lateness_s and found.latest_s >= lateness_s:
        wrong.append(
            f"A reading came {found.latest_s:.1f} s after its time: this machine is too slow to tell."
        )
    return wrong


def differences(name: str, expected: Counter[Any], found: Counter[Any]) -> list[str]:
    """What is missing and what is too many, the first ones as examples."""
    wrong = []
    for word, some in (("missing", expected - found), ("too many", found - expected)):
        if some:
            wrong.append(f"{some.total():,} {name}s are {word}, as {sorted(some, key=str)[:3]}.")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vehicles", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--listeners", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lateness", type=int, default=45, help="seconds that rules wait in the second part")
    parser.add_argument("--only", choices=("in-order", "shuffled"))
    chosen = vars(parser.parse_args())
    only, size = chosen.pop("only"), Size(**chosen)
    wrong: list[str] = []
    if only != "shuffled":
        wrong += in_order(size)
    if only != "in-order":
        wrong += shuffled(size)
    print("\n".join(wrong) or "every crossing fired once, at its time; every alert as in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
