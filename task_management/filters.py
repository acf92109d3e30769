from typing import Any

from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter, TruthFilter
from task_management.models import Task
from vehicle_management.filters import LARGEST_ID


class OverdueFilter(TruthFilter):
    """Open and past its time, or anything but that."""

    def filter(self, qs: Any, value: Any) -> Any:
        if value is None:
            return qs
        return qs.overdue() if value else qs.not_overdue()


class TaskFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Task.Status.choices)
    fleet_id = FleetFilter(field_name="vehicle__fleet")
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    customer_id = filters.NumberFilter(field_name="customer", min_value=1, max_value=LARGEST_ID)
    assignee = filters.CharFilter(field_name="assignee__email", lookup_expr="iexact")
    has_assignee = TruthFilter(field_name="assignee", lookup_expr="isnull", exclude=True)
    external_id = filters.CharFilter()
    due_after = TimeFilter(field_name="due_at", lookup_expr="gte")
    due_before = TimeFilter(field_name="due_at", lookup_expr="lt")
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")
    overdue = OverdueFilter()

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()
