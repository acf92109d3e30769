from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import sender_of
from api_pattern.exceptions import BodyTooLarge, Unprocessable
from api_pattern.streaming import SteadyFile, csv_answer, json_answer
from api_pattern.views import ListRows, RetrieveRow
from file_manager import services, storage
from file_manager.failed_rows import failed_rows_csv
from file_manager.filters import UploadFilters
from file_manager.models import Upload, UploadFault
from file_manager.rows import OUTCOMES, Rows
from file_manager.serializers import (
    ApplySerializer,
    FaultSerializer,
    NewUploadSerializer,
    RowSerializer,
    UploadSerializer,
)
from file_manager.tasks import ring_for_uploads


class UploadViewSet(ListRows, RetrieveRow):
    """Files of vehicles, customers, statuses and tasks: hand one in, watch it, see what became of each row."""

    queryset = Upload.objects.select_related("fleet", "by", "by_key").prefetch_related("fault_groups")
    serializer_class = UploadSerializer
    filterset_class = UploadFilters
    search_fields = ("name",)
    ordering_fields = ("id", "name", "kind", "status", "created_at", "finished_at", "rows_total")
    list_actions = frozenset({"list", "rows"})

    def get_parsers(self) -> list[Any]:
        """A file comes as a multipart form; everything else is JSON."""
        method = str(getattr(self.request, "method", "")).lower()
        if (self.action_map or {}).get(method) == "create":
            return [MultiPartParser()]
        return super().get_parsers()

    @extend_schema(
        request={"multipart/form-data": NewUploadSerializer},
        responses={202: UploadSerializer},
        operation_id="files_create",
    )
    def create(self, request: Request) -> Response:
        """Hand in a file. It is stored at once, and read and applied by a worker."""
        serializer = NewUploadSerializer(data=_form(request), context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        file = values["file"]
        if file.size > settings.UPLOAD_MAX_BYTES:
            raise BodyTooLarge
        upload = services.receive_upload(
            file,
            name=file.name,
            kind=values["kind"],
            fleet=values.get("fleet_id"),
            apply=values["apply"],
            mapping=values.get("mapping"),
            by=sender_of(request),
        )
        ring_for_uploads()
        return self._told(upload, status.HTTP_202_ACCEPTED)

    @extend_schema(request=ApplySerializer, responses={202: UploadSerializer})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Go on with a file that waits for review, with a mapping where one is sent."""
        serializer = ApplySerializer(data=request.data or {}, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        upload = services.apply_upload(
            self.get_object(), kind=values.get("kind"), mapping=values.get("mapping"), by=sender_of(request)
        )
        ring_for_uploads()
        return self._told(upload, status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={200: UploadSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop a file before anything of it is applied."""
        return self._told(services.cancel_upload(self.get_object(), by=sender_of(request)))

    @extend_schema(
        parameters=[OpenApiParameter("outcome", enum=sorted(OUTCOMES.values()))],
        responses={200: RowSerializer(many=True)},
    )
    @action(detail=True, methods=["get"])
    def rows(self, request: Request, pk: str) -> Response:
        """What became of each row, in the order in which the rows were worked on."""
        return self.answer_list(Rows(self.get_object(), _outcome(request)), RowSerializer)

    @extend_schema(
        parameters=[OpenApiParameter("format", enum=["json", "csv"])],
        responses={
            (200, "application/json"): FaultSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=())
    def errors(self, request: Request, pk: str) -> Any:
        """Every fault by row and column; as CSV, the failed rows as they were with a column that says why."""
        upload = self.get_object()
        if request.query_params.get("format") == "csv":
            self._demand_stored(upload)
            return csv_answer(failed_rows_csv(upload), f"failed-rows-{upload.pk}")
        found = upload.faults.filter(level=UploadFault.Level.FAULT).order_by("row", "id")
        return json_answer(found.values("row", "column", "value", "message").iterator())

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, methods=["get"])
    def download(self, request: Request, pk: str) -> SteadyFile:
        """The file as it was uploaded."""
        upload = self.get_object()
        self._demand_stored(upload)
        return SteadyFile(
            storage.uploads().open(upload.stored_as, "rb"),
            as_attachment=True,
            filename=upload.name,
            content_type="application/octet-stream",
        )

    def _demand_stored(self, upload: Upload) -> None:
        if not storage.is_kept(upload.stored_as):
            raise NotFound(_("The file as it was uploaded is no longer in the storage."))

    def known_parameters(self) -> list[str]:
        return ["page", "limit", "outcome"] if self.action == "rows" else super().known_parameters()

    def _told(self, upload: Upload, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=upload.pk)).data, status=code)


def _outcome(request: Request) -> str | None:
    outcome = request.query_params.get("outcome") or None
    if outcome is not None and outcome not in OUTCOMES.values():
        message = _("“%(value)s” is no outcome; choose one of %(outcomes)s.")
        message %= {"value": outcome[:100], "outcomes": ", ".join(OUTCOMES.values())}
        raise Unprocessable(message, {"outcome": [message]})
    return outcome


def _form(request: Request) -> dict[str, Any]:
    """A multipart form as plain values: an empty field of it says nothing."""
    form: Any = request.data
    return {name: value for name, value in form.items() if value != "" or name == "file"}
