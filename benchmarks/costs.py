"""What a reading costs after it was accepted, step by step: processor seconds per 1,000 readings, and bytes.

    python -m benchmarks.costs [--vehicles 3000] [--seconds 60]

Stored by one listener where every vehicle reports once a second, as a share of a large fleet does; then ten
minutes of a tenth of these vehicles are rolled up, searched for trips, put in order and archived. What is
measured is the processor time of all processes of PostgreSQL, of Valkey, and of ours. `benchmarks.ingest`
tells what accepting costs. docs/scaling.md reckons with these figures.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from benchmarks import setting
from benchmarks.drain import put
from benchmarks.ingest import fill, listener, stored, wait_until_stored

MINUTES = 10
DAY = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
FILL = """
    INSERT INTO telemetry_reading (recorded_at, received_at, odometer_km, vehicle, latitude_e6, longitude_e6, speed_kmh,
        heading_deg, battery_pct, engine_temp_c, load_pct, status)
    SELECT t, t + interval '0.2 seconds', 10000 + extract(epoch FROM t - %(begin)s::timestamptz) / 90, v,
        4700000 + (extract(epoch FROM t)::bigint * 7 + v * 131) %% 90000,
        -74100000 + (extract(epoch FROM t)::bigint * 11 + v * 17) %% 90000,
        40 + 35 * sin(extract(epoch FROM t) / 600 + v), (extract(epoch FROM t)::bigint / 60 + v) %% 360,
        90 - (extract(epoch FROM t)::bigint / 3600 + v) %% 70, 85 + 8 * sin(extract(epoch FROM t) / 3000 + v), v %% 100,
        'MOVING'
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - interval '1 ms', interval '1 s') AS t,
        unnest(%(vehicles)s::int[]) AS v
"""
MARK = """
    INSERT INTO telemetry_stalebuckets (vehicles, buckets, created_at)
    SELECT %(vehicles)s::int[], array_fill(t, ARRAY[cardinality(%(vehicles)s::int[])]), now()
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - interval '1 ms', interval '300 s') AS t
"""


def used() -> Counter[str]:
    """Processor seconds by now, of PostgreSQL, of Valkey and of ours."""
    seconds: Counter[str] = Counter()
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            name = next((known for known in ("postgres", "valkey") if known in process.name()), "ours")
            times = process.cpu_times()
            seconds[name] += times.user + times.system
    return seconds


@contextmanager
def told(step: str, count: int) -> Iterator[None]:
    before, begun, wal = used(), time.perf_counter(), wal_bytes()
    yield
    seconds, after = time.perf_counter() - begun, used()
    parts = {name: (after[name] - before[name]) / count * 1_000 for name in ("ours", "postgres", "valkey")}
    by_part = ", ".join(f"{name} {part:.4f}" for name, part in parts.items())
    print(
        f"{step}: {sum(parts.values()):.4f} s of processor per 1,000 readings ({by_part}), {count / seconds:,.0f}/s, "
        f"{(wal_bytes() - wal) / count:.0f} bytes of WAL each",
        flush=True,
    )


def wal_bytes() -> int:
    return int(value("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


def value(sql: str, parameters: Any = None) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0] if cursor.description else cursor.rowcount


def store(vehicles: int, count: int) -> None:
    put(0, count // 10, 1, vehicles)
    with listener():
        wait_until_stored()
        before = stored("telemetry_reading")
        put(count, count, 1, vehicles)
        with told(f"stored, {vehicles:,} vehicles", count):
            wait_until_stored()
        if stored("telemetry_reading") - before != count:
            raise RuntimeError("not all were stored")


def steps(vehicles: list[int]) -> None:
    from telemetry.closing import close_day
    from telemetry.finding import find_due
    from telemetry.partitions import make_days
    from telemetry.retention import archive_readings
    from telemetry.rollups import refresh_rollups

    # What was stored before is none of theirs.
    until_nothing_is_left(refresh_rollups)
    until_nothing_is_left(find_due)
    values = {"begin": DAY, "end": DAY + timedelta(minutes=MINUTES), "vehicles": vehicles}
    make_days([DAY.date()])
    count = value(FILL, values)
    value(MARK, values)
    with told("rolled up", count):
        until_nothing_is_left(refresh_rollups)
    with told("searched for trips", count):
        until_nothing_is_left(find_due)
    with told("put in order after the day", count):
        close_day(DAY.date())
    tell_sizes(count)
    with told("archived", count):
        (archive,) = archive_readings(now=DAY + timedelta(days=91))
    print(f"an archive's bytes per reading: {archive.size / archive.readings:.1f}")


def until_nothing_is_left(work: Callable[[], int]) -> None:
    while work():
        pass


def tell_sizes(count: int) -> None:
    from telemetry.partitions import partition_of

    table = partition_of(DAY.date())
    heap, index = value(f"SELECT pg_relation_size('{table}')"), value(f"SELECT pg_indexes_size('{table}')")
    rollups = value("SELECT sum(pg_column_size(r)) FROM telemetry_rollup AS r WHERE bucket >= %s", [DAY])
    print(
        f"bytes per reading: table {heap / count:.0f}, index {index / count:.0f}, rollups {rollups / count:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vehicles", type=int, default=3_000)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    with setting.servers():
        fill(asked.vehicles)
        store(asked.vehicles, asked.vehicles * asked.seconds)
        from vehicle_management.models import Vehicle

        steps(list(Vehicle.objects.values_list("pk", flat=True)[: asked.vehicles // 10]))


if __name__ == "__main__":
    main()
