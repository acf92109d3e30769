"""Lists' parameters: field filters, ``search`` and ``ordering``; what is not known is refused."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import forms
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django_filters import rest_framework as django_filters
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from api_pattern.exceptions import Unprocessable
from api_pattern.parsers import is_storable_text
from api_pattern.times import parse_time

LONGEST_SEARCH = 200


def refuse_unknown_parameters(request: Request, known: Sequence[str]) -> None:
    """Raises Unprocessable: a misspelt filter must not answer with everything."""
    errors = {}
    for name in request.query_params:
        if name not in known:
            told = _("There is no parameter “{name}” here; there are: {known}.")
            errors[name] = [told.format(name=name[:100], known=", ".join(sorted(known)))]
    if errors:
        first = next(iter(errors.values()))[0]
        raise Unprocessable(first, errors)


def refuse_unstorable_parameters(request: Request) -> None:
    """Raises Unprocessable for a NUL, which PostgreSQL would answer with an error of its own."""
    for name, values in request.query_params.lists():
        if not all(is_storable_text(value) for value in (name, *values)):
            message = _("A parameter holds a NUL or half a surrogate pair.")
            raise Unprocessable(message, {name.replace("\x00", "␀"): [message]})


class FieldFilters(DjangoFilterBackend):
    """django-filter, for lists alone: DRF runs filters for one row by its key as well."""

    def filter_queryset(self, request: Request, queryset: models.QuerySet, view: Any) -> models.QuerySet:
        """Raises ValidationError by parameter; django-filter's own way takes a “%” in a value for a placeholder."""
        filterset = self.get_filterset(request, queryset, view) if view.is_list else None
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise ValidationError({name: list(told) for name, told in filterset.errors.items()})
        return filterset.qs

    def get_filterset(self, request: Request, queryset: models.QuerySet, view: Any) -> Any:
        """Of a view's filters only those that are asked for: a form of all costs more than the query."""
        whole = self.get_filterset_class(view, queryset)
        asked = frozenset(whole.base_filters).intersection(request.query_params) if whole else None
        if not asked:
            return None
        return _narrowed(whole, asked)(**self.get_filterset_kwargs(request, queryset, view))

    def parameters(self, view: Any) -> list[str]:
        filterset = self.get_filterset_class(view, view.queryset)
        return list(filterset.base_filters) if filterset else []


@lru_cache(maxsize=512)
def _narrowed(whole: Any, names: frozenset[str]) -> Any:
    narrow: Any = type(whole.__name__, (whole,), {})
    narrow.base_filters = {name: one for name, one in whole.base_filters.items() if name in names}
    return narrow


class Search(BaseFilterBackend):
    """``search``: every word must stand in one of the view's ``search_fields``."""

    def filter_queryset(self, request: Request, queryset: models.QuerySet, view: Any) -> models.QuerySet:
        words = request.query_params.get("search", "")[:LONGEST_SEARCH].split()
        fields = getattr(view, "search_fields", ())
        if not (view.is_list and words and fields):
            return queryset
        for word in words:
            wanted = Q()
            for name in fields:
                wanted |= Q(**{f"{name}__icontains": word})
            queryset = queryset.filter(wanted)
        return queryset

    def parameters(self, view: Any) -> list[str]:
        return ["search"] if getattr(view, "search_fields", ()) else []

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields = ", ".join(name.replace("__", ".") for name in getattr(view, "search_fields", ()))
        if not fields:
            return []
        return [_text_parameter("search", f"Words that must all stand in one of: {fields}.")]


class Ordering(BaseFilterBackend):
    """``ordering``: names of the view's ``ordering_fields`` with commas between, ``-`` in front descends.

    ``ordering_fields`` is a list of field names, or a mapping of a told name to the path of its column.
    """

    def filter_queryset(self, request: Request, queryset: models.QuerySet, view: Any) -> models.QuerySet:
        text = request.query_params.get("ordering", "")
        known = _ordering_paths(view)
        if not (view.is_list and text and known):
            return queryset
        return queryset.order_by(*[_path(name.strip(), known) for name in text.split(",")])

    def parameters(self, view: Any) -> list[str]:
        return ["ordering"] if _ordering_paths(view) else []

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        known = ", ".join(_ordering_paths(view))
        if not known:
            return []
        return [
            _text_parameter(
                "ordering", f"One or more of {known}, with commas between; “-” in front descends."
            )
        ]


class TimeFormField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return parse_time(str(value).strip().replace(" ", "+"))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class TimeFilter(django_filters.Filter):
    """A time with an offset; a “+” that an address turned into a blank is understood."""

    field_class = TimeFormField

    def filter(self, qs: models.QuerySet, value: datetime | None) -> models.QuerySet:
        return qs if value is None else super().filter(qs, value)


class TruthFormField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return {"true": True, "1": True, "false": False, "0": False}[str(value).strip().lower()]
        except KeyError as error:
            told = _("“{value}” is neither true nor false.")
            raise forms.ValidationError(told.format(value=str(value)[:60])) from error


class TruthFilter(django_filters.BooleanFilter):
    """True or false; django-filter's own answers everything where it understands neither."""

    field_class = TruthFormField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"widget": forms.TextInput, **kwargs})


class TextInFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """Several values with commas between."""


def _ordering_paths(view: Any) -> dict[str, str]:
    fields = getattr(view, "ordering_fields", ())
    return dict(fields) if isinstance(fields, dict) else {name: name for name in fields}


def _path(name: str, known: dict[str, str]) -> str:
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    if bare not in known:
        told = _("One cannot order by “{name}” here, but by: {known}.")
        message = told.format(name=bare[:100], known=", ".join(known))
        raise Unprocessable(f"ordering: {message}", {"ordering": [message]})
    return sign + known[bare]


def _text_parameter(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "required": False,
        "in": "query",
        "description": description,
        "schema": {"type": "string"},
    }
