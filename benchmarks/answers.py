"""How quickly reports over millions of readings are answered, beside a plain table with a btree.

    python -m benchmarks.answers [--vehicles 200] [--days 30] [--every 80]

Fills the days by generate_series: every vehicle reports once in ``--every`` seconds, but the first, the dense
one, every 10 s. Both tables hold the same readings in the order of their coming and are asked the same
questions in turns; the spans begin and end at odd times. Ours are whole requests through Django (who asks is
checked, JSON is written), the plain table's are the query and its rows alone. Days are closed, as they are in
a running installation, and told before that as well.
"""

import argparse
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks import setting

ROUNDS = 40
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = (
    "recorded_at, received_at, odometer_km, vehicle, latitude_e6, longitude_e6, speed_kmh, heading_deg, "
    "battery_pct, fuel_pct, engine_temp_c, load_pct, g_force_long, status"
)
FILL = f"""
    INSERT INTO telemetry_reading ({COLUMNS})
    SELECT t, t + interval '0.2 seconds', 10000 + extract(epoch FROM t - %(begin)s::timestamptz) / 90 + v, v,
        4700000 + (extract(epoch FROM t)::bigint * 7 + v * 131) %% 90000,
        -74100000 + (extract(epoch FROM t)::bigint * 11 + v * 17) %% 90000,
        40 + 35 * sin(extract(epoch FROM t) / 600 + v), (extract(epoch FROM t)::bigint / 60 + v) %% 360,
        90 - (extract(epoch FROM t)::bigint / 3600 + v) %% 70, 80 - (extract(epoch FROM t)::bigint / 7200 + v) %% 70,
        85 + 8 * sin(extract(epoch FROM t) / 3000 + v), v %% 100, 0.1 * sin(extract(epoch FROM t) / 7), 'MOVING'
    FROM generate_series(%(day)s::timestamptz, %(day)s::timestamptz + interval '86399 seconds', interval '10 s') AS t,
        unnest(%(vehicles)s::int[]) AS v
    WHERE v = %(dense)s OR (extract(epoch FROM t)::bigint / 10 + v) %% (%(every)s / 10) = 0
"""
MARK = """
    INSERT INTO telemetry_stalebuckets (vehicles, buckets, created_at)
    SELECT %(vehicles)s::int[], array_fill(t, ARRAY[cardinality(%(vehicles)s::int[])]), now()
    FROM generate_series(%(day)s::timestamptz, %(day)s::timestamptz + interval '86399 s', interval '300 s') AS t
"""
PLAIN = """
    CREATE TABLE plain_reading (
        vehicle integer NOT NULL, recorded_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
        latitude double precision, longitude double precision, speed_kmh double precision,
        heading_deg double precision, odometer_km double precision, battery_pct double precision,
        fuel_pct double precision, engine_temp_c double precision, load_pct double precision,
        g_force_long double precision, status text
    );
    INSERT INTO plain_reading SELECT vehicle, recorded_at, received_at, latitude_e6 / 1e6, longitude_e6 / 1e6,
        speed_kmh, heading_deg, odometer_km, battery_pct, fuel_pct, engine_temp_c, load_pct, g_force_long, status
    FROM telemetry_reading ORDER BY recorded_at;
    CREATE UNIQUE INDEX ON plain_reading (vehicle, recorded_at);
"""
SPAN = "recorded_at >= %(start)s AND recorded_at < %(end)s"
PLAIN_QUESTIONS = {
    "metrics": f"""
        SELECT count(*), avg(speed_kmh), max(speed_kmh), avg(battery_pct), min(battery_pct), avg(engine_temp_c),
            max(engine_temp_c), max(odometer_km) - min(odometer_km)
        FROM plain_reading WHERE vehicle = %(vehicle)s AND {SPAN}
    """,
    "5-minute series": f"""
        SELECT date_bin('5 minutes', recorded_at, '1970-01-01 00:00+00') AS bucket, avg(speed_kmh),
            max(speed_kmh), min(speed_kmh)
        FROM plain_reading WHERE vehicle = %(vehicle)s AND {SPAN} GROUP BY bucket ORDER BY bucket
    """,
    "fleet report": f"""
        SELECT vehicle, avg(speed_kmh), avg(battery_pct), max(odometer_km) - min(odometer_km) AS distance_km
        FROM plain_reading WHERE {SPAN} GROUP BY vehicle ORDER BY distance_km DESC
    """,
}
PATHS = {
    "metrics": "/api/v1/analytics/vehicle/VH-{number:03d}/metrics?from={start}&to={end}",
    "5-minute series": "/api/v1/analytics/vehicle/VH-{number:03d}/speed-series?from={start}&to={end}",
    "fleet report": "/api/v1/analytics/fleet/bench/performance?from={start}&to={end}",
}
SIZES = """
    SELECT sum(pg_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)), count(*) FROM pg_inherits
    WHERE inhparent = 'telemetry_reading'::regclass
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vehicles", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--every", type=int, default=80, help="seconds between readings, a multiple of 10")
    asked = parser.parse_args()
    # A line per request would be measured as well.
    os.environ["LOG_LEVEL"] = "WARNING"
    with setting.servers():
        days = [BEGIN + timedelta(days=day) for day in range(asked.days)]
        keys, token = make_vehicles(asked.vehicles)
        count = fill(days, keys, asked.every)
        tell_size("open days", count)
        compare(keys, token, days, "days not closed yet")
        close(asked.days)
        tell_size("closed days", count)
        compare(keys, token, days, "closed days")
        tell_growth(keys, token, days)


def make_vehicles(count: int) -> tuple[list[int], str]:
    """Their keys, and the access token of one who sees them."""
    from accounts.services import issue_tokens
    from vehicle_management.models import Vehicle

    fleet, by = setting.fleet_and_person()
    Vehicle.objects.bulk_create(Vehicle(vehicle_id=f"VH-{n:03d}", fleet=fleet) for n in range(count))
    keys = Vehicle.objects.order_by("vehicle_id").values_list("pk", flat=True)
    return list(keys), issue_tokens(by).access_token


def fill(days: list[datetime], keys: list[int], every: int) -> int:
    """Readings day by day, each rolled up; and the plain table with the same. Answers how many."""
    from django.db import connection

    from telemetry.partitions import make_days
    from telemetry.rollups import refresh_rollups

    make_days(day.date() for day in days)
    count, rolling = 0, 0.0
    with connection.cursor() as cursor:
        for day in days:
            values: dict[str, Any] = {
                "begin": BEGIN,
                "day": day,
                "vehicles": keys,
                "dense": keys[0],
                "every": every,
            }
            cursor.execute(FILL, values)
            count += cursor.rowcount
            cursor.execute(MARK, values)
            begun = time.perf_counter()
            refresh_rollups()
            rolling += time.perf_counter() - begun
        print(f"{count:,} readings of {len(keys)} vehicles in {len(days)} days")
        print(f"rolled up: {count / rolling:,.0f} readings/s, of 5 minutes, hours and days")
        cursor.execute(PLAIN)
        cursor.execute("VACUUM ANALYZE plain_reading")
        cursor.execute("VACUUM ANALYZE telemetry_rollup")
        cursor.execute("ANALYZE telemetry_reading")
    return count


def close(days: int) -> None:
    from django.db import connection

    from telemetry.closing import close_days

    begun = time.perf_counter()
    closed = close_days()
    if len(closed) != days:
        raise RuntimeError(f"{len(closed)} of {days} days were closed")
    print(f"closed a day in {(time.perf_counter() - begun) / days:.1f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_rollup")


def tell_size(name: str, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        heap, index, _days = cursor.fetchone()
        cursor.execute("SELECT pg_relation_size('plain_reading'), pg_indexes_size('plain_reading')")
        plain, btree = cursor.fetchone()
        cursor.execute("SELECT sum(pg_column_size(r)) + count(*) * 4, count(*) FROM telemetry_rollup AS r")
        rollups, buckets = cursor.fetchone()
    print(
        f"{name}: {heap / count:.0f} + {index / count:.0f} bytes per reading (table + index), plain table "
        f"{plain / count:.0f} + {btree / count:.0f}; rollups {rollups / count:.0f}, {rollups / buckets:.0f} each"
    )


def compare(keys: list[int], token: str, days: list[datetime], name: str) -> None:
    for question in PATHS:
        for which, numbers in (("the dense one", [0]), ("others", range(1, len(keys)))):
            if question == "fleet report" and which == "others":
                continue
            ours, plain = ask(question, list(numbers), keys, token, days)
            told = f" of {which}" if question != "fleet report" else f" of {len(keys)} vehicles"
            print(
                f"{name}, {len(days)} days, {question}{told}: p95 {p95(ours):.0f} ms, plain table {p95(plain):.0f} ms: "
                f"{p95(plain) / p95(ours):.1f} times as fast (medians {median(ours):.0f} and {median(plain):.0f} ms)"
            )


def tell_growth(keys: list[int], token: str, days: list[datetime]) -> None:
    """What the readings' number does to each: by days, and (the dense one beside others) by density."""
    for count in (1, 7, len(days)):
        told = []
        for question in PATHS:
            ours, plain = ask(question, [0], keys, token, days[-count:])
            told.append(f"{question} {median(ours):.0f} and {median(plain):.0f}")
        print(f"growth, {count} days, medians in ms, ours and plain: {', '.join(told)}")


def ask(
    question: str, numbers: list[int], keys: list[int], token: str, days: list[datetime]
) -> tuple[list[float], list[float]]:
    """Milliseconds of each asking: of ours, and of the plain table."""
    from django.db import connection
    from django.test import Client

    client = Client(headers={"authorization": f"Bearer {token}"})
    chance = random.Random(7)
    ours, plain = [], []
    for _round in range(ROUNDS):
        number = chance.choice(numbers)
        start = days[0] + timedelta(seconds=chance.randrange(7_000))
        end = days[-1] + timedelta(seconds=86_400 - chance.randrange(7_000))
        span = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        path = PATHS[question].format(number=number, **span)
        values = {**span, "vehicle": keys[number]}
        ours.append(timed(partial(answered, client, path)))
        with connection.cursor() as cursor:
            plain.append(timed(partial(fetched, cursor, PLAIN_QUESTIONS[question], values)))
    return ours, plain


def answered(client: Any, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:200]!r}")


def fetched(cursor: Any, sql: str, values: dict[str, Any]) -> None:
    cursor.execute(sql, values)
    cursor.fetchall()


def timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1_000


def median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


if __name__ == "__main__":
    main()
