"""Tables of the pages: columns to choose from, sorting, filters and paging that stand in the address."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from rest_framework.request import Request

from accounts.models import User
from api_pattern.pagination import Envelope
from api_pattern.parsers import is_storable_text
from dashboard.shown import NOTHING

LONGEST_SEARCH = 200
Text = str | Promise
Cell = Callable[[Any, User], Any]


@dataclass(frozen=True)
class Column:
    """``value`` is what an export writes, ``cell`` what the page shows, ``order`` the path to sort by."""

    name: str
    label: Text
    value: Callable[[Any], Any]
    cell: Cell | None = None
    order: str = ""
    is_number: bool = False
    is_shown: bool = True

    def show(self, row: Any, person: User) -> Any:
        if self.cell is not None:
            return self.cell(row, person)
        value = self.value(row)
        return NOTHING if value in (None, "") else value


@dataclass(frozen=True)
class Facet:
    """A filter of the address: one of ``choices``, or free text where there are none.

    ``usual`` is what holds while nothing is chosen: “any” where it is not said.
    """

    name: str
    label: Text
    choices: Sequence[tuple[str, Text]] = ()
    kind: str = "text"
    suggests: str = ""
    usual: Text = ""


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    ordering: str
    search_fields: tuple[str, ...] = ()
    search_hint: Text = ""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass
class Heading:
    column: Column
    address: str = ""
    direction: str = ""


@dataclass
class Chip:
    """A filter that is in force, with the address without it."""

    label: Text
    value: Text
    address: str


@dataclass
class Listing:
    """A table as one person sees it at one address."""

    request: HttpRequest
    table: Table
    queryset: QuerySet
    facets: Sequence[Facet] = ()
    filterset: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def me(self) -> Any:
        return self.request.user

    # ------------------------------------------------------------ what is shown

    @cached_property
    def columns(self) -> list[Column]:
        chosen = self.request.session.get(f"columns:{self.table.name}")
        if not chosen:
            return [column for column in self.table.columns if column.is_shown]
        first, *others = self.table.columns
        return [first, *(column for column in others if column.name in chosen)]

    @cached_property
    def rows(self) -> list[tuple[Any, list[tuple[Column, Any]]]]:
        return self.with_cells(self.found.rows)

    def with_cells(self, rows: Iterable[Any]) -> list[tuple[Any, list[tuple[Column, Any]]]]:
        return [(row, [(column, column.show(row, self.me)) for column in self.columns]) for row in rows]

    @cached_property
    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.columns]

    def _heading(self, column: Column) -> Heading:
        if not column.order:
            return Heading(column)
        direction = {column.name: "ascending", f"-{column.name}": "descending"}.get(self.ordering, "")
        target = f"-{column.name}" if direction == "ascending" else column.name
        return Heading(column, self.address(ordering=target), direction)

    # ------------------------------------------------------------ what is asked

    @cached_property
    def ordering(self) -> str:
        asked = self.request.GET.get("ordering", "")
        column = self.table.column(asked.removeprefix("-"))
        return asked if column is not None and column.order else self.table.ordering

    @cached_property
    def search(self) -> str:
        text = self.request.GET.get("search", "")[:LONGEST_SEARCH].strip()
        return text if is_storable_text(text) else ""

    @cached_property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong with the filters: then nothing is listed, rather than everything."""
        form = self.filterset(self.request.GET, request=self.request).form if self.filterset else None
        return {str(name): list(told) for name, told in form.errors.items()} if form else {}

    @cached_property
    def filtered(self) -> QuerySet:
        found = self.queryset
        if self.filterset:
            bound = self.filterset(self.request.GET, queryset=found, request=self.request)
            found = bound.qs if bound.form.is_valid() else found.none()
        return searched(found, self.search, self.table.search_fields)

    @cached_property
    def ordered(self) -> QuerySet:
        column = self.table.column(self.ordering.removeprefix("-"))
        if column is None:
            return self.filtered
        return self.filtered.order_by(f"-{column.order}" if self.ordering.startswith("-") else column.order)

    @cached_property
    def chips(self) -> list[Chip]:
        chips = []
        for facet in self.facets:
            if value := self.request.GET.get(facet.name):
                told = dict(facet.choices).get(value, value)
                chips.append(Chip(facet.label, told, self.address(**{facet.name: None})))
        return chips

    @cached_property
    def fields(self) -> list[tuple[Facet, str]]:
        return [(facet, self.request.GET.get(facet.name, "")) for facet in self.facets]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.chips)

    # ------------------------------------------------------------ paging

    @cached_property
    def envelope(self) -> Envelope:
        envelope = Envelope()
        envelope.paginate_queryset(self.ordered, Request(self.request))
        return envelope

    @property
    def found(self) -> Any:
        return self.envelope.found

    @property
    def total(self) -> int:
        return int(self.found.total)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.envelope.limit))

    @property
    def first_row(self) -> int:
        return (self.envelope.page - 1) * self.envelope.limit + 1 if self.found.rows else 0

    @property
    def last_row(self) -> int:
        return self.first_row + len(self.found.rows) - 1 if self.found.rows else 0

    @property
    def next_address(self) -> str:
        if not self.found.has_more:
            return ""
        return self.address(page=self.envelope.page + 1, after=self.found.following)

    @property
    def previous_address(self) -> str:
        return self.address(page=self.envelope.page - 1) if self.envelope.page > 1 else ""

    @property
    def first_address(self) -> str:
        return self.address()

    # ------------------------------------------------------------ addresses

    def address(self, **changes: Any) -> str:
        """This address with other parameters; without ``page`` it begins at the first page again."""
        parameters = self.request.GET.copy()
        for name in ("page", "after"):
            parameters.pop(name, None)
        for name, value in changes.items():
            parameters.pop(name, None)
            if value is not None:
                parameters[name] = str(value)
        for name in [name for name, value in parameters.items() if value == ""]:
            del parameters[name]
        query = parameters.urlencode()
        return f"{self.request.path}?{query}" if query else self.request.path

    @property
    def query(self) -> str:
        return self.address().partition("?")[2]


def searched(found: QuerySet, text: str, fields: Sequence[str]) -> QuerySet:
    """Every word must stand in one of the fields."""
    for word in text.split():
        wanted = Q()
        for name in fields:
            wanted |= Q(**{f"{name}__icontains": word})
        found = found.filter(wanted)
    return found
