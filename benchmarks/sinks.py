"""The action runner is killed again and again while mail server and webhook fail: nothing missing, nothing made twice.

    python -m benchmarks.sinks [--firings 1000] [--kills 50] [--fails 0.3] [--runners 3] [--seed 1]

Every firing owes an e-mail, a webhook, a log entry and a task. What reached the sinks, which run here on
127.0.0.1, is compared with what was owed. A sink that takes something and loses its answer gets it again: that is a
repeat, and it must bear the id of the first.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import setting
from benchmarks.sink_servers import HookServer, MailServer, Taken, serving

SETTLED_WITHIN_S = 120
FIRINGS_PER_VEHICLE = 2
ACTIONS = [
    {
        "type": "send_email",
        "to": "workshop@fleet.example",
        "subject": "mail $odometer_km",
        "body": "$vehicle_id",
    },
    {"type": "store_log", "message": "log $odometer_km"},
    {"type": "create_task", "title": "Service $vehicle_id"},
]


class Runners:
    """Processes that work on the outbox; one that was killed is replaced at once."""

    def __init__(self, count: int, seed: int) -> None:
        self.processes = [self._start() for _n in range(count)]
        self.chance, self.killed = random.Random(seed), 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink_runner"],
            env=setting.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def kill_one(self, give_work: Callable[[], None]) -> None:
        """Any of them, soon after there is work: one that has not begun yet is waited for."""
        place = self.chance.randrange(len(self.processes))
        process = self.processes[place]
        assert process.stdout is not None
        process.stdout.readline()
        give_work()
        time.sleep(self.chance.uniform(0, 0.5))
        _end(process)
        self.killed += 1
        self.processes[place] = self._start()

    def stop(self) -> None:
        for process in self.processes:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def runners(count: int, seed: int) -> Iterator[Runners]:
    started = Runners(count, seed)
    try:
        yield started
    finally:
        started.stop()


def fire(rule: Any, vehicles: list[Any], numbers: list[int]) -> None:
    """Firings with what they owe, written as the lanes write them."""
    from rules.actions import ACTIONS as KINDS
    from rules.models import Firing, FiringAction

    firings = Firing.objects.bulk_create(
        Firing(
            rule=rule,
            rule_version=1,
            vehicle=vehicles[number // FIRINGS_PER_VEHICLE],
            explanation=f"odometer_km {number}",
            cause={"kind": "message"},
        )
        for number in numbers
    )
    FiringAction.objects.bulk_create(
        FiringAction(
            firing=firing,
            index=index,
            type=action["type"],
            params=KINDS[action["type"]].render(action, texts),
        )
        for number, firing in zip(numbers, firings, strict=True)
        for texts in [{"vehicle_id": firing.vehicle.vehicle_id, "odometer_km": str(number)}]
        for index, action in enumerate(rule.actions)
    )


def prepare(firings: int, hook_port: int) -> tuple[Any, list[Any]]:
    from rules.models import Rule
    from vehicle_management.models import Vehicle

    fleet, person = setting.fleet_and_person()
    count = -(-firings // FIRINGS_PER_VEHICLE)
    vehicles = Vehicle.objects.bulk_create(
        Vehicle(vehicle_id=f"VH-{n:05d}", fleet=fleet) for n in range(count)
    )
    hook = {"type": "call_webhook", "url": f"http://127.0.0.1:{hook_port}/hook", "body": "hook $odometer_km"}
    rule = Rule.objects.create(
        name="Service due", pattern={"silent": 1}, enabled=False, created_by=person, actions=[*ACTIONS, hook]
    )
    return rule, vehicles


def settle() -> None:
    from rules.models import FiringAction

    deadline = time.monotonic() + SETTLED_WITHIN_S
    while FiringAction.objects.filter(status="PENDING").exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def run(firings: int, kills: int, fails: float, count: int, seed: int) -> dict[str, Any]:
    """One run; ``missing``, ``twice`` and ``otherwise`` (repeats under another id) should be 0."""
    mails, hooks = (Taken(fails, random.Random(seed + n)) for n in range(2))
    with serving(MailServer(mails)) as mail_port, serving(HookServer(hooks)) as hook_port:
        os.environ |= {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(mail_port),
            "EMAIL_USE_TLS": "0",
            "WEBHOOK_ALLOW": f"127.0.0.1:{hook_port}",
            # Ten attempts in a row fail once in 170,000 times, and kills count as well.
            "ACTION_ATTEMPTS": "20",
        }
        with setting.servers():
            rule, vehicles = prepare(firings, hook_port)
            began = time.monotonic()
            with runners(count, seed) as started:
                for n in range(kills):
                    part = list(range(firings * n // kills, firings * (n + 1) // kills))
                    started.kill_one(partial(fire, rule, vehicles, part))
                settle()
                killed = started.killed
            told = compared(firings, len(vehicles), mails, hooks)
            return {"kills": killed, "seconds": round(time.monotonic() - began), **told}


def compared(firings: int, vehicles: int, mails: Taken, hooks: Taken) -> dict[str, Any]:
    from django.db.models import Count

    from rules.models import ActionAttempt, FiringAction, LogEntry
    from task_management.models import Task

    ids = {**mails.ids, **hooks.ids}
    wanted = {f"{kind} {number}" for kind in ("mail", "hook") for number in range(firings)}
    logs = LogEntry.objects.values("message").annotate(count=Count("pk"))
    tasks = dict(Task.objects.values_list("vehicle").annotate(count=Count("pk")))
    unfinished = FiringAction.objects.exclude(status="DONE")
    return {
        "owed": FiringAction.objects.count(),
        "attempts": ActionAttempt.objects.count(),
        "broken off": ActionAttempt.objects.filter(answer__startswith="It broke off").count(),
        "sinks failed": mails.failed + hooks.failed,
        "missing": len(wanted - ids.keys())
        + firings
        - len(logs)
        + vehicles
        - len(tasks)
        + unfinished.count(),
        "tasks twice": sum(count > 1 for count in tasks.values()),
        "logs twice": sum(row["count"] > 1 for row in logs),
        "repeats": sum(len(found) - 1 for found in ids.values()),
        "otherwise": sum(len(set(found)) > 1 for found in ids.values()),
        "ids of several": sum(map(len, map(set, ids.values())))
        - len({one for found in ids.values() for one in found}),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--firings", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--fails", type=float, default=0.3)
    parser.add_argument("--runners", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    told = run(chosen.firings, chosen.kills, chosen.fails, chosen.runners, chosen.seed)
    print(
        f"{told['kills']} kills in {told['seconds']} s: {told['owed']} actions owed, {told['attempts']} attempts, "
        f"{told['broken off']} broken off, {told['sinks failed']} failures of the sinks"
    )
    print(
        f"missing {told['missing']}, tasks twice {told['tasks twice']}, log entries twice {told['logs twice']}"
    )
    print(
        f"{told['repeats']} repeats, {told['otherwise']} of them under another id, {told['ids of several']} ids shared"
    )
    wrong = ("missing", "tasks twice", "logs twice", "otherwise", "ids of several")
    return 1 if any(told[name] for name in wrong) or told["kills"] != chosen.kills else 0


if __name__ == "__main__":
    sys.exit(main())
