from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import sender_of
from accounts.fleets import named_fleet
from analytics.serializers import SummarySerializer
from analytics.summaries import summary_of
from api_pattern.views import tag_of


class FleetSummaryView(APIView):
    """A fleet in one row of numbers."""

    @extend_schema(operation_id="fleet_summary", responses={200: SummarySerializer})
    def get(self, request: Request, fleet_id: str) -> Response:
        fleet = named_fleet(sender_of(request), fleet_id)
        if fleet is None:
            raise NotFound(f"Fleet {fleet_id} not found")
        told = summary_of(fleet, seen_by=sender_of(request))
        return Response(told, headers={"ETag": tag_of(told)})
