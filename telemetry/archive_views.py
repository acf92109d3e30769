"""How long a fleet's readings are kept, the archives of older ones, and their way back."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import sender_of
from accounts.filters import FleetFilter
from accounts.fleets import named_fleet
from accounts.models import Fleet
from api_pattern.matching import check_match
from api_pattern.views import ListRows, RetrieveRow, tag_of
from telemetry.archive_serializers import ArchiveSerializer, RestoreSerializer, RetentionSerializer
from telemetry.models import Archive
from telemetry.restoring import FOR_A_WEEK, request_restore
from telemetry.retention import keep_days_of, set_retention
from telemetry.tasks import ring_for_restores


class ArchiveFilters(filters.FilterSet):
    fleet_id = FleetFilter(field_name="fleet")
    day_min = filters.DateFilter(field_name="day", lookup_expr="gte")
    day_max = filters.DateFilter(field_name="day", lookup_expr="lte")
    status = filters.ChoiceFilter(choices=Archive.Status.choices)

    class Meta:
        model = Archive
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(summary="List the archives of readings, the latest day first"),
    retrieve=extend_schema(summary="Read about an archive"),
)
class ArchiveViewSet(ListRows, RetrieveRow):
    """Readings that are older than their fleet keeps them, in files."""

    queryset = (
        Archive.objects.exclude(status=Archive.Status.WRITING).select_related("fleet").defer("vehicles")
    )
    serializer_class = ArchiveSerializer
    filterset_class = ArchiveFilters
    ordering_fields = ("day", "readings", "size", "created_at")
    administrators_write = True

    @extend_schema(
        summary="Have an archive's readings loaded again, until a time",
        request=RestoreSerializer,
        responses={202: ArchiveSerializer},
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Loaded by a worker: `RESTORING`, then `RESTORED`, or `STORED` with the `reason` why it could not be."""
        serializer = RestoreSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        until = serializer.validated_data.get("until") or timezone.now() + FOR_A_WEEK
        archive = request_restore(self.get_object(), until=until)
        ring_for_restores()
        return Response(self.get_serializer(archive).data, status=status.HTTP_202_ACCEPTED)


class RetentionView(APIView):
    """For how many days a fleet's readings are kept at hand."""

    administrators_write = True

    @extend_schema(
        operation_id="fleet_retention_retrieve",
        summary="Tell for how long a fleet's readings are kept",
        responses={200: RetentionSerializer},
    )
    def get(self, request: Request, fleet_id: str) -> Response:
        return _answer(_retention(_fleet(request, fleet_id)))

    @extend_schema(
        operation_id="fleet_retention_update",
        summary="Say for how long a fleet's readings are kept",
        request=RetentionSerializer,
        responses={200: RetentionSerializer},
    )
    def put(self, request: Request, fleet_id: str) -> Response:
        fleet = _fleet(request, fleet_id)
        with transaction.atomic():
            Fleet.objects.select_for_update().get(pk=fleet.pk)
            now = _retention(fleet)
            if wanted := request.headers.get("If-Match"):
                check_match(wanted, tag_of(now))
            serializer = RetentionSerializer(now, data=request.data)
            serializer.is_valid(raise_exception=True)
            set_retention(fleet, serializer.validated_data["days"])
        return _answer(_retention(fleet))


def _fleet(request: Request, fleet_id: str) -> Fleet:
    fleet = named_fleet(sender_of(request), fleet_id)
    if fleet is None:
        raise NotFound(_("Fleet %(id)s not found") % {"id": fleet_id[:64].replace("\x00", "␀")})
    return fleet


def _retention(fleet: Fleet) -> dict[str, Any]:
    return {"fleet_id": fleet.fleet_id, "days": keep_days_of(fleet)}


def _answer(told: dict[str, Any]) -> Response:
    return Response(told, headers={"ETag": tag_of(told)})
