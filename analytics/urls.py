from django.urls import re_path

from analytics.views import FleetSummaryView

urlpatterns = [
    re_path(r"^fleet/(?P<fleet_id>[^/]+)/summary/?$", FleetSummaryView.as_view(), name="fleet-summary"),
]
