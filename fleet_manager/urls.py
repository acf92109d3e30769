"""Where everything is found. Paths of the API work with and without their trailing slash."""

from django.contrib import admin
from django.urls import include, path, re_path

from fleet_manager import api_pages, errors, health

API_APPS = [
    "accounts",
    "customer_management",
    "vehicle_management",
    "telemetry",
    "alerts",
    # Before the rules: it tries rules over files at addresses of theirs.
    "file_manager",
    "rules",
    "analytics",
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error

urlpatterns = [
    *[path("api/v1/", include(f"{app}.urls")) for app in API_APPS],
    re_path(r"^api/schema/?$", api_pages.SchemaView.as_view(), name="api-schema"),
    re_path(r"^api/docs/?$", api_pages.swagger, name="api-docs"),
    re_path(r"^api/redoc/?$", api_pages.redoc, name="api-redoc"),
    re_path(r"^api(?:/|$)", errors.api_not_found, name="api-not-found"),
    path("admin/", admin.site.urls),
    re_path(r"^healthz/?$", health.healthz, name="healthz"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
    re_path(r"^metrics/?$", health.metrics, name="metrics"),
    path("", include("dashboard.urls")),
]
