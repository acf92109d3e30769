"""The same 10,000 rows by other ways: update_or_create, and django-import-export with use_bulk.

python -m benchmarks.import_others [--rows 10000]
"""

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import fleet_file, setting
from benchmarks.import_vehicles import clean_rows, empty, import_in_worker

FIELDS = (
    "vehicle_id", "vin", "plate", "make", "model", "model_year", "vehicle_type", "fuel_type", "color",
    "in_service_date", "notes",
)  # fmt: skip


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(newline="") as file:
        for cells in csv.reader(file):
            yield {name: cell or None for name, cell in zip(FIELDS, cells, strict=False)}


def update_or_create(path: Path) -> None:
    from vehicle_management.models import Vehicle

    for row in rows(path):
        Vehicle.objects.update_or_create(vehicle_id=row.pop("vehicle_id"), defaults=row)


def import_export(path: Path) -> None:
    """A resource as its documentation recommends for many rows."""
    from import_export import resources
    from tablib import Dataset

    from vehicle_management.models import Vehicle

    class VehicleResource(resources.ModelResource):
        class Meta:
            model = Vehicle
            import_id_fields = ("vehicle_id",)
            fields = FIELDS
            use_bulk = True
            batch_size = 1_000
            skip_diff = True
            force_init_instance = False

    data = Dataset(*[[row[name] for name in FIELDS] for row in rows(path)], headers=FIELDS)
    VehicleResource().import_data(data, raise_errors=True)


def timed(way: Callable[[Path], None], path: Path) -> float:
    empty()
    started = time.perf_counter()
    way(path)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    count = min(parser.parse_args().rows, 10_000)
    with setting.servers() as folder:
        path = fleet_file.write(folder / "fleet.csv", count)
        clean = clean_rows(path)
        empty()
        ours = import_in_worker(path)["seconds"]
        print(f"{count:,} rows by this import: {ours:.1f} s, {count / ours:,.0f} rows/s")
        for way in (update_or_create, import_export):
            seconds = timed(way, clean)
            print(
                f"{way.__name__}: {seconds:.1f} s, {count / seconds:,.0f} rows/s, {seconds / ours:.0f} times as long"
            )


if __name__ == "__main__":
    main()
