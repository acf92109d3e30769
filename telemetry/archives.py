"""Readings in Parquet files: written from a day's table, and read back, some thousands of rows at a time."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.models import Fleet
from telemetry.models import Archive
from telemetry.partitions import partition_of

log = structlog.get_logger(__name__)

ROWS_AT_ONCE = 20_000
BLOCK = 1 << 20
TIME = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("recorded_at", TIME),
        ("received_at", TIME),
        ("odometer_km", pa.float64()),
        ("vehicle", pa.int32()),
        ("latitude_e6", pa.int32()),
        ("longitude_e6", pa.int32()),
        ("speed_kmh", pa.float32()),
        ("heading_deg", pa.float32()),
        ("battery_pct", pa.float32()),
        ("fuel_pct", pa.float32()),
        ("engine_temp_c", pa.float32()),
        ("load_pct", pa.float32()),
        ("g_force_long", pa.float32()),
        ("status", pa.string()),
        ("attributes", pa.string()),
        # For whoever reads the file elsewhere: the key above means something in this installation alone.
        ("vehicle_id", pa.string()),
    ]
)
COLUMNS = tuple(SCHEMA.names[:-1])
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
NO_FLEET = "none"


class ArchiveIsDamaged(Exception):
    """A file that is gone, or not what was written."""


@dataclass(frozen=True)
class Written:
    readings: int
    size: int
    sha256: str


def storage() -> Storage:
    return storages["default"]


def name_of(fleet: Fleet | None, day: date) -> str:
    """A name that no archive has: ``archives/<fleet_id>/<day>.parquet``, or with a number behind the day."""
    folder = fleet.fleet_id if fleet else NO_FLEET
    if fleet and (folder == NO_FLEET or not PLAIN_NAME.fullmatch(folder)):
        # An id may hold what a path cannot.
        folder = f"fleet-{fleet.pk}"
    taken = set(Archive.objects.filter(day=day).values_list("name", flat=True))
    names = (
        f"archives/{folder}/{day}{suffix}.parquet" for suffix in ("", *(f"-{n}" for n in range(2, 10_000)))
    )
    return next(name for name in names if name not in taken)


def write_archive(archive: Archive, vehicles: Mapping[int, str]) -> Written:
    """Write the readings of ``vehicles`` (ids by key) of the archive's day into its file, on disk for good."""
    with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR, suffix=".parquet") as file:
        count = 0
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for rows in _stored(archive.day, list(vehicles)):
                writer.write_batch(_batch(rows, vehicles))
                count += len(rows)
        file.flush()
        written = Written(count, Path(file.name).stat().st_size, _digest(file))
        file.seek(0)
        name = storage().save(archive.name, File(file))
    if name != archive.name:
        Archive.objects.filter(pk=archive.pk).update(name=name)
        archive.name = name
    _put_on_disk(name)
    return written


def _stored(day: date, vehicles: list[int]) -> Iterator[list[tuple[Any, ...]]]:
    """By a cursor that stays with the server; one snapshot of them all."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {partition_of(day)} WHERE vehicle = ANY(%s)"
            " ORDER BY vehicle, recorded_at",
            [vehicles],
        )
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows


def _batch(rows: list[tuple[Any, ...]], vehicles: Mapping[int, str]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    columns.append(tuple(vehicles[key] for key in columns[COLUMNS.index("vehicle")]))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _put_on_disk(name: str) -> None:
    """A folder's storage leaves that to the kernel; the readings are deleted only after it is done."""
    try:
        path = Path(storage().path(name))
    except NotImplementedError:
        return
    for one in (path, *path.parents[:3]):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def opened(archive: Archive) -> Iterator[pq.ParquetFile]:
    """A copy of the file that is what was written. Raises ArchiveIsDamaged where it is not."""
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        digest = hashlib.sha256()
        try:
            with storage().open(archive.name, "rb") as stored:
                for block in stored.chunks(BLOCK):
                    digest.update(block)
                    copy.write(block)
        except FileNotFoundError as error:
            told = _("The file %(name)s is no longer in the storage.") % {"name": archive.name}
            raise ArchiveIsDamaged(told) from error
        if digest.hexdigest() != archive.sha256:
            told = _("The file %(name)s is not what was written: its SHA-256 is %(found)s, not %(noted)s.")
            about = {"name": archive.name, "found": digest.hexdigest(), "noted": archive.sha256}
            raise ArchiveIsDamaged(told % about)
        copy.seek(0)
        with pq.ParquetFile(copy) as file:
            yield file


def batches_of(file: pq.ParquetFile) -> Iterator[list[dict[str, Any]]]:
    """Rows of ``COLUMNS`` by name."""
    for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(COLUMNS)):
        yield batch.to_pylist()


def discard_file(name: str) -> None:
    """One that stays behind is in nobody's way."""
    try:
        storage().delete(name)
    except Exception as error:
        log.warning("archive's file was not deleted", name=name, reason=str(error)[:200])
