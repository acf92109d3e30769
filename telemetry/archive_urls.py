from django.urls import re_path

from api_pattern.routers import Router
from telemetry.archive_views import ArchiveViewSet, RetentionView

router = Router()
router.register("archives", ArchiveViewSet)

urlpatterns = [
    *router.urls,
    re_path(r"^fleet/(?P<fleet_id>[^/]+)/retention/?$", RetentionView.as_view(), name="fleet-retention"),
]
