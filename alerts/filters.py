from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from accounts.filters import FleetFilter
from alerts.models import Alert
from api_pattern.filters import TimeFilter, TruthFilter, TruthFormField

ALL = "all"
SCHEMA = {"type": "string", "enum": ["true", "false", ALL]}


class TruthOrAllFormField(TruthFormField):
    def to_python(self, value: Any) -> Any:
        return ALL if str(value or "").strip().lower() == ALL else super().to_python(value)


@extend_schema_field(SCHEMA)
class TruthOrAllFilter(TruthFilter):
    """True, false, or ``all`` for both."""

    field_class = TruthOrAllFormField

    def filter(self, qs: Any, value: Any) -> Any:
        return qs if value == ALL else super().filter(qs, value)


class AlertFilters(filters.FilterSet):
    fleet_id = FleetFilter(field_name="vehicle__fleet")
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    severity = filters.MultipleChoiceFilter(choices=Alert.Severity.choices)
    alert_type = filters.CharFilter()
    acknowledged = TruthOrAllFilter(
        field_name="acknowledged_at", lookup_expr="isnull", exclude=True, help_text="“false” unless said."
    )
    open = TruthOrAllFilter(field_name="closed_at", lookup_expr="isnull", help_text="“all” unless said.")
    assignee = filters.CharFilter(field_name="assignee__email", lookup_expr="iexact")
    has_assignee = TruthFilter(field_name="assignee", lookup_expr="isnull", exclude=True)
    origin = filters.CharFilter()
    triggered_after = TimeFilter(field_name="triggered_at", lookup_expr="gte")
    triggered_before = TimeFilter(field_name="triggered_at", lookup_expr="lt")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()
