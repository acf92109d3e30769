"""Tables as CSV: streamed, and safe to open in a spreadsheet."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from dashboard.tables import Column, Listing

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
AT_ONCE = 1_000


class SteadyResponse(StreamingHttpResponse):
    """Streams a plain iterator piece by piece; under ASGI, Django would gather all of it in memory first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = iter(self.streaming_content)  # type: ignore[arg-type]

        def following() -> bytes | None:
            return next(pieces, None)

        while (piece := await sync_to_async(following)()) is not None:
            yield piece


class _Echo:
    """``csv.writer`` writes into it and gets its line back."""

    def write(self, line: str) -> str:
        return line


def csv_of(listing: Listing, name: str) -> SteadyResponse:
    """Everything that the listing's filters find, with the columns that the person sees."""
    answer = SteadyResponse(_lines(listing.columns, listing.ordered), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _lines(columns: Iterable[Column], rows: QuerySet) -> Iterator[str]:
    columns = list(columns)
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([column.name for column in columns])
    found = rows.iterator(AT_ONCE)
    while some := list(islice(found, AT_ONCE)):
        yield "".join(writer.writerow([safe(column.value(row)) for column in columns]) for row in some)


def safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula begins with an apostrophe; numbers stay numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
