"""Serializer fields that take only what can be stored and sent back."""

import math
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api_pattern.times import check_not_ahead, parse_time, told_time


class TimeField(serializers.DateTimeField):
    """A time with an offset, told in UTC; ``not_ahead`` refuses one over 5 minutes in the future."""

    def __init__(self, *, not_ahead: bool = False, **kwargs: Any) -> None:
        self.not_ahead = not_ahead
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        try:
            time = parse_time(value)
            return check_not_ahead(time) if self.not_ahead else time
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, str) else told_time(value)


class NumberField(serializers.FloatField):
    """A finite number: ``float("nan")`` passes every limit and cannot be told in JSON."""

    default_error_messages = {"not_finite": _("“{value}” is not a finite number.")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail("not_finite", value=str(data)[:60])
        return number


class WholeNumberField(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ObjectField(serializers.JSONField):
    """A JSON object with names of 1 to 100 characters."""

    LONGEST_NAME = 100
    default_error_messages = {
        "not_an_object": _("A JSON object is expected here, such as {{}}."),
        "name_length": _("“{name}” is no name for an attribute: 1 to 100 characters are."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        for name in data:
            if not 1 <= len(name) <= self.LONGEST_NAME:
                self.fail("name_length", name=name[:60])
        return data
