from django.urls import re_path

from telemetry import reading_views as views

urlpatterns = [
    re_path(
        r"^telemetry/(?P<vehicle_id>[^/]+)/latest/?$",
        views.LatestReadingView.as_view(),
        name="telemetry-latest",
    ),
    re_path(
        r"^telemetry/(?P<vehicle_id>[^/]+)/history/?$",
        views.ReadingHistoryView.as_view(),
        name="telemetry-history",
    ),
]
