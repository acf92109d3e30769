"""The least that Django can do for a vehicle and a list of them: what the API is compared with.

The same authentication, fence, total and rows as the API's own views, answered with JsonResponse.
"""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path

from accounts.authentication import BearerAuthentication
from api_pattern.times import told_time
from fleet_manager.urls import *  # noqa: F403
from fleet_manager.urls import urlpatterns as product
from vehicle_management.models import Vehicle

NAMES = (
    "vehicle_id", "fleet__fleet_id", "customer_id", "vin", "plate", "make", "model", "model_year", "vehicle_type",
    "fuel_type", "color", "in_service_date", "notes", "attributes", "created_at", "updated_at",
)  # fmt: skip


def _told(row: dict[str, Any]) -> dict[str, Any]:
    row["fleet_id"] = row.pop("fleet__fleet_id")
    row["created_at"], row["updated_at"] = told_time(row["created_at"]), told_time(row["updated_at"])
    return row


def _actor(request: HttpRequest) -> Any:
    found: Any = BearerAuthentication().authenticate(request)  # type: ignore[arg-type]
    return found[0]


def vehicle(request: HttpRequest, vehicle_id: str) -> JsonResponse:
    row = Vehicle.objects.visible_to(_actor(request)).filter(vehicle_id=vehicle_id).values(*NAMES)[0]
    return JsonResponse(_told(row))


def vehicles(request: HttpRequest) -> JsonResponse:
    seen = Vehicle.objects.visible_to(_actor(request)).filter(make__iexact=request.GET["make"])
    rows = [_told(row) for row in seen.order_by("vehicle_id").values(*NAMES)[:50]]
    return JsonResponse(
        {"data": rows, "total": seen.count(), "page": 1, "limit": 50, "next": None, "previous": None}
    )


urlpatterns = [path("bare/vehicles/<vehicle_id>", vehicle), path("bare/vehicles", vehicles), *product]
