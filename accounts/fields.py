"""Serializer fields that name what this app owns."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.fleets import named_fleet
from accounts.models import Fleet, User
from accounts.people import assignable_people


@extend_schema_field({"type": "string", "maxLength": 64, "minLength": 1, "example": "fleet-001"})
class FleetField(serializers.Field):
    """A fleet by its ``fleet_id``. One that is not the caller's answers 403, whether it exists or not."""

    default_error_messages = {
        "not_text": _("A fleet's id is a text, such as “fleet-001”."),
        "unknown": _("There is no fleet “{fleet_id}”."),
    }

    def to_internal_value(self, data: Any) -> Fleet:
        if not isinstance(data, str):
            self.fail("not_text")
        # Many rows of one body name few fleets.
        context: dict[str, Any] = self.context  # type: ignore[assignment]
        found: dict[str, Fleet | None] = context.setdefault("named_fleets", {})
        if data not in found:
            found[data] = named_fleet(self.context["request"].user, data)
        if found[data] is None:
            self.fail("unknown", fleet_id=data[:64])
        return found[data]  # type: ignore[return-value]

    @staticmethod
    def told(value: Fleet) -> str:
        return value.fleet_id

    def to_representation(self, value: Fleet) -> str:
        return self.told(value)


@extend_schema_field(OpenApiTypes.EMAIL)
class PersonField(serializers.Field):
    """An active person by e-mail, among those who share a fleet with the caller, and administrators."""

    default_error_messages = {
        "not_text": _("A person is named by e-mail, such as “operator@fleet.example”."),
        "unknown": _("There is no active person “{email}” who can be given this."),
    }

    def to_internal_value(self, data: Any) -> User:
        if not isinstance(data, str):
            self.fail("not_text")
        person = assignable_people(self.context["request"].user).filter(email=data.strip().lower()).first()
        if person is None:
            self.fail("unknown", email=data[:254])
        return person

    @staticmethod
    def told(value: User) -> str:
        return value.email

    def to_representation(self, value: User) -> str:
        return self.told(value)
