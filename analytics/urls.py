from django.urls import re_path

from analytics import views

VEHICLE = r"^analytics/vehicle/(?P<vehicle_id>[^/]+)"

urlpatterns = [
    re_path(r"^fleet/(?P<fleet_id>[^/]+)/summary/?$", views.FleetSummaryView.as_view(), name="fleet-summary"),
    re_path(rf"{VEHICLE}/metrics/?$", views.MetricsView.as_view(), name="analytics-metrics"),
    re_path(rf"{VEHICLE}/speed-series/?$", views.SpeedSeriesView.as_view(), name="analytics-speed-series"),
    re_path(rf"{VEHICLE}/series/?$", views.SeriesView.as_view(), name="analytics-series"),
    re_path(
        r"^analytics/fleet/(?P<fleet_id>[^/]+)/performance/?$",
        views.PerformanceView.as_view(),
        name="analytics-performance",
    ),
    re_path(r"^analytics/drivers/?$", views.DriverScoresView.as_view(), name="analytics-drivers"),
    re_path(
        r"^analytics/vehicles/scores/?$", views.VehicleScoresView.as_view(), name="analytics-vehicle-scores"
    ),
    re_path(r"^analytics/scores/?$", views.ScoreSeriesView.as_view(), name="analytics-scores"),
]
