"""From the commit of a change to the start of the action that it leads to, at 500 changes a second.

A whole installation, as `make run` starts it, with a thousand rules. Changes go through the door from two threads, five
vehicles in a transaction; every tenth crosses a rule's threshold. Told beside the time that these transactions take by
themselves.

python -m benchmarks.promptness [--seconds 30] [--rate 500]
"""

import argparse
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import installation, setting
from benchmarks.rules import ATTRIBUTES, HIGHEST, make_rules

VEHICLES = 1_000
THREADS = 2
FIRES_IN = 10
AT_ONCE = 5
CAUSE = {"kind": "message"}
# An attempt is noted when it is over, with the milliseconds that it took.
STARTED = """
    SELECT firing.vehicle_id, firing.occurred_at, firing.fired_at, attempt.at - attempt.took_ms * interval '1 ms'
    FROM rules_actionattempt attempt
    JOIN rules_firingaction action ON action.id = attempt.action_id
    JOIN rules_firing firing ON firing.id = action.firing_id
    WHERE attempt.number = 1
"""


class Changes(threading.Thread):
    """Changes at a steady rate; ``committed`` tells when each firing one was, by its event time."""

    def __init__(self, pks: list[int], rate: float, seconds: float, begin: int) -> None:
        super().__init__()
        self._pks, self._pause, self._begin = pks, AT_ONCE / rate, begin
        self._turns = int(rate * seconds / AT_ONCE)
        self.committed: dict[tuple[int, datetime], float] = {}
        self.took: list[float] = []

    def run(self) -> None:
        from django.db import connections

        due = time.perf_counter()
        for turn in range(self._turns):
            self._change(range(turn * AT_ONCE, (turn + 1) * AT_ONCE))
            due += self._pause
            time.sleep(max(0.0, due - time.perf_counter()))
        connections.close_all()

    def _change(self, numbers: range) -> None:
        from vehicle_management.services import record_statuses

        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        rows, firing = [], []
        for place, number in enumerate(numbers):
            # Each of them at a millisecond of its own, by which its firing is found.
            at = now - timedelta(milliseconds=place)
            row, fires = self._row(number, at)
            rows.append(row)
            firing += [(row.vehicle, at)] if fires else []
        began = time.perf_counter()
        record_statuses(rows, cause=CAUSE)
        self.took.append(time.perf_counter() - began)
        self.committed.update(dict.fromkeys(firing, time.time()))

    def _row(self, number: int, at: datetime) -> tuple[Any, bool]:
        from vehicle_management.services import StatusRow

        turn, place = divmod(number, len(self._pks))
        fires = number % FIRES_IN == 0 and turn % 2 == 0
        value = HIGHEST + 1.5 if fires else float(number % 50)
        return StatusRow(self._pks[place], {ATTRIBUTES[(number + self._begin) % 20]: value}, at), fires


def waits(senders: list[Changes]) -> tuple[list[float], list[float], int]:
    """Seconds from commit to firing and to start, sorted, and how many firing changes have no action that was begun."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(STARTED)
        told = {
            (pk, at): (fired.timestamp(), start.timestamp()) for pk, at, fired, start in cursor.fetchall()
        }
    committed = {key: done for sender in senders for key, done in sender.committed.items()}
    found = [(told[key][0] - done, told[key][1] - done) for key, done in committed.items() if key in told]
    fired, started = (sorted(column) for column in zip(*found, strict=True))
    return fired, started, len(committed) - len(found)


def share(sorted_values: list[float], part: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=float, default=500)
    asked = parser.parse_args()
    with installation.running() as running:
        os.environ |= {"FLEET_HOME": str(running.home), "DATABASE_URL": running.told()["database_url"]}
        os.environ |= {"REDIS_URL": running.told()["redis_url"], "DJANGO_ENV": "development"}
        setting.prepare_django()
        pks = _prepare()
        time.sleep(10)
        senders = [
            Changes(pks[turn::THREADS], asked.rate / THREADS, asked.seconds, turn) for turn in range(THREADS)
        ]
        began = time.perf_counter()
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        _tell(senders, time.perf_counter() - began)


def _prepare() -> list[int]:
    from vehicle_management.registry import register
    from vehicle_management.services import StatusRow, create_vehicles, record_statuses

    fleet, person = setting.fleet_and_person()
    register(dict.fromkeys(ATTRIBUTES, "number"))
    ids = [f"bench-{number:04}" for number in range(VEHICLES)]
    pks = [
        vehicle.pk
        for vehicle in create_vehicles([{"vehicle_id": one, "fleet": fleet} for one in ids], by=person)
    ]
    record_statuses(
        [StatusRow(pk, {"status": "MOVING", **dict.fromkeys(ATTRIBUTES, 50.0)}) for pk in pks], cause=CAUSE
    )
    make_rules(1_000, person)
    return pks


def _tell(senders: list[Changes], seconds: float) -> None:
    time.sleep(5)
    fired, found, missing = waits(senders)
    took: list[Any] = sorted(one for sender in senders for one in sender.took)
    changes = len(took) * AT_ONCE
    rate = f"{changes:,} changes at {changes / seconds:,.0f}/s"
    print(f"{rate}, {len(found):,} firings; {missing} not begun after 5 s")
    print(f"commit to firing: p50 {share(fired, 0.5):.3f} s, p99 {share(fired, 0.99):.3f} s")
    print(
        f"commit to start: p50 {share(found, 0.5):.3f} s, p99 {share(found, 0.99):.3f} s, worst {found[-1]:.3f} s"
    )
    print(f"the transactions themselves: p50 {share(took, 0.5):.4f} s, p99 {share(took, 0.99):.4f} s")


if __name__ == "__main__":
    main()
