"""How fast one listener works on status changes with a thousand rules, beside asking every rule of every message.

Readings of 4 of 20 attributes each, 1 % of them cross the threshold of one rule (and every crossing is undone by the
vehicle's next reading). Counted from the change batches to committed states, firings and actions; and with the way
from the stream before it. Then the same with ten thousand rules.

python -m benchmarks.rules [--readings 40000] [--vehicles 2000]
"""

import argparse
import gc
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import setting

ATTRIBUTES = [f"sensor_{number}" for number in range(20)]
SAID_AT_ONCE = 4
HIGHEST = 100.0
FIRES_IN = 100
AT_ONCE = 3_000
LOG = {"type": "store_log", "message": "$vehicle_id has gone too far"}


def make_rules(count: int, by: Any) -> None:
    """Thresholds spread above what is usual; a third of the rules ask for something else besides."""
    from rules.models import Rule
    from rules.scope import sight_of

    rules = []
    for number in range(count):
        name, threshold = ATTRIBUTES[number % 20], HIGHEST + 1 + number // 20
        over: dict[str, Any] = {"field": name, "operator": "gt", "value": threshold}
        if number % 3 == 0:
            over = {"all": [over, {"not": {"field": "status", "operator": "eq", "value": "OFFLINE"}}]}
        rules.append(
            Rule(
                name=f"{name} over {threshold:g}", everything=True, pattern=over, actions=[LOG], created_by=by
            )
        )
    digest = sight_of(rules[0]).digest
    for rule in rules:
        rule.watched_as = digest
    Rule.objects.bulk_create(rules)


def readings(count: int, vehicles: int, *, begin: datetime, seed: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)
    over: dict[int, str] = {}
    for number in range(count):
        vehicle = number % vehicles
        names = chance.sample(ATTRIBUTES, SAID_AT_ONCE)
        said: dict[str, Any] = {name: round(chance.random() * HIGHEST, 1) for name in names}
        if vehicle in over:
            said[over.pop(vehicle)] = 50.0
        elif chance.random() < 1 / FIRES_IN:
            over[vehicle] = names[0]
            said[names[0]] = HIGHEST + 1.5
        at = begin + timedelta(milliseconds=1 + number // vehicles)
        yield {"vehicle_id": f"bench-{vehicle:05}", "timestamp": at.isoformat(), **said}


def first_readings(vehicles: int, *, at: datetime) -> Iterator[dict[str, Any]]:
    for vehicle in range(vehicles):
        yield {
            "vehicle_id": f"bench-{vehicle:05}",
            "timestamp": at.isoformat(),
            "status": "MOVING",
            **dict.fromkeys(ATTRIBUTES, 50.0),
        }


def put(told: Iterator[dict[str, Any]]) -> None:
    import orjson

    from msg_pattern.bus import Outgoing, get_bus
    from msg_pattern.messages import Channel

    bus, now_ms = get_bus(), time.time_ns() // 1_000_000
    while entries := [
        Outgoing(orjson.dumps(one), "", "key:1", now_ms) for one, _ in zip(told, range(AT_ONCE), strict=False)
    ]:
        bus.append(Channel.TELEMETRY_RAW, entries)


def take_all() -> float:
    """From the stream into the tables; answers the seconds."""
    from feed_processor.readings import take_readings
    from msg_pattern.bus import get_bus
    from msg_pattern.messages import Channel

    consumer, began = get_bus().consume(Channel.TELEMETRY_RAW, group="feed"), time.perf_counter()
    while entries := consumer.take(AT_ONCE, timeout_s=0.001):
        take_readings(consumer, entries)
    return time.perf_counter() - began


def drain_all() -> float:
    from rules.lanes import drain

    began = time.perf_counter()
    drain()
    return time.perf_counter() - began


def measure(count: int, vehicles: int, *, seed: int) -> dict[str, float]:
    """One run, after each vehicle has said all its attributes once."""
    from rules.models import Firing

    begin = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=seed)
    put(first_readings(vehicles, at=begin - timedelta(seconds=30)))
    take_all()
    drain_all()
    before = Firing.objects.count()
    put(readings(count, vehicles, begin=begin, seed=seed))
    taken = take_all()
    drained = drain_all()
    fired = Firing.objects.count() - before
    return {"drained": count / drained, "whole": count / (taken + drained), "fired": fired / count}


def every_rule(count: int, vehicles: int, *, seed: int) -> float:
    """Messages a second where each asks every rule, compiled to closures, and nothing is read or written."""
    from rules.matching import Moment, compile_pattern
    from rules.models import Rule
    from rules.patterns import parse
    from rules.table import attribute_table

    table = attribute_table()
    tests = [compile_pattern(parse(rule.pattern, table)[0]) for rule in Rule.objects.enabled()]
    values: dict[str, dict[str, Any]] = {}
    said = list(readings(count, vehicles, begin=datetime.now(UTC), seed=seed))
    began = time.perf_counter()
    for one in said:
        known = values.setdefault(one["vehicle_id"], {"status.status": "MOVING"})
        known.update((f"status.{name}", value) for name, value in one.items() if name in ATTRIBUTES)
        moment = Moment(known)
        for test in tests:
            test(moment)
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readings", type=int, default=40_000)
    parser.add_argument("--vehicles", type=int, default=2_000)
    asked = parser.parse_args()
    with setting.servers():
        from vehicle_management.registry import register
        from vehicle_management.services import create_vehicles

        fleet, person = setting.fleet_and_person()
        register(dict.fromkeys(ATTRIBUTES, "number"))
        ids = [f"bench-{number:05}" for number in range(asked.vehicles)]
        create_vehicles([{"vehicle_id": one, "fleet": fleet} for one in ids], by=person)
        # As the listener does.
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)
        found = {}
        for rules, more in ((1_000, 1_000), (10_000, 9_000)):
            make_rules(more, person)
            found[rules] = measure(asked.readings, asked.vehicles, seed=rules // 1_000)
            plain = every_rule(min(asked.readings, 4_000_000 // rules), asked.vehicles, seed=1)
            _tell(rules, found[rules], plain)
        slower = found[1_000]["drained"] / found[10_000]["drained"]
        print(f"a message's cost at 10,000 rules: {slower:.2f} times that at 1,000")


def _tell(rules: int, found: dict[str, float], plain: float) -> None:
    drained, whole = found["drained"], found["whole"]
    print(f"{rules:,} rules, {found['fired']:.2%} of messages fire:")
    print(
        f"  drained {drained:,.0f}/s, {drained / plain:.1f} times asking every rule without a database ({plain:,.0f}/s)"
    )
    print(f"  from the stream on {whole:,.0f}/s", flush=True)


if __name__ == "__main__":
    main()
