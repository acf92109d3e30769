"""A million vehicle rows through the import, beside a bare load of the same clean rows.

    python -m benchmarks.import_vehicles [--rows 1000000]

Each import runs in a worker process of its own, as under Celery, and is timed from the commit of the
upload to APPLIED. The bare load copies the clean rows into a staging table and inserts them into the same
tables, with the same indexes and foreign keys, in the same run.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import fleet_file, setting

STATUS = "vehicle_management_vehiclestatus"
VEHICLE = "vehicle_management_vehicle"


def empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"TRUNCATE {VEHICLE}, file_manager_upload, vehicle_management_changebatch, accounts_cause CASCADE"
        )
        cursor.execute(f"VACUUM {VEHICLE}")
        cursor.execute("CHECKPOINT")


def upload(path: Path) -> int:
    from file_manager.services import receive_upload

    fleet, by = setting.fleet_and_person()
    with path.open("rb") as file:
        made = receive_upload(
            file, name=path.name, kind="vehicles", fleet=fleet, apply=True, mapping=None, by=by
        )
    return made.pk


def import_in_worker(path: Path) -> dict[str, Any]:
    """Seconds, peak memory in MB and counts of one import by a fresh process."""
    from file_manager.models import Upload

    pk = upload(path)
    started = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker"],
        check=True,
        stdout=subprocess.PIPE,
        env=setting.environment(),
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    done = Upload.objects.get(pk=pk)
    if done.status != Upload.Status.APPLIED:
        raise SystemExit(f"upload {pk} ended {done.status}")
    counts = {name: getattr(done, f"rows_{name}") for name in ("created", "updated", "unchanged", "failed")}
    return {"seconds": told["seconds"], "wall": time.perf_counter() - started, "mb": told["mb"], **counts}


def clean_rows(path: Path) -> Path:
    """The rows that the import takes, as COPY takes them: what a bare load is given."""
    target = path.with_suffix(".clean.csv")
    if not target.exists():
        with path.open() as source, target.open("w") as out:
            next(source)
            for line in source:
                if not any(f",{wrong}," in line for wrong, _place in fleet_file.FAULTS):
                    out.write(line)
    return target


def bare_load(path: Path) -> float:
    """COPY into staging, then INSERT … SELECT into the vehicles and their statuses. Seconds."""
    from django.db import connection, transaction

    from accounts.models import Cause

    fleet, _by = setting.fleet_and_person()
    cause = Cause.of({"kind": "bench"})
    columns = [f"c{index}" for index in range(15)]
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE bare ({', '.join(f'{column} text' for column in columns)})")
        with path.open("rb") as file, cursor.copy("COPY bare FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        cursor.execute(
            f"""INSERT INTO {VEHICLE} (vehicle_id, fleet_id, vin, plate, make, model, model_year, vehicle_type,
                    fuel_type, color, in_service_date, notes, attributes, cause_id, cause_row, version,
                    created_at, updated_at)
                SELECT c0, %s, c1, c2, c3, c4, c5::smallint, c6, c7, c8, c9::date, NULLIF(c10, ''),
                    jsonb_build_object('Department', c12, 'Purchase Cost', c13::numeric, 'Home Base', c14),
                    %s, row_number() OVER (), 1, now(), now() FROM bare""",
            [fleet.pk, cause.pk],
        )
        cursor.execute(
            f"""INSERT INTO {STATUS} (vehicle_id, odometer_km, recorded_at, attributes, times)
                SELECT v.id, b.c11::float8, now(), '{{}}', '{{}}' FROM bare b JOIN {VEHICLE} v ON v.vehicle_id = b.c0"""
        )
        cursor.execute("DROP TABLE bare")
    return time.perf_counter() - started


def measure(rows: int, folder: Path) -> dict[str, Any]:
    path = fleet_file.write(folder / f"fleet-{rows}.csv", rows)
    clean = clean_rows(path)
    empty()
    bare = bare_load(clean)
    empty()
    first = import_in_worker(path)
    again = import_in_worker(path)
    return {"rows": rows, "bare": bare, "first": first, "again": again}


def report(small: dict[str, Any], large: dict[str, Any]) -> None:
    for run in (small, large):
        first, again = run["first"], run["again"]
        print(f"{run['rows']:>9,} rows: bare load {run['bare']:.1f} s")
        print(
            f"          first import {first['seconds']:.1f} s = {first['seconds'] / run['bare']:.2f} x bare,"
            f" {run['rows'] / first['seconds']:,.0f} rows/s, {first['mb']:.0f} MB, {first['created']:,} created"
        )
        print(
            f"          the same again {again['seconds']:.1f} s: "
            f"{first['seconds'] / again['seconds']:.1f} times as fast,"
            f" {again['unchanged']:,} unchanged, {again['mb']:.0f} MB"
        )
    speed = (large["rows"] / large["first"]["seconds"]) / (small["rows"] / small["first"]["seconds"])
    memory = large["first"]["mb"] / small["first"]["mb"]
    print(
        f"rows/s at {large['rows']:,} are {speed:.2f} of those at {small['rows']:,}; memory {memory:.2f} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with setting.servers() as folder:
        small, large = measure(rows // 10, folder), measure(rows, folder)
        report(small, large)


if __name__ == "__main__":
    main()
