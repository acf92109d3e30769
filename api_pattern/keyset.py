"""Where a page of a queryset ends, and the condition for the rows after it.

``OFFSET 1000000`` walks over a million rows; a condition on the ordering's own columns does not.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from api_pattern.exceptions import Unprocessable
from api_pattern.parsers import is_storable_text


class Column(NamedTuple):
    path: str
    descends: bool
    field: models.Field


@dataclass(frozen=True)
class Place:
    """The last row of a page, by the ordering's columns; ``total`` as counted at ``counted_at``."""

    ordering: str
    values: list[Any]
    total: int
    counted_at: int

    def as_token(self) -> str:
        told = [self.ordering, self.values, self.total, self.counted_at]
        packed = json.dumps(told, default=str, separators=(",", ":"))
        return urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def from_token(cls, token: str) -> "Place":
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            ordering, values, total, counted_at = json.loads(packed)
            return cls(str(ordering), list(values), int(total), int(counted_at))
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise _misfit() from error


def total_order(queryset: models.QuerySet) -> models.QuerySet:
    """The queryset with its primary key as the last column, so that pages neither repeat nor miss a row."""
    names = _names(queryset)
    if any(
        name.lstrip("-") in ("pk", queryset.model._meta.pk.attname) for name in names if isinstance(name, str)
    ):
        return queryset
    return queryset.order_by(*names, "pk")


def columns(queryset: models.QuerySet) -> list[Column] | None:
    """The ordering's columns, or None where one is no plain field."""
    found = []
    for name in _names(queryset):
        field = _field(queryset.model, name.lstrip("-")) if isinstance(name, str) else None
        if field is None:
            return None
        found.append(Column(str(name).lstrip("-"), str(name).startswith("-"), field))
    return found


def place_of(row: models.Model, order: Sequence[Column], total: int, counted_at: int) -> Place:
    return Place(spelled(order), [_value(row, column.path) for column in order], total, counted_at)


def after(queryset: models.QuerySet, order: Sequence[Column], place: Place) -> models.QuerySet:
    """The rows that stand behind ``place``."""
    if place.ordering != spelled(order) or len(place.values) != len(order):
        raise _misfit()
    values = [_parsed(column, value) for column, value in zip(order, place.values, strict=True)]
    return queryset.filter(_bound(order[0], values[0]), _behind(order, values))


def spelled(order: Sequence[Column]) -> str:
    return ",".join(f"-{column.path}" if column.descends else column.path for column in order)


def _behind(order: Sequence[Column], values: Sequence[Any]) -> Q:
    column, value = order[0], values[0]
    behind = _later(column, value)
    if len(order) > 1:
        same = Q(**{f"{column.path}__isnull": True}) if value is None else Q(**{column.path: value})
        behind |= same & _behind(order[1:], values[1:])
    return behind


def _later(column: Column, value: Any) -> Q:
    """PostgreSQL puts nulls last, and first where the column descends."""
    absent = Q(**{f"{column.path}__isnull": True})
    if value is None:
        return ~absent if column.descends else Q(pk__in=())
    later = Q(**{f"{column.path}__{'lt' if column.descends else 'gt'}": value})
    return later if column.descends or not _may_be_null(column) else later | absent


def _bound(column: Column, value: Any) -> Q:
    """Says again, in a form that an index is entered by, what the first column must be."""
    if value is None or (_may_be_null(column) and not column.descends):
        return Q()
    return Q(**{f"{column.path}__{'lte' if column.descends else 'gte'}": value})


def _may_be_null(column: Column) -> bool:
    return column.field.null or "__" in column.path


def _names(queryset: models.QuerySet) -> tuple[Any, ...]:
    return tuple(queryset.query.order_by or queryset.model._meta.ordering or ("pk",))


def _field(model: type[models.Model], path: str) -> models.Field | None:
    *relations, last = path.split("__")
    try:
        for relation in relations:
            model = model._meta.get_field(relation).related_model  # type: ignore[assignment]
        field = model._meta.pk if last == "pk" else model._meta.get_field(last)
    except (FieldDoesNotExist, AttributeError):
        return None
    return field if isinstance(field, models.Field) and not field.is_relation else None


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = None if row is None else getattr(row, name)
    return row


def _parsed(column: Column, value: Any) -> Any:
    if isinstance(value, str) and not is_storable_text(value):
        raise _misfit()
    try:
        return column.field.to_python(value)
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise _misfit() from error


def _misfit() -> Unprocessable:
    message = _("“after” does not belong to this list; follow the address in “next” as it is.")
    return Unprocessable(message, {"after": [message]})
