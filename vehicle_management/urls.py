from django.urls import re_path

from api_pattern.routers import Router
from vehicle_management import views

router = Router()
router.register("vehicles", views.VehicleViewSet)
router.register("attribute-types", views.AttributeTypeViewSet, basename="attribute-type")

urlpatterns = [
    *router.urls,
    re_path(
        r"^fleet/(?P<fleet_id>[^/]+)/vehicles/?$",
        views.FleetVehiclesViewSet.as_view({"get": "list"}),
        name="fleet-vehicles",
    ),
    re_path(
        r"^customers/(?P<customer_id>[^/]+)/vehicles/?$",
        views.CustomerVehiclesViewSet.as_view({"get": "list"}),
        name="customer-vehicles",
    ),
]
