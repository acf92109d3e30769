"""The envelope that every list answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from api_pattern import keyset
from api_pattern.exceptions import Unprocessable

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
LAST_PAGE = 1_000_000_000
# Beyond this many rows to skip, keys are skipped first and only the page's rows fetched.
SKIPPED_WITH_ROWS = 1_000
# A walk along `next` keeps the total that it began with for so long.
TOTAL_HOLDS_SECONDS = 60


@dataclass
class Page:
    rows: list[Any]
    total: int
    has_more: bool
    following: str | None = field(default=None)


class Envelope(BasePagination):
    """``{data, total, page, limit, next, previous}``; ``next`` goes on from the last row."""

    parameters = ("page", "limit", "after")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.page = _whole(request, "page", 1, LAST_PAGE)
        self.limit = _whole(request, "limit", DEFAULT_LIMIT, LARGEST_LIMIT)
        if isinstance(queryset, models.QuerySet):
            self.found = self._of_queryset(queryset, request.query_params.get("after"))
        else:
            self.found = self._of_sequence(queryset)
        return self.found.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(self.enveloped(data))

    def enveloped(self, data: Any) -> dict[str, Any]:
        return {
            "data": data,
            "total": self.found.total,
            "page": self.page,
            "limit": self.limit,
            "next": self._next() if self.found.has_more else None,
            "previous": self._address(self.page - 1) if self.page > 1 else None,
        }

    def _next(self) -> str:
        address = self._address(self.page + 1)
        if self.found.following is None:
            return address
        return replace_query_param(address, "after", self.found.following)

    def _address(self, page: int) -> str:
        here = remove_query_param(self.request.build_absolute_uri(), "after")
        return replace_query_param(here, "page", page)

    def _of_sequence(self, rows: Sequence[Any]) -> Page:
        skipped = (self.page - 1) * self.limit
        return Page(list(rows[skipped : skipped + self.limit]), len(rows), skipped + self.limit < len(rows))

    def _of_queryset(self, queryset: models.QuerySet, after: str | None) -> Page:
        queryset = keyset.total_order(queryset)
        order = keyset.columns(queryset)
        place = keyset.Place.from_token(after) if after else None
        total, counted_at = _total(queryset, place)
        if place and order:
            rows = list(keyset.after(queryset, order, place)[: self.limit + 1])
        else:
            rows = self._skipping(queryset, total)
        page = Page(rows[: self.limit], total, len(rows) > self.limit)
        if page.has_more and order:
            page.following = keyset.place_of(page.rows[-1], order, total, counted_at).as_token()
        return page

    def _skipping(self, queryset: models.QuerySet, total: int) -> list[Any]:
        skipped = (self.page - 1) * self.limit
        if skipped and skipped >= total:
            return []
        wanted = slice(skipped, skipped + self.limit + 1)
        if skipped < SKIPPED_WITH_ROWS:
            return list(queryset[wanted])
        return list(queryset.filter(pk__in=queryset.values("pk")[wanted]))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": "string", "format": "uri", "nullable": True}
        whole = {"type": "integer", "minimum": 0}
        return {
            "type": "object",
            "required": ["data", "total", "page", "limit", "next", "previous"],
            "properties": {
                "data": schema,
                "total": {**whole, "example": 123},
                "page": {**whole, "minimum": 1, "example": 1},
                "limit": {**whole, "minimum": 1, "maximum": LARGEST_LIMIT, "example": DEFAULT_LIMIT},
                "next": {**address, "example": "http://127.0.0.1:8000/api/v1/vehicles?page=2&after=W…"},
                "previous": {**address, "example": None},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "A page, from 1; one past the end is empty.", LAST_PAGE, 1),
            _parameter("limit", "Rows on a page.", LARGEST_LIMIT, DEFAULT_LIMIT),
        ]


def _parameter(name: str, description: str, most: int, default: int) -> dict[str, Any]:
    return {
        "name": name,
        "required": False,
        "in": "query",
        "description": description,
        "schema": {"type": "integer", "minimum": 1, "maximum": most, "default": default},
    }


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not 1 <= number <= most:
        message = _("“{text}” is not a whole number from 1 to {most}.").format(text=text[:60], most=most)
        raise Unprocessable(f"{name}: {message}", {name: [message]})
    return number


def _total(queryset: models.QuerySet, place: keyset.Place | None) -> tuple[int, int]:
    now = int(time.time())
    if place and 0 <= now - place.counted_at <= TOTAL_HOLDS_SECONDS:
        return place.total, place.counted_at
    return queryset.count(), now
