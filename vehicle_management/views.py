from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, ValidationError

from accounts.actors import sender_of
from accounts.fleets import named_fleet
from api_pattern.exceptions import Unprocessable
from api_pattern.matching import matched
from api_pattern.times import check_not_ahead, parse_time
from api_pattern.views import CrudViewSet, ListRows, UpdateRow, tag_of
from customer_management.models import Customer
from vehicle_management import services
from vehicle_management.filters import FleetVehicleFilters, VehicleFilters
from vehicle_management.history import History
from vehicle_management.live import told_status as shown_status
from vehicle_management.models import AttributeType, Vehicle, VehicleStatus
from vehicle_management.serializers import (
    VEHICLE,
    AttributeTypeSerializer,
    HistorySerializer,
    ShownVehicleSerializer,
    StatusSerializer,
    VehicleSerializer,
    told_status,
)

MOST_AT_ONCE = 1_000
SEARCHED = ("vehicle_id", "vin", "plate", "make", "model")
ORDERED = (
    "vehicle_id",
    "plate",
    "make",
    "model",
    "model_year",
    "in_service_date",
    "created_at",
    "updated_at",
)

ONE_OR_MANY = PolymorphicProxySerializer(
    component_name="VehicleOrVehicles",
    serializers=[VehicleSerializer, VehicleSerializer(many=True)],
    resource_type_field_name=None,
    many=False,
)


