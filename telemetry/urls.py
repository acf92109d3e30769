from django.urls import re_path

from telemetry import archive_urls, reading_urls, trip_urls
from telemetry.views import TelemetryView, TrackerView

urlpatterns = [
    re_path(r"^telemetry/?$", TelemetryView.as_view(), name="telemetry"),
    re_path(r"^telemetry/osmand/?$", TrackerView.as_view(), name="telemetry-osmand"),
    *reading_urls.urlpatterns,
    *trip_urls.urlpatterns,
    *archive_urls.urlpatterns,
]
