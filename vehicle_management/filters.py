from typing import Any

from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter, TruthFilter
from vehicle_management import vin
from vehicle_management.live import silent_since, told_status
from vehicle_management.models import Vehicle, VehicleStatus

LARGEST_ID = 2**63 - 1


class VinFilter(filters.CharFilter):
    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, vin.normalise(value) if value else value)


class ShownStatusFilter(filters.ChoiceFilter):
    """By what the vehicle is doing now, as lists show it."""

    def filter(self, qs: Any, value: Any) -> Any:
        if not value:
            return qs
        if value != VehicleStatus.Status.OFFLINE:
            # Follows from the status, but is found by an index.
            qs = qs.filter(status__recorded_at__gte=silent_since())
        return qs.alias(filtered_status=told_status()).filter(filtered_status=value)


class VehicleFilters(filters.FilterSet):
    fleet_id = FleetFilter(field_name="fleet")
    customer_id = filters.NumberFilter(field_name="customer", min_value=1, max_value=LARGEST_ID)
    has_customer = TruthFilter(field_name="customer", lookup_expr="isnull", exclude=True)
    vehicle_id = filters.CharFilter()
    vin = VinFilter()
    plate = filters.CharFilter()
    make = filters.CharFilter(lookup_expr="iexact")
    model = filters.CharFilter(lookup_expr="iexact")
    vehicle_type = filters.CharFilter(lookup_expr="iexact")
    fuel_type = filters.CharFilter(lookup_expr="iexact")
    color = filters.CharFilter(lookup_expr="iexact")
    model_year = filters.NumberFilter(min_value=0, max_value=9999)
    model_year_min = filters.NumberFilter(
        field_name="model_year", lookup_expr="gte", min_value=0, max_value=9999
    )
    model_year_max = filters.NumberFilter(
        field_name="model_year", lookup_expr="lte", min_value=0, max_value=9999
    )
    status = ShownStatusFilter(choices=VehicleStatus.Status.choices)
    updated_after = TimeFilter(field_name="updated_at", lookup_expr="gte")
    updated_before = TimeFilter(field_name="updated_at", lookup_expr="lt")

    class Meta:
        model = Vehicle
        fields: tuple[str, ...] = ()


class FleetVehicleFilters(filters.FilterSet):
    status = ShownStatusFilter(choices=VehicleStatus.Status.choices)

    class Meta:
        model = Vehicle
        fields: tuple[str, ...] = ()
