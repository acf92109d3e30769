"""Readings to take away: CSV, Parquet and GPX, each written piece by piece."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
from django.utils.http import content_disposition_header

from api_pattern.streaming import SteadyResponse, safe_cell
from api_pattern.times import told_time
from telemetry.answers import KNOWN, Row, all_readings, degrees
from telemetry.models import MICRODEGREES
from vehicle_management.models import Vehicle

GAP = timedelta(minutes=10)
KMH_PER_MS = 3.6
TIME = pa.timestamp("ms", tz="UTC")
NUMBERS = tuple(name for name in KNOWN if name != "status")
SCHEMA = pa.schema(
    [
        ("vehicle_id", pa.string()),
        ("timestamp", TIME),
        ("received_at", TIME),
        *((name, pa.float64()) for name in NUMBERS),
        ("status", pa.string()),
        ("attributes", pa.string()),
    ]
)
GPX_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Fleet Manager" xmlns="http://www.topografix.com/GPX/1/1"
 xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">
"""


def export_readings(vehicle: Vehicle, start: datetime, end: datetime, *, form: str) -> SteadyResponse:
    """The readings from ``start`` (included) to ``end`` (not) as a file; ``form`` is one of ``FORMS``."""
    write, content_type = FORMS[form]
    answer = SteadyResponse(write(vehicle, start, end), content_type=content_type)
    name = f"{vehicle.vehicle_id}-{start:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}.{form}"
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return answer


def _csv(vehicle: Vehicle, start: datetime, end: datetime) -> Iterator[bytes]:
    """Attributes that have no column of their own come last, as one JSON object."""
    yield _csv_lines([("vehicle_id", "timestamp", "received_at", *KNOWN, "attributes")])
    for rows in all_readings(vehicle, start, end):
        yield _csv_lines(_csv_row(vehicle.vehicle_id, row) for row in rows)


def _csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _csv_row(vehicle_id: str, row: Row) -> list[Any]:
    recorded_at, received_at, latitude, longitude, *known, attributes = row
    return [
        safe_cell(vehicle_id),
        told_time(recorded_at),
        told_time(received_at),
        _decimals(latitude),
        _decimals(longitude),
        *known,
        attributes,
    ]


def _decimals(e6: int | None) -> str:
    """Without the exponent that the shortest form of a small number has."""
    return "" if e6 is None else f"{e6 / MICRODEGREES:.6f}"


class _Pieces(io.RawIOBase):
    """A file that is only written to, and given away piece by piece."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        held, self._held = self._held, []
        return b"".join(held)


def _parquet(vehicle: Vehicle, start: datetime, end: datetime) -> Iterator[bytes]:
    file = _Pieces()
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for rows in all_readings(vehicle, start, end):
            writer.write_batch(_batch(vehicle.vehicle_id, rows))
            yield file.taken()
    yield file.taken()


def _batch(vehicle_id: str, rows: list[Row]) -> pa.RecordBatch:
    recorded, received, latitudes, longitudes, *known, attributes = zip(*rows, strict=True)
    values: dict[str, Any] = dict(zip(KNOWN[2:], known, strict=True))
    values["latitude"] = [degrees(value) for value in latitudes]
    values["longitude"] = [degrees(value) for value in longitudes]
    columns = {
        "vehicle_id": [vehicle_id] * len(rows),
        "timestamp": recorded,
        "received_at": received,
        **values,
        "attributes": attributes,
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _gpx(vehicle: Vehicle, start: datetime, end: datetime) -> Iterator[bytes]:
    """One track; a silence of over 10 minutes begins another segment of it."""
    yield f"{GPX_HEAD}<trk><name>{escape(vehicle.vehicle_id)}</name>".encode()
    before: datetime | None = None
    for rows in all_readings(vehicle, start, end):
        points = []
        for row in rows:
            if row[2] is None or row[3] is None:
                continue
            if before is None or row[0] - before > GAP:
                points.append("<trkseg>\n" if before is None else "</trkseg>\n<trkseg>\n")
            points.append(_point(row))
            before = row[0]
        yield "".join(points).encode()
    yield b"</trk></gpx>\n" if before is None else b"</trkseg></trk></gpx>\n"


def _point(row: Row) -> str:
    """Speed in m/s and course stand in an extension: GPX 1.1 has no place of its own for them."""
    at, _received_at, latitude, longitude, speed, heading, *_others = row
    told = "" if speed is None else f"<gpxtpx:speed>{speed / KMH_PER_MS:.3f}</gpxtpx:speed>"
    # A course is less than 360 there.
    told += "" if heading is None else f"<gpxtpx:course>{heading % 360:g}</gpxtpx:course>"
    if told:
        told = f"<extensions><gpxtpx:TrackPointExtension>{told}</gpxtpx:TrackPointExtension></extensions>"
    place = f'lat="{_decimals(latitude)}" lon="{_decimals(longitude)}"'
    return f"<trkpt {place}><time>{told_time(at)}</time>{told}</trkpt>\n"


Writer = Callable[[Vehicle, datetime, datetime], Iterator[bytes]]
FORMS: dict[str, tuple[Writer, str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "parquet": (_parquet, "application/vnd.apache.parquet"),
    "gpx": (_gpx, "application/gpx+xml"),
}
