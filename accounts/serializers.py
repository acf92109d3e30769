from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.actors import Actor
from accounts.fields import FleetField
from accounts.models import ApiKey, Fleet, Membership, User, validate_external_id
from api_pattern.fields import TimeField
from api_pattern.serializers import StrictModelSerializer, StrictSerializer

LONGEST_PASSWORD = 1024


def all_fleet_ids() -> list[str]:
    return list(Fleet.objects.order_by("fleet_id").values_list("fleet_id", flat=True))


def fleet_ids_of(actor: Actor) -> list[str]:
    if actor.is_administrator:
        return all_fleet_ids()
    return list(Fleet.objects.visible_to(actor).order_by("fleet_id").values_list("fleet_id", flat=True))


class LoginSerializer(StrictSerializer):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class RefreshSerializer(StrictSerializer):
    refresh_token = serializers.CharField(max_length=200)


class OperatorSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=User.Role.choices)
    fleet_ids = serializers.ListField(child=serializers.CharField())


class TokensSerializer(serializers.Serializer):
    """What login and refresh answer."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["bearer"])
    expires_in = serializers.IntegerField(help_text=_("Seconds."))
    operator = OperatorSerializer()


class MeSerializer(serializers.Serializer):
    """Who the caller is: a person (``kind`` is ``user``) or a key."""

    kind = serializers.ChoiceField(choices=["user", "api_key"])
    id = serializers.IntegerField()
    email = serializers.EmailField(allow_null=True)
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=User.Role.choices)
    fleet_ids = serializers.ListField(child=serializers.CharField())
    time_zone = serializers.CharField(allow_null=True)
    units = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    vehicle_id = serializers.CharField(allow_null=True)


class FleetIdsField(serializers.ListField):
    """Fleets by ``fleet_id``."""

    child = FleetField()

    def to_representation(self, data: Any) -> list[str]:
        return sorted(fleet.fleet_id for fleet in data.all() if fleet.deleted_at is None)


class UserSerializer(StrictModelSerializer):
    """``fleet_ids`` of an administrator names all fleets and is not stored."""

    fleet_ids = FleetIdsField(source="fleets", required=False)
    password = serializers.CharField(
        write_only=True, required=False, max_length=LONGEST_PASSWORD, trim_whitespace=False
    )

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "name",
            "role",
            "fleet_ids",
            "time_zone",
            "units",
            "is_active",
            "password",
            "last_login",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "last_login", "created_at", "updated_at")

    def validate_email(self, value: str) -> str:
        return value.lower()

    def to_representation(self, instance: User) -> dict[str, Any]:
        told = super().to_representation(instance)
        if instance.is_administrator:
            told["fleet_ids"] = self._all_fleet_ids()
        return told

    def _all_fleet_ids(self) -> list[str]:
        """One query for a whole list of people."""
        context: dict[str, Any] = self.context  # type: ignore[assignment]
        if "all_fleet_ids" not in context:
            context["all_fleet_ids"] = all_fleet_ids()
        names: list[str] = context["all_fleet_ids"]
        return names


class PersonByIdField(serializers.PrimaryKeyRelatedField):
    default_error_messages = {"does_not_exist": _("There is no person with the id {pk_value}.")}

    def get_queryset(self) -> Any:
        return User.objects.visible_to(self.context["request"].user)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class MembershipSerializer(StrictModelSerializer):
    user_id = PersonByIdField(source="user", queryset=User.objects.none())
    fleet_id = FleetField(source="fleet")

    class Meta:
        model = Membership
        fields = ("id", "user_id", "fleet_id", "created_at")
        read_only_fields = ("id", "created_at")


class ApiKeySerializer(StrictModelSerializer):
    """``fleets`` are fleet ids. The secret is answered once, by POST, as ``key``."""

    fleets = FleetIdsField(required=False)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=ApiKey.Scope.choices), min_length=1, max_length=3
    )
    vehicle_id = serializers.CharField(
        required=False, allow_null=True, max_length=64, validators=[validate_external_id]
    )
    expires_at = TimeField(required=False, allow_null=True)

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "fleets", "vehicle_id", "scopes", "expires_at", "created_at")
        read_only_fields = ("id", "prefix", "created_at")

    def validate_scopes(self, value: list[str]) -> list[str]:
        return [scope for scope in ApiKey.Scope.values if scope in value]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        stored = self.instance if isinstance(self.instance, ApiKey) else None
        fleets = attrs["fleets"] if "fleets" in attrs else stored and list(stored.fleets.all())
        vehicle_id = attrs.get("vehicle_id", stored and stored.vehicle_id)
        if not fleets and not vehicle_id:
            told = _("A key needs a fleet or a vehicle that it speaks for; it would see nothing.")
            raise serializers.ValidationError({"fleets": [told]})
        return attrs


class NewApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text=_("The secret, told this once."))

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")  # type: ignore[assignment]
        read_only_fields = (*ApiKeySerializer.Meta.read_only_fields, "key")  # type: ignore[assignment]


class FleetSerializer(StrictModelSerializer):
    """A fleet's id never changes."""

    class Meta:
        model = Fleet
        fields = (
            "fleet_id",
            "fleet_name",
            "description",
            "time_zone",
            "date_order",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("created_at", "updated_at")
        create_only_fields = ("fleet_id",)
