from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import fleets, services
from accounts.actors import sender_of
from accounts.filters import ApiKeyFilters, FleetFilters, MembershipFilters, UserFilters
from accounts.models import ApiKey, Fleet, Membership, User
from accounts.serializers import (
    ApiKeySerializer,
    FleetSerializer,
    LoginSerializer,
    MembershipSerializer,
    MeSerializer,
    NewApiKeySerializer,
    RefreshSerializer,
    TokensSerializer,
    UserSerializer,
    fleet_ids_of,
)
from accounts.throttling import guarded_login
from api_pattern.views import CrudViewSet, tag_of


class _AuthView(APIView):
    """Takes its body before anyone is known; credentials that come along are not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class LoginView(_AuthView):
    """Log in with e-mail and password."""

    @extend_schema(
        operation_id="auth_login", request=LoginSerializer, responses={200: TokensSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        values = _values(LoginSerializer, request)
        with guarded_login(values["email"], request.META.get("REMOTE_ADDR", "")):
            tokens = services.log_in(values["email"], password=values["password"])
        return Response(_told(tokens))


class RefreshView(_AuthView):
    """Trade a refresh token for the next pair; it serves once."""

    @extend_schema(
        operation_id="auth_refresh", request=RefreshSerializer, responses={200: TokensSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        tokens = services.rotate_token(_values(RefreshSerializer, request)["refresh_token"])
        return Response(_told(tokens))


class LogoutView(APIView):
    """End the login that the refresh token belongs to, its access tokens too."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="auth_logout", request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        values = _values(RefreshSerializer, request)
        services.log_out(sender_of(request).user, refresh_token=values["refresh_token"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """Who am I."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="auth_me", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        actor: Any = request.user
        told = _told_key(actor.key) if actor.key else _told_person(actor)
        return Response({**told, "role": actor.role, "fleet_ids": fleet_ids_of(actor)})


def _told_person(user: User) -> dict[str, Any]:
    return {
        "kind": "user",
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "time_zone": user.time_zone,
        "units": user.units,
        "is_active": user.is_active,
        "scopes": None,
        "vehicle_id": None,
    }


def _told_key(key: ApiKey) -> dict[str, Any]:
    return {
        "kind": "api_key",
        "id": key.pk,
        "email": None,
        "name": key.name,
        "time_zone": None,
        "units": None,
        "is_active": True,
        "scopes": key.scopes,
        "vehicle_id": key.vehicle_id,
    }


def _values(serializer_class: type[BaseSerializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def _told(tokens: services.Tokens) -> dict[str, Any]:
    user = tokens.user
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "bearer",
        "expires_in": tokens.expires_in,
        "operator": {"id": user.pk, "email": user.email, "role": user.role, "fleet_ids": fleet_ids_of(user)},
    }


class UserViewSet(CrudViewSet):
    """People, for administrators. Deleting one deletes the account; histories keep the e-mail."""

    queryset = User.objects.prefetch_related("fleets")
    serializer_class = UserSerializer
    filterset_class = UserFilters
    search_fields = ("email", "name")
    ordering_fields = ("email", "name", "role", "created_at")
    administrators_only = True

    def perform_create(self, serializer: BaseSerializer) -> User:
        values = dict(serializer.validated_data)
        return services.create_person(values, fleets=self._fleets(values) or ())

    def perform_update(self, instance: User, serializer: BaseSerializer) -> User:
        values = dict(serializer.validated_data)
        return services.update_person(instance, values, fleets=self._fleets(values))

    def perform_destroy(self, instance: User) -> None:
        services.delete_person(instance)

    def _fleets(self, values: dict[str, Any]) -> list[Fleet] | None:
        named: list[Fleet] | None = values.pop("fleets", None)
        return named


class MembershipViewSet(CrudViewSet):
    """Which person belongs to which fleet, for administrators."""

    queryset = Membership.objects.select_related("fleet").filter(fleet__deleted_at__isnull=True)
    serializer_class = MembershipSerializer
    filterset_class = MembershipFilters
    ordering_fields = ("id", "created_at")
    administrators_only = True

    def perform_create(self, serializer: BaseSerializer) -> Membership:
        values = serializer.validated_data
        return services.add_membership(values["user"], fleet=values["fleet"])

    def perform_update(self, instance: Membership, serializer: BaseSerializer) -> Membership:
        values = {"user": instance.user, "fleet": instance.fleet, **serializer.validated_data}
        return services.move_membership(instance, **values)

    def perform_destroy(self, instance: Membership) -> None:
        services.remove_membership(instance)


class ApiKeyViewSet(CrudViewSet):
    """Keys of servers and devices, for administrators. DELETE revokes, at once and everywhere."""

    queryset = ApiKey.objects.filter(revoked_at__isnull=True).prefetch_related("fleets")
    serializer_class = ApiKeySerializer
    filterset_class = ApiKeyFilters
    search_fields = ("name", "vehicle_id")
    ordering_fields = ("id", "name", "expires_at", "created_at")
    administrators_only = True

    @extend_schema(request=ApiKeySerializer, responses={201: NewApiKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        key, secret = services.create_key(values, fleets=values.pop("fleets", ()), by=sender_of(request).user)
        told = self.get_serializer(key).data
        return Response({**told, "key": secret}, status.HTTP_201_CREATED, headers={"ETag": tag_of(told)})

    def perform_update(self, instance: ApiKey, serializer: BaseSerializer) -> ApiKey:
        values = dict(serializer.validated_data)
        return services.update_key(instance, values, fleets=values.pop("fleets", None))

    def perform_destroy(self, instance: ApiKey) -> None:
        services.revoke_key(instance)


class FleetViewSet(CrudViewSet):
    """Fleets: read by whoever belongs to them, written by administrators."""

    queryset = Fleet.objects.all()
    serializer_class = FleetSerializer
    filterset_class = FleetFilters
    search_fields = ("fleet_id", "fleet_name", "description")
    ordering_fields = ("fleet_id", "fleet_name", "created_at", "updated_at")
    lookup_field = "fleet_id"
    administrators_write = True

    def find(self, queryset: Any) -> Fleet:
        """A fleet that is not the caller's is forbidden, whether it exists or not."""
        try:
            found: Fleet = super().find(queryset)
        except NotFound:
            if not sender_of(self.request).is_administrator:
                fleets.refuse_fleet(self.kwargs["fleet_id"])
            raise
        return found

    def perform_create(self, serializer: BaseSerializer) -> Fleet:
        return fleets.create_fleet(serializer.validated_data)

    def perform_update(self, instance: Fleet, serializer: BaseSerializer) -> Fleet:
        return fleets.update_fleet(instance, serializer.validated_data)

    def perform_destroy(self, instance: Fleet) -> None:
        fleets.hide_fleet(instance)
