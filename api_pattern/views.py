"""Views that answer alike: the fence, pages, tags and the status codes of the contract."""

import json
from hashlib import sha256
from typing import Any, ClassVar

import orjson
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from api_pattern.filters import (
    FieldFilters,
    Ordering,
    Search,
    refuse_unknown_parameters,
    refuse_unstorable_parameters,
)
from api_pattern.matching import matched
from api_pattern.pagination import Envelope
from api_pattern.parsers import is_storable_text


def tag_of(data: Any) -> str:
    """The entity tag of an answer: it changes exactly when the answer does."""
    try:
        packed = orjson.dumps(data, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # An integer beyond 64 bits.
        packed = json.dumps(data, default=str, sort_keys=True).encode()
    return f'"{sha256(packed).hexdigest()[:32]}"'


class ScopedViewSet(GenericViewSet):
    """Rows that the caller may see, one by one or as a list.

    ``queryset`` is of a model whose querysets have ``visible_to``. Subclasses with lists beside the
    plain one name their actions in ``list_actions`` and extra parameters in ``list_parameters``.
    """

    pagination_class = Envelope
    filter_backends = (FieldFilters, Search, Ordering)
    # Ids may hold dots.
    lookup_value_regex = "[^/]+"
    list_actions: ClassVar[frozenset[str]] = frozenset({"list"})
    list_parameters: ClassVar[tuple[str, ...]] = ()
    # Actions of these names are open to operators, who otherwise only read.
    operator_actions: ClassVar[frozenset[str]] = frozenset()
    administrators_only: ClassVar[bool] = False

    @property
    def is_list(self) -> bool:
        return self.action in self.list_actions

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_unstorable_parameters(request)
        if self.is_list:
            refuse_unknown_parameters(request, self.known_parameters())

    def known_parameters(self) -> list[str]:
        """What a list's address may say."""
        backends = [backend() for backend in self.filter_backends]
        names = [name for backend in backends for name in backend.parameters(self)]
        return [*Envelope.parameters, *names, *self.list_parameters]

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().visible_to(self.request.user)  # type: ignore[attr-defined]

    def get_object(self) -> Any:
        return self.find(self.get_queryset())

    def find(self, queryset: models.QuerySet) -> Any:
        """The row that the address names; raises NotFound with a sentence."""
        value = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        found = None
        if is_storable_text(value):
            found = self.one(queryset, value)
        if found is None:
            told = _("{thing} {value} not found")
            name = capfirst(str(queryset.model._meta.verbose_name))
            raise NotFound(told.format(thing=name, value=value.replace("\x00", "␀")))
        self.check_object_permissions(self.request, found)
        return found

    def one(self, queryset: models.QuerySet, value: str) -> models.Model | None:
        try:
            return queryset.filter(**{self.lookup_field: value}).first()
        except ValueError:
            return None

    def answer(self, instance: Any, code: int = status.HTTP_200_OK) -> Response:
        """The instance as its detail tells it, with its tag."""
        data = self.get_serializer(instance).data
        return Response(data, status=code, headers={"ETag": tag_of(data)})

    def tag(self, instance: Any) -> str:
        return tag_of(self.get_serializer(instance).data)

    def answer_list(self, rows: Any, serializer: type[BaseSerializer] | None = None) -> Response:
        """A page of ``rows`` (a queryset or a sequence) in the envelope."""
        page = self.paginate_queryset(rows)
        if serializer is None:
            return self.get_paginated_response(self.get_serializer(page, many=True).data)
        told = serializer(page, many=True, context=self.get_serializer_context())
        return self.get_paginated_response(told.data)


class ListRows(ScopedViewSet):
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer_list(self.filter_queryset(self.get_queryset()))


class RetrieveRow(ScopedViewSet):
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.get_object())


class CreateRow(ScopedViewSet):
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.answer(self.perform_create(serializer), status.HTTP_201_CREATED)

    def perform_create(self, serializer: BaseSerializer) -> Any:
        """Calls the service that creates; answers what it made."""
        raise NotImplementedError


class UpdateRow(ScopedViewSet):
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        partial = kwargs.pop("partial", False)
        with matched(self, request) as instance:
            serializer = self.get_serializer(instance, data=request.data, partial=partial)
            serializer.is_valid(raise_exception=True)
            changed = self.perform_update(instance, serializer)
        return self.answer(changed)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, partial=True, **kwargs)

    def perform_update(self, instance: Any, serializer: BaseSerializer) -> Any:
        """Calls the service that changes; answers the row as it is now."""
        raise NotImplementedError


class DestroyRow(ScopedViewSet):
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with matched(self, request) as instance:
            self.perform_destroy(instance)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_destroy(self, instance: Any) -> None:
        """Calls the service that hides or deletes."""
        raise NotImplementedError


class CrudViewSet(ListRows, RetrieveRow, CreateRow, UpdateRow, DestroyRow):
    """Everything that the contract calls CRUD."""
