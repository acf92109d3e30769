from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter
from telemetry.models import Trip


class TripFilters(filters.FilterSet):
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    fleet_id = FleetFilter(field_name="vehicle__fleet")
    driver_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=Trip.Status.choices)
    origin = filters.ChoiceFilter(choices=Trip.Origin.choices)
    started_at_min = TimeFilter(field_name="started_at", lookup_expr="gte")
    started_at_max = TimeFilter(field_name="started_at", lookup_expr="lte")

    class Meta:
        model = Trip
        fields: tuple[str, ...] = ()
