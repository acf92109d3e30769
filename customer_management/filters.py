from django_filters import rest_framework as filters

from api_pattern.filters import TimeFilter
from customer_management.models import Customer


class CustomerFilters(filters.FilterSet):
    external_id = filters.CharFilter()
    name = filters.CharFilter(lookup_expr="iexact")
    email = filters.CharFilter(lookup_expr="iexact")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()
