"""Serializers that refuse what they do not know, and tell rows without DRF's detours."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.fields import SkipField, empty
from rest_framework.relations import PKOnlyObject
from rest_framework.validators import UniqueValidator

from api_pattern.fields import NumberField, ObjectField, TimeField, WholeNumberField
from api_pattern.times import parse_time, told_time

# Fields whose stored value is told as it is.
AS_STORED: tuple[type[serializers.Field], ...] = (
    serializers.CharField,
    serializers.IntegerField,
    serializers.FloatField,
    serializers.BooleanField,
    serializers.JSONField,
    serializers.ChoiceField,
)


Reader = Callable[[Any], Any]
FIXED_FIELDS = (serializers.Serializer.get_fields, serializers.ModelSerializer.get_fields)


class _Strict(serializers.Serializer):
    """Refuses unknown fields, and read-only ones unless the body says what is stored."""

    _shared_readers: ClassVar[list[tuple[str, Reader]]]

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            message = _("A JSON object is expected here, not {kind}.").format(kind=_kind(data))
            raise serializers.ValidationError({"body": [message]})
        for name in self._fixed:
            self.fields[name].required = False
        errors = self._refused(data)
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not errors:
                raise
            raise serializers.ValidationError({**error.detail, **errors}) from error  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        for name in self._fixed & value.keys():
            del value[name]
        return value

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {name: read(instance) for name, read in self._readers}

    @property
    def _fixed(self) -> set[str]:
        """Fields that are given when a thing is made and never change."""
        if self.instance is None or isinstance(self.instance, models.QuerySet | list):
            return set()
        return set(getattr(getattr(self, "Meta", None), "create_only_fields", ()))

    def _refused(self, data: dict[str, Any]) -> dict[str, list[str]]:
        errors: dict[str, list[str]] = {}
        for name, value in data.items():
            field = self.fields.get(name)
            if field is None:
                errors[name] = [_unknown(name, self._writable_names())]
            elif (field.read_only or name in self._fixed) and not self._says_what_is_stored(name, value):
                errors[name] = [_("“{name}” is read-only; leave it out.").format(name=name)]
        return errors

    def _writable_names(self) -> list[str]:
        return [
            name for name, field in self.fields.items() if not field.read_only and name not in self._fixed
        ]

    def _says_what_is_stored(self, name: str, value: Any) -> bool:
        if self.instance is None or isinstance(self.instance, models.QuerySet | list):
            return False
        stored = self._stored.get(name, empty)
        return bool(stored == value) or _same_time(stored, value)

    @cached_property
    def _stored(self) -> dict[str, Any]:
        return self.to_representation(self.instance)

    @cached_property
    def _readers(self) -> list[tuple[str, Reader]]:
        """How each field is read; worked out once for the class where no field asks who reads."""
        kind = type(self)
        shared: list[tuple[str, Reader]] | None = kind.__dict__.get("_shared_readers")
        if shared is not None:
            return shared
        model = getattr(getattr(self, "Meta", None), "model", None)
        read = [(str(field.field_name), field, _reader(field, model)) for field in self._readable_fields]
        readers = [(name, reader or _own_reader(field)) for name, field, reader in read]
        if all(reader for _name, _field, reader in read) and kind.get_fields in FIXED_FIELDS:
            kind._shared_readers = readers
        return readers


class StrictSerializer(_Strict):
    """For bodies and answers that are no model's."""


class StrictModelSerializer(_Strict, serializers.ModelSerializer):
    """Uniqueness is left to the database, whose answer holds under load: a duplicate is a conflict."""

    serializer_field_mapping: ClassVar[dict[type[models.Field], type[serializers.Field]]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: TimeField,
        models.FloatField: NumberField,
        models.IntegerField: WholeNumberField,
        models.PositiveIntegerField: WholeNumberField,
        models.PositiveSmallIntegerField: WholeNumberField,
        models.JSONField: ObjectField,
    }

    def get_unique_together_validators(self) -> list[Any]:
        return []

    def get_unique_for_date_validators(self) -> list[Any]:
        return []

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        kept = [one for one in kwargs.pop("validators", ()) if not isinstance(one, UniqueValidator)]
        return field_class, {**kwargs, "validators": kept} if kept else kwargs


def _reader(field: serializers.Field, model: type[models.Model] | None) -> Reader | None:
    """The quickest way to the field's value, or None where the field must be asked itself."""
    if not field.source or field.source == "*":
        return None
    if model is not None and _is_column(model, field.source):
        find: Reader = attrgetter(field.source)
    else:
        find = _following(field.source.split("."))
    tell = _teller(field)
    if tell is None:
        return None
    if tell is _as_it_is:
        return find
    return lambda instance: None if (value := find(instance)) is None else tell(value)


def _teller(field: serializers.Field) -> Reader | None:
    """How a field tells a value, where that depends on nothing but the value."""
    if isinstance(field, TimeField):
        return told_time
    if _tells_as_stored(field):
        return _as_it_is
    return getattr(type(field), "told", None)


def _as_it_is(value: Any) -> Any:
    return value


def _tells_as_stored(field: serializers.Field) -> bool:
    told_by = type(field).to_representation
    return isinstance(field, AS_STORED) and any(told_by is known.to_representation for known in AS_STORED)


def _is_column(model: type[models.Model], name: str) -> bool:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return bool(getattr(field, "concrete", False)) and not field.is_relation


def _following(names: list[str]) -> Reader:
    def find(instance: Any) -> Any:
        for name in names:
            if instance is None:
                return None
            instance = instance[name] if isinstance(instance, dict) else getattr(instance, name)
            if callable(instance) and not isinstance(instance, models.Manager):
                instance = instance()
        return instance

    return find


def _own_reader(field: serializers.Field) -> Reader:
    """DRF's own way, for fields that know their context."""

    def read(instance: Any) -> Any:
        try:
            value = field.get_attribute(instance)
        except SkipField:
            return None
        if (value.pk if isinstance(value, PKOnlyObject) else value) is None:
            return None
        return field.to_representation(value)

    return read


def _unknown(name: str, known: Iterable[str]) -> str:
    told = _("There is no field “{name}” here; there are: {known}.")
    return told.format(name=name[:100], known=", ".join(known) or _("none"))


def _same_time(stored: Any, value: Any) -> bool:
    try:
        return isinstance(stored, str) and parse_time(stored) == parse_time(value)
    except ValueError:
        return False


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return _("a boolean")
    if isinstance(value, list):
        return _("an array")
    return _("a text") if isinstance(value, str) else _("a number")
