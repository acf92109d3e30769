"""A rule tried over history, and why it did not fire."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor, sender_of
from api_pattern.exceptions import Unprocessable
from api_pattern.filters import refuse_unknown_parameters
from api_pattern.times import parse_time
from rules.models import Rule
from rules.trial_draft import read_span
from rules.trial_jobs import Asked, try_or_ask, wait_for
from rules.trial_serializers import TrialSerializer, TriedSerializer, WhySerializer
from rules.views import OfRule
from rules.why import why
from telemetry.answers import seen_vehicle

NEEDS_VEHICLE = {"vehicle_id": [_("Say of which vehicle, such as vehicle_id=fleet-001-VH-001.")]}


class RuleTrialViewSet(OfRule):
    """Rules tried over what has happened. Nothing is stored or done."""

    queryset = Rule.objects.all()
    serializer_class = TrialSerializer

    @extend_schema(operation_id="rules_test_draft", request=TrialSerializer, responses={200: TriedSerializer})
    def test_draft(self, request: Request) -> Response:
        """Try a rule that is not stored."""
        return self._tried(request, None)

    @extend_schema(operation_id="rules_test", request=TrialSerializer, responses={200: TriedSerializer})
    def test(self, request: Request, pk: str) -> Response:
        """Try a rule as it is, or with changes that are not stored."""
        return self._tried(request, self.rule())

    @extend_schema(
        operation_id="rules_why",
        request=None,
        parameters=[
            OpenApiParameter("vehicle_id", OpenApiTypes.STR, required=True),
            OpenApiParameter("at", OpenApiTypes.DATETIME, description="Now unless given."),
        ],
        responses={200: WhySerializer},
    )
    def why(self, request: Request, pk: str) -> Response:
        """Why the rule did, or did not, fire for a vehicle at a time: node by node."""
        refuse_unknown_parameters(request, ("vehicle_id", "at"))
        rule, by = self.rule(), sender_of(request)
        vehicle_id = request.query_params.get("vehicle_id", "")
        if not vehicle_id:
            raise Unprocessable(NEEDS_VEHICLE["vehicle_id"][0], NEEDS_VEHICLE)
        at = _time(request.query_params.get("at"))
        return Response(why(rule, seen_vehicle(by, vehicle_id), at))

    def tried(self, values: Mapping[str, Any], origin: Rule | None, by: Actor) -> Mapping[str, Any]:
        start, end = read_span(values.get("from"), values.get("to"))
        vehicles = values.get("vehicles")
        asked = Asked(
            values,
            start,
            end,
            tuple(vehicles) if vehicles is not None else None,
            origin.pk if origin else None,
        )
        told = try_or_ask(asked, by=by)
        return wait_for(told, by=by) if isinstance(told, str) else told

    def _tried(self, request: Request, origin: Rule | None) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(self.tried(serializer.validated_data, origin, sender_of(request)))


def _time(text: str | None) -> Any:
    if not text:
        return timezone.now()
    try:
        return parse_time(text)
    except ValueError as error:
        raise Unprocessable(str(error), {"at": [str(error)]}) from error
