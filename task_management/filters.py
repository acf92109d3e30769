from typing import Any

from django_filters import rest_framework as filters

from api_pattern.filters import TimeFilter
from task_management.models import Task
from vehicle_management.filters import LARGEST_ID


class TaskFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Task.Status.choices)
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    customer_id = filters.NumberFilter(field_name="customer", min_value=1, max_value=LARGEST_ID)
    assignee = filters.CharFilter(field_name="assignee__email", lookup_expr="iexact")
    external_id = filters.CharFilter()
    due_after = TimeFilter(field_name="due_at", lookup_expr="gte")
    due_before = TimeFilter(field_name="due_at", lookup_expr="lt")
    overdue = filters.BooleanFilter(method="filter_overdue", label="open and past its time")

    class Meta:
        model = Task
        fields: tuple[str, ...] = ()

    def filter_overdue(self, queryset: Any, name: str, value: bool) -> Any:
        late = Task.objects.overdue().values("pk")
        return queryset.filter(pk__in=late) if value else queryset.exclude(pk__in=late)
