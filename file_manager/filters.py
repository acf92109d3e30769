from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter
from file_manager.models import Upload


class UploadFilters(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=Upload.Kind.choices)
    status = filters.ChoiceFilter(choices=Upload.Status.choices)
    fleet_id = FleetFilter(field_name="fleet")
    uploaded_by = filters.CharFilter(field_name="by__email", lookup_expr="iexact")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Upload
        fields: tuple[str, ...] = ()
