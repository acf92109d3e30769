from django.urls import re_path

from telemetry.trip_views import TripsViewSet, TripViewSet

urlpatterns = [
    re_path(r"^trips/?$", TripsViewSet.as_view({"get": "list"}), name="trips"),
    re_path(r"^trips/(?P<trip_id>[^/]+)/track/?$", TripsViewSet.as_view({"get": "track"}), name="trip-track"),
    re_path(r"^trip/(?P<trip_id>[^/]+)/?$", TripViewSet.as_view({"get": "retrieve"}), name="trip"),
    re_path(r"^trip/(?P<trip_id>[^/]+)/score/?$", TripViewSet.as_view({"get": "score"}), name="trip-score"),
]
