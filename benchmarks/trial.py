"""A rule tried over a million stored readings, beside reading the same rows through Django, each alone in turn.

python -m benchmarks.trial [--readings 1000000] [--vehicles 200]
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks import setting

DAYS = 7
OVER = 98.5
FAST: dict[str, Any] = {"field": "speed_kmh", "operator": "gt", "value": OVER}
MOVING = {"field": "status", "operator": "eq", "value": "MOVING"}
PATTERNS: dict[str, dict[str, Any]] = {
    "a comparison": {"pattern": FAST},
    "two, in an area": {
        "pattern": {
            "all": [FAST, MOVING, {"inside": {"circle": {"latitude": 53, "longitude": 10, "radius_m": 9e4}}}]
        }
    },
    "over 60 km/h for 3 min": {"pattern": {"lasts": {**FAST, "value": 60}, "seconds": 180}},
    "thrice in 10 min, paused": {
        "pattern": {"often": {**FAST, "value": 90}, "times": 3, "seconds": 600},
        "cooldown_s": 600,
    },
}
FILL = """
    INSERT INTO telemetry_reading (vehicle, recorded_at, received_at, speed_kmh, odometer_km, latitude_e6,
                                   longitude_e6, engine_temp_c, battery_pct, status)
    SELECT vehicle, at, at + interval '1 s', (random() * 100)::numeric(4, 1), 1000 + random() * 100,
           53000000 + random() * 100000, 10000000, 80.1, 50, 'MOVING'
    FROM unnest(%(vehicles)s::int[]) AS vehicle, generate_series(%(start)s, %(last)s, %(step)s) AS at
    ORDER BY at, vehicle
"""


def fill(readings: int, vehicles: int) -> tuple[dict[int, str], datetime, datetime]:
    """Vehicles of a fleet, each with as many readings over the same days; answers their ids, start and end."""
    from django.db import connection

    from telemetry.partitions import make_days
    from vehicle_management.services import create_vehicles

    fleet, person = setting.fleet_and_person()
    given = [{"vehicle_id": f"bench-{number:04}", "fleet": fleet} for number in range(vehicles)]
    made = {one.pk: one.vehicle_id for one in create_vehicles(given, by=person)}
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=DAYS)
    make_days((start + timedelta(days=day)).date() for day in range(DAYS))
    step = timedelta(days=DAYS) / (readings // vehicles)
    params: dict[str, Any] = {"vehicles": list(made), "start": start, "last": end - step / 2, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(FILL, params)
        cursor.execute("ANALYZE telemetry_reading")
    return made, start, end


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """By the clock, and of this process's processor alone (PostgreSQL's are not in it)."""
    began, used = time.perf_counter(), time.process_time()
    answer = work()
    return time.perf_counter() - began, time.process_time() - used, answer


def through_django(vehicles: dict[int, str], start: datetime, end: datetime) -> int:
    """What a plain implementation would begin with: a model per reading, vehicle by vehicle, and one comparison."""
    from telemetry.models import Reading

    crossings = 0
    for pk in vehicles:
        was_over = False
        rows = Reading.objects.filter(vehicle=pk, recorded_at__gte=start, recorded_at__lt=end)
        for reading in rows.order_by("recorded_at").iterator(5_000):
            is_over = reading.speed_kmh is not None and reading.speed_kmh > OVER
            crossings += is_over and not was_over
            was_over = is_over
    return crossings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--vehicles", type=int, default=200)
    given = parser.parse_args()
    with setting.servers():
        from rules.models import Rule
        from rules.trial_draft import Draft
        from rules.trial_run import try_over_history

        vehicles, start, end = fill(given.readings, given.vehicles)
        plain_s, plain_cpu, crossings = seconds(lambda: through_django(vehicles, start, end))
        told = {}
        for name, values in PATTERNS.items():
            draft = Draft(Rule(name=name, **values), vehicles)
            told[name] = seconds(partial(try_over_history, draft, start, end))
    print(f"Django's rows and one comparison: {plain_s:.1f} s ({plain_cpu:.1f} s), {crossings:,} crossings")
    for name, (took_s, cpu, answer) in told.items():
        counts = f"{answer['readings']:,} readings, {answer['firings']:,} firings"
        print(f"trial, {name}: {took_s:.1f} s ({cpu:.1f} s), {took_s / plain_s:.2f} of that; {counts}")


if __name__ == "__main__":
    main()
