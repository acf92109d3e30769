"""How fast readings leave the stream: ours, with statuses and change batches, beside one INSERT per reading.

The INSERTs run twice: with their entries acknowledged by the thousand, and each by itself after its commit.

python -m benchmarks.drain [--readings 60000]
"""

import argparse
import gc
import json
import os
import time
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import setting
from benchmarks.fastapi_app import TABLE
from benchmarks.ingest import fill
from benchmarks.senders import VEHICLES, reading

GROUP, AT_ONCE = "feed", 3_000
INSERT = """
    INSERT INTO bench_reading (vehicle_id, recorded_at, latitude, longitude, speed_kmh, heading_deg, odometer_km,
                               battery_pct, engine_temp_c, load_pct, status)
    VALUES (%(vehicle_id)s, %(timestamp)s, %(latitude)s, %(longitude)s, %(speed_kmh)s, %(heading_deg)s,
            %(odometer_km)s, %(battery_pct)s, %(engine_temp_c)s, %(load_pct)s, %(status)s) ON CONFLICT DO NOTHING
"""


def put(first: int, count: int, batch: int, vehicles: int = VEHICLES) -> None:
    from msg_pattern.bus import Outgoing, get_bus
    from msg_pattern.messages import Channel

    bus, now_ms = get_bus(), time.time_ns() // 1_000_000
    for start in range(first, first + count, AT_ONCE):
        told = [
            reading(number, vehicles=vehicles) for number in range(start, min(start + AT_ONCE, first + count))
        ]
        bodies = (
            told
            if batch == 1
            else [f"[{','.join(told[at : at + batch])}]" for at in range(0, len(told), batch)]
        )
        bus.append(Channel.TELEMETRY_RAW, [Outgoing(one.encode(), "", "key:1", now_ms) for one in bodies])


def drained_per_second(count: int, take: Callable[[Any, Any], object], batch: int) -> float:
    from msg_pattern.bus import get_bus
    from msg_pattern.messages import Channel

    consumer = get_bus().consume(Channel.TELEMETRY_RAW, group=GROUP)
    began = time.perf_counter()
    while entries := consumer.take(max(1, AT_ONCE // batch), timeout_s=0.001):
        take(consumer, entries)
    return count / (time.perf_counter() - began)


def row_by_row(connection: psycopg.Connection, *, acknowledges_each: bool) -> Callable[[Any, Any], None]:
    def take(consumer: Any, entries: Any) -> None:
        for entry in entries:
            connection.execute(INSERT, json.loads(entry.data))
            if acknowledges_each:
                consumer.acknowledge([entry])
        if not acknowledges_each:
            consumer.acknowledge(entries)

    return take


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readings", type=int, default=60_000)
    count = parser.parse_args().readings
    with setting.servers():
        from feed_processor.readings import take_readings

        fill(AT_ONCE)
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(TABLE)
            rows = {}
            for place, each in enumerate((False, True)):
                put(place * count // 4, count // 4, 1)
                take = row_by_row(connection, acknowledges_each=each)
                rows[each] = drained_per_second(count // 4, take, 1)
        # As the listener does.
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)
        found, first = {}, count
        for batch, vehicles in ((1, VEHICLES), (100, VEHICLES), (1, AT_ONCE)):
            put(first * vehicles // VEHICLES, count, batch, vehicles)
            found[batch, vehicles] = drained_per_second(count, take_readings, batch)
            first += count
    print(f"one INSERT per reading: {rows[False]:,.0f}/s; each acknowledged by itself: {rows[True]:,.0f}/s")
    for (batch, vehicles), rate in found.items():
        told = f"{rate:,.0f}/s, {rate / rows[False]:.1f} and {rate / rows[True]:.1f} times"
        print(f"ours, {vehicles} vehicles, {batch} readings an entry: {told}")


if __name__ == "__main__":
    main()
