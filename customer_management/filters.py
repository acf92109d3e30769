from typing import Any

from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter, TruthFilter
from customer_management.models import Customer


class ServedFleetFilter(FleetFilter):
    """Customers of a fleet's vehicles, each once."""

    def filter(self, qs: Any, value: Any) -> Any:
        if not value:
            return qs
        served = super().filter(Customer.objects.filter(vehicles__deleted_at__isnull=True), value)
        return qs.filter(pk__in=served.values("pk"))


class HasVehiclesFilter(TruthFilter):
    def filter(self, qs: Any, value: Any) -> Any:
        if value is None:
            return qs
        served = Customer.objects.filter(vehicles__pk__isnull=False, vehicles__deleted_at__isnull=True)
        return qs.filter(pk__in=served.values("pk")) if value else qs.exclude(pk__in=served.values("pk"))


class CustomerFilters(filters.FilterSet):
    external_id = filters.CharFilter()
    name = filters.CharFilter(lookup_expr="iexact")
    email = filters.CharFilter(lookup_expr="iexact")
    phone = filters.CharFilter()
    fleet_id = ServedFleetFilter(field_name="vehicles__fleet")
    has_vehicles = HasVehiclesFilter()
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")
    updated_after = TimeFilter(field_name="updated_at", lookup_expr="gte")
    updated_before = TimeFilter(field_name="updated_at", lookup_expr="lt")

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()
