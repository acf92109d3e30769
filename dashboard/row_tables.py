"""Tables of rows that are counted up rather than stored: searched, sorted, paged and exported in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from api_pattern.streaming import SteadyResponse, csv_answer
from dashboard.exports import csv_lines
from dashboard.tables import Column, Listing


@dataclass
class RowsListing(Listing):
    """``queryset`` is a sequence of rows; ``order`` of a column only says that it can be sorted by."""

    queryset: Any

    @cached_property
    def filtered(self) -> Any:
        words = self.search.casefold().split()
        names = [column for column in self.table.columns if column.name in self.table.search_fields]
        return [row for row in self.queryset if _holds(row, names, words)]

    @cached_property
    def ordered(self) -> Any:
        """What is not known comes last, whichever way the others stand."""
        column = self.table.column(self.ordering.removeprefix("-"))
        if column is None:
            return self.filtered
        known = [row for row in self.filtered if column.value(row) is not None]
        unknown = [row for row in self.filtered if column.value(row) is None]
        return sorted(known, key=column.value, reverse=self.ordering.startswith("-")) + unknown


def _holds(row: Any, columns: Iterable[Column], words: Sequence[str]) -> bool:
    text = " ".join(str(column.value(row) or "") for column in columns).casefold()
    return all(word in text for word in words)


def csv_of_rows(listing: RowsListing, name: str) -> SteadyResponse:
    """Everything that the search finds, with the columns that the person sees."""

    def lines() -> Iterator[str]:
        yield from csv_lines(listing.columns, [listing.ordered])

    return csv_answer(lines(), name)
