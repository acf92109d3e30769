from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.actors import sender_of
from alerts import services
from alerts.filters import AlertFilters
from alerts.models import Alert, AlertEvent
from alerts.serializers import (
    AlertCommentSerializer,
    AlertDetailSerializer,
    AlertSerializer,
    AssignSerializer,
    ManyAcknowledgedSerializer,
    ManySerializer,
    NotesSerializer,
)
from api_pattern.views import ListRows, RetrieveRow


@extend_schema_view(
    list=extend_schema(
        summary="List the alerts that one sees",
        description="The newest first; those that nobody acknowledged, unless `acknowledged` says `true` or `all`.",
    ),
    retrieve=extend_schema(summary="Read an alert and its story"),
)
class AlertViewSet(ListRows, RetrieveRow):
    """Alerts: something about a vehicle that somebody has to know of, from its beginning to its end."""

    queryset = Alert.objects.select_related("vehicle__fleet", "assignee", "acknowledged_by")
    filterset_class = AlertFilters
    search_fields = ("message", "alert_type", "vehicle__vehicle_id", "vehicle__plate")
    ordering_fields = {
        "id": "id",
        "severity": "severity_rank",
        "count": "count",
        "triggered_at": "triggered_at",
        "last_at": "last_at",
        "raised_at": "raised_at",
        "closed_at": "closed_at",
    }
    operator_actions = frozenset({"acknowledge", "acknowledge_many", "assign", "comment"})

    def get_serializer_class(self) -> type[BaseSerializer]:
        return AlertSerializer if self.is_list else AlertDetailSerializer

    def get_queryset(self) -> Any:
        seen: Any = super().get_queryset()
        if self.is_list:
            return seen.with_severity_rank()
        return seen.prefetch_related(Prefetch("events", AlertEvent.objects.select_related("cause")))

    def filter_queryset(self, queryset: Any) -> Any:
        found: Any = super().filter_queryset(queryset)
        is_said = self.request.query_params.get("acknowledged")
        return found if is_said or not self.is_list else found.unacknowledged()

    @extend_schema(summary="Acknowledge an alert", request=NotesSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Operators may do this too. The first one stays told; what a later one notes goes into the story."""
        notes = self._said(NotesSerializer)["notes"]
        return self._told(services.acknowledge_alert(self.get_object(), notes, by=sender_of(request)))

    @extend_schema(
        operation_id="alerts_acknowledge_many",
        summary="Acknowledge many alerts",
        request=ManySerializer,
        responses={200: ManyAcknowledgedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="acknowledge", url_name="acknowledge-many")
    def acknowledge_many(self, request: Request) -> Response:
        """Operators may do this too. Answers which ones this request acknowledged."""
        said = self._said(ManySerializer)
        pks = services.acknowledged_now(said["ids"], said["notes"], by=sender_of(request))
        return Response({"acknowledged": len(pks), "ids": pks})

    @extend_schema(summary="Give an alert to a person, or to nobody", request=AssignSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Operators take alerts themselves and hand their own back."""
        person = self._said(AssignSerializer)["assignee"]
        return self._told(services.assign_alert(self.get_object(), person, by=sender_of(request)))

    @extend_schema(summary="Close an alert", request=NotesSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Where its rule does not; that acknowledges it too. Answers 409 where it is closed already."""
        notes = self._said(NotesSerializer)["notes"]
        return self._told(services.close_alert(self.get_object(), notes, by=sender_of(request)))

    @extend_schema(summary="Comment on an alert", request=AlertCommentSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:
        """Operators may do this too."""
        text, alert = self._said(AlertCommentSerializer)["text"], self.get_object()
        services.comment_on_alert(alert, text, by=sender_of(request))
        return self._told(alert)

    def _said(self, kind: type[BaseSerializer]) -> dict[str, Any]:
        serializer = kind(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        said: dict[str, Any] = serializer.validated_data
        return said

    def _told(self, alert: Alert) -> Response:
        """As it is now, with its story."""
        return self.answer(self.get_queryset().get(pk=alert.pk))
