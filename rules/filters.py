from typing import Any

from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from api_pattern.filters import TimeFilter, TruthFilter
from rules.models import Firing, FiringAction, LogEntry, Rule

_LARGEST = 2**63 - 1


class RuleFilters(filters.FilterSet):
    name = filters.CharFilter(lookup_expr="icontains")
    enabled = TruthFilter()
    skip_current = TruthFilter()
    everything = TruthFilter()
    fleet_id = FleetFilter(field_name="fleets")
    customer_id = filters.NumberFilter(field_name="customers", min_value=1, max_value=_LARGEST)
    vehicle_id = filters.CharFilter(field_name="vehicles__vehicle_id")
    task_id = filters.NumberFilter(field_name="tasks", min_value=1, max_value=_LARGEST)

    class Meta:
        model = Rule
        fields: tuple[str, ...] = ()


class FiringFilters(filters.FilterSet):
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    rule_version = filters.NumberFilter(min_value=1, max_value=2**31 - 1)
    kind = filters.ChoiceFilter(choices=Firing.Kind.choices)
    fired_after = TimeFilter(field_name="fired_at", lookup_expr="gte")
    fired_before = TimeFilter(field_name="fired_at", lookup_expr="lt")
    action_status = filters.ChoiceFilter(method="with_action", choices=FiringAction.Status.choices)

    class Meta:
        model = Firing
        fields: tuple[str, ...] = ()

    def with_action(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(pk__in=FiringAction.objects.filter(status=value).values("firing"))


class LogEntryFilters(filters.FilterSet):
    level = filters.MultipleChoiceFilter(choices=LogEntry.Level.choices)
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    rule_id = filters.NumberFilter(field_name="action__firing__rule", min_value=1, max_value=_LARGEST)
    firing_id = filters.NumberFilter(field_name="action__firing", min_value=1, max_value=_LARGEST)
    created_after = TimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = TimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = LogEntry
        fields: tuple[str, ...] = ()
