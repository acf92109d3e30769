"""The one pattern of list pages: filters and sorting in the address, paging, chosen columns, CSV of what is filtered.

A page says its columns and how its rows are found; the address says the rest:
``?search=…&sort=-name&page=2&columns=a,b&format=csv``.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.functional import Promise, cached_property

from file_manager.failed_rows import safe_cell

PAGE_ROWS = 50
FETCHED_AT_ONCE = 2_000


@dataclass(frozen=True)
class TableColumn:
    """``value`` is what CSV says of a row; ``sort`` the path that it is sorted by, where it can be."""

    name: str
    label: str | Promise
    value: Callable[[Any], Any]
    sort: str = ""
    is_number: bool = False
    is_shown: bool = True


class Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


class Table:
    """One request's rows of a queryset that passed the fence."""

    def __init__(
        self,
        request: HttpRequest,
        rows: QuerySet,
        columns: Sequence[TableColumn],
        *,
        searched: Sequence[str] = (),
        default_sort: str = "pk",
    ) -> None:
        self.request, self.all_columns = request, columns
        self.rows = self._sorted(self._searched(rows, searched), default_sort)

    def _searched(self, rows: QuerySet, searched: Sequence[str]) -> QuerySet:
        for word in self.request.GET.get("search", "").replace("\x00", "")[:200].split():
            wanted = Q()
            for path in searched:
                wanted |= Q(**{f"{path}__icontains": word})
            rows = rows.filter(wanted)
        return rows

    def _sorted(self, rows: QuerySet, default_sort: str) -> QuerySet:
        wanted = self.request.GET.get("sort", "")
        known = {column.name: column.sort for column in self.all_columns if column.sort}
        path = known.get(wanted.removeprefix("-"))
        if path is None:
            return rows.order_by(default_sort)
        return rows.order_by(f"-{path}" if wanted.startswith("-") else path, "pk")

    @cached_property
    def page(self) -> Any:
        return Paginator(self.rows, PAGE_ROWS).get_page(self.request.GET.get("page"))

    @cached_property
    def columns(self) -> list[TableColumn]:
        """Those that the address or the session names, else the usual ones."""
        key = f"columns {self.request.path}"
        told = self.request.GET.getlist("columns")
        if told:
            self.request.session[key] = told
        chosen = told or self.request.session.get(key)
        if not chosen:
            return [column for column in self.all_columns if column.is_shown]
        return [column for column in self.all_columns if column.name in chosen]

    @property
    def wants_csv(self) -> bool:
        return self.request.GET.get("format") == "csv"

    def as_csv(self, name: str) -> StreamingHttpResponse:
        """Every filtered row, streamed; cells that a spreadsheet would run as formulas are quoted."""
        answer = StreamingHttpResponse(self._lines(), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer

    def _lines(self) -> Iterator[str]:
        writer = csv.writer(Echo())
        yield writer.writerow([column.name for column in self.columns])
        for row in self.rows.iterator(chunk_size=FETCHED_AT_ONCE):
            yield writer.writerow([safe_cell(column.value(row)) for column in self.columns])


def chosen_filters(request: HttpRequest, paths: Mapping[str, str]) -> dict[str, str]:
    """The filters that the address names: ``{path: value}`` for names that the page knows."""
    return {
        path: value
        for name, path in paths.items()
        if (value := request.GET.get(name, "").replace("\x00", ""))
    }
