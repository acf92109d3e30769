"""Tables as CSV, and where the API gives readings as files."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from api_pattern.streaming import SteadyResponse, csv_answer, safe_cell
from dashboard.report_range import Range
from dashboard.tables import Column, Listing
from vehicle_management.models import Vehicle

AT_ONCE = 1_000


class _Echo:
    """``csv.writer`` writes into it and gets its line back."""

    def write(self, line: str) -> str:
        return line


def csv_of(listing: Listing, name: str) -> SteadyResponse:
    """Everything that the listing's filters find, with the columns that the person sees."""
    return csv_answer(csv_lines(listing.columns, in_pieces(listing.ordered)), name)


def in_pieces(rows: QuerySet) -> Iterator[list[Any]]:
    found = rows.iterator(AT_ONCE)
    while some := list(islice(found, AT_ONCE)):
        yield some


def csv_lines(columns: Iterable[Column], pieces: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A line of the columns' names, then the rows, piece by piece."""
    columns = list(columns)
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([column.name for column in columns])
    for rows in pieces:
        yield "".join(writer.writerow([_cell(column.value(row)) for column in columns]) for row in rows)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if value is None else safe_cell(value)


def exports_of(vehicle: Vehicle, span: Range) -> list[tuple[str, str, str]]:
    """The readings of the span as files: which, what it is good for, and the address that gives it."""
    from_api = f"/api/v1/telemetry/{quote(vehicle.vehicle_id, safe='')}/history?{span.api_query}"
    forms = (
        ("CSV", _("for a spreadsheet"), "csv"),
        ("Parquet", _("for pandas, DuckDB, Spark"), "parquet"),
        ("GPX", _("for a map"), "gpx"),
    )
    return [(name, told, f"{from_api}&format={form}") for name, told, form in forms]