@extend_schema_view(
    list=extend_schema(summary="List the vehicles that one sees"),
    retrieve=extend_schema(summary="Read a vehicle"),
    update=extend_schema(summary="Change a vehicle", description="Its `vehicle_id` never changes."),
    partial_update=extend_schema(
        summary="Change some fields of a vehicle",
        description="`customer_id` and `fleet_id` attach; `null` takes away.",
    ),
    destroy=extend_schema(
        summary="Delete a vehicle",
        description="Hides it and frees its id; an administrator can restore or purge it.",
    ),
)
class VehicleViewSet(CrudViewSet):
    """Vehicles: their main data, their latest status and their history."""

    queryset = Vehicle.objects.select_related("fleet", "customer")
    serializer_class = VehicleSerializer
    filterset_class = VehicleFilters
    search_fields = SEARCHED
    ordering_fields = ORDERED
    lookup_field = "vehicle_id"
    list_actions = frozenset({"list", "history"})
    device_actions = frozenset({"change_status"})

    def known_parameters(self) -> list[str]:
        return ["page", "limit"] if self.action == "history" else super().known_parameters()

    @extend_schema(
        summary="Create a vehicle, or many",
        request=ONE_OR_MANY,
        responses={201: ONE_OR_MANY},
        examples=VEHICLE,
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a vehicle; an array of up to 1,000 creates many, all or none."""
        if not isinstance(request.data, list):
            return super().create(request, *args, **kwargs)
        vehicles = services.create_vehicles(self._checked_items(request.data), by=sender_of(request))
        return Response(self.get_serializer(vehicles, many=True).data, status=status.HTTP_201_CREATED)

    def _checked_items(self, items: list[Any]) -> list[dict[str, Any]]:
        if not 1 <= len(items) <= MOST_AT_ONCE:
            message = _("There are %(n)d vehicles; 1 to 1,000 are taken at once.") % {"n": len(items)}
            raise Unprocessable(message, {"body": [message]})
        errors: dict[str, Any] = {}
        checked = []
        for index, item in enumerate(items):
            serializer = self.get_serializer(data=item)
            if serializer.is_valid():
                checked.append(serializer.validated_data)
            else:
                errors |= {f"[{index}].{name}": told for name, told in dict(serializer.errors).items()}
        if errors:
            raise ValidationError(errors)
        return checked

    def perform_create(self, serializer: BaseSerializer) -> Vehicle:
        return services.create_vehicles([serializer.validated_data], by=sender_of(self.request))[0]

    def perform_update(self, instance: Vehicle, serializer: BaseSerializer) -> Vehicle:
        values = {name: value for name, value in serializer.validated_data.items() if name != "vehicle_id"}
        services.update_vehicle(instance, values, by=sender_of(self.request))
        return self.get_queryset().filter(pk=instance.pk).first() or instance

    def perform_destroy(self, instance: Vehicle) -> None:
        services.hide_vehicles([instance.pk], by=sender_of(self.request))

    @extend_schema(summary="Read a vehicle's status", responses={200: StatusSerializer})
    @action(detail=True, methods=["get"], url_path="status", filterset_class=None)
    def status(self, request: Request, vehicle_id: str) -> Response:
        """The vehicle's latest known attributes, each of its own time."""
        return self._answer_status(self.get_object())

    @extend_schema(
        summary="Change a vehicle's status",
        request=OpenApiTypes.OBJECT,
        responses={200: StatusSerializer},
        examples=[OpenApiExample("Some attributes", value={"odometer_km": 10_412}, request_only=True)],
    )
    @status.mapping.patch
    def change_status(self, request: Request, vehicle_id: str) -> Response:
        """Set attributes by name; null clears. ``recorded_at`` says of when they are, else it is now."""
        if not isinstance(request.data, dict):
            message = _("Send one flat object of attributes, such as {example}.") % {
                "example": '{"odometer_km": 10412}'
            }
            raise Unprocessable(message, {"body": [message]})
        values = {name: value for name, value in request.data.items() if name != "recorded_at"}
        with matched(self, request, tag=_status_tag) as vehicle:
            services.record_status(vehicle, values, at=_recorded_at(request.data), by=sender_of(request))
        return self._answer_status(vehicle)

    def _answer_status(self, vehicle: Vehicle) -> Response:
        told = told_status(VehicleStatus.objects.filter(vehicle=vehicle).first())
        return Response(told, headers={"ETag": tag_of(told)})

    @extend_schema(summary="List a vehicle's changes", responses={200: HistorySerializer(many=True)})
    @action(detail=True, methods=["get"], filterset_class=None)
    def history(self, request: Request, vehicle_id: str) -> Response:
        """Every change, newest first: what, before and after, and who or which file's row made it."""
        vehicle = self.find(self.get_queryset().select_related("cause"))
        return self.answer_list(History(vehicle), HistorySerializer)


def _status_tag(vehicle: Vehicle) -> str:
    return tag_of(told_status(VehicleStatus.objects.filter(vehicle=vehicle).first()))


def _recorded_at(data: dict[str, Any]) -> Any:
    text = data.get("recorded_at")
    if text is None:
        return None
    try:
        return check_not_ahead(parse_time(text))
    except ValueError as error:
        raise ValidationError({"recorded_at": [str(error)]}) from error


class FleetVehiclesViewSet(ListRows):
    """What the vehicles of a fleet are doing now."""

    queryset = Vehicle.objects.select_related("fleet", "status")
    serializer_class = ShownVehicleSerializer
    filterset_class = FleetVehicleFilters
    ordering_fields = ("vehicle_id",)

    def get_queryset(self) -> Any:
        fleet_id = self.kwargs["fleet_id"]
        fleet = named_fleet(sender_of(self.request), fleet_id)
        if fleet is None:
            raise NotFound(_("Fleet %(id)s not found") % {"id": fleet_id[:64].replace("\x00", "␀")})
        return super().get_queryset().filter(fleet=fleet).annotate(shown_status=shown_status())

    @extend_schema(
        summary="Tell what a fleet's vehicles do now",
        operation_id="fleet_vehicles_list",
        responses={200: ShownVehicleSerializer(many=True)},
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([_shown(vehicle) for vehicle in page or ()])


def _shown(vehicle: Any) -> dict[str, Any]:
    told = told_status(getattr(vehicle, "status", None))
    names = ("latitude", "longitude", "speed_kmh", "battery_pct", "engine_temp_c", "load_pct")
    return {
        "vehicle_id": vehicle.vehicle_id,
        "fleet_id": vehicle.fleet.fleet_id,
        **{name: told[name] for name in names},
        "status": vehicle.shown_status,
        "active_mission_id": None,
        "last_seen": told["recorded_at"],
    }


@extend_schema_view(list=extend_schema(summary="List the vehicles that serve a customer"))
class CustomerVehiclesViewSet(ListRows):
    """The vehicles that serve a customer."""

    queryset = Vehicle.objects.select_related("fleet", "customer")
    serializer_class = VehicleSerializer
    filterset_class = VehicleFilters
    search_fields = SEARCHED
    ordering_fields = ORDERED

    def get_queryset(self) -> Any:
        text = self.kwargs["customer_id"]
        seen = Customer.objects.visible_to(sender_of(self.request))
        customer = seen.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
        if customer is None:
            raise NotFound(_("Customer %(id)s not found") % {"id": text[:64].replace("\x00", "␀")})
        return super().get_queryset().filter(customer=customer)


@extend_schema_view(
    list=extend_schema(summary="List the attributes that are not well-known, with their types"),
    partial_update=extend_schema(summary="Change an attribute's type"),
)
class AttributeTypeViewSet(ListRows, UpdateRow):
    """Each attribute has the type it was first seen with; an administrator may change it."""

    queryset = AttributeType.objects.all()
    serializer_class = AttributeTypeSerializer
    search_fields = ("name",)
    ordering_fields = ("name", "kind", "first_seen")
    lookup_field = "name"
    administrators_write = True
    http_method_names = ("get", "patch", "head", "options")

    def get_queryset(self) -> Any:
        # The registry names no vehicle: whoever is logged in may read it.
        return AttributeType.objects.all()

    def perform_update(self, instance: AttributeType, serializer: BaseSerializer) -> AttributeType:
        return serializer.save()
