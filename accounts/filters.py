from typing import Any

from django_filters import rest_framework as filters

from accounts.actors import sender_of
from accounts.fleets import refuse_fleet
from accounts.models import ApiKey, Fleet, Membership, User
from api_pattern.filters import TimeFilter, TruthFilter


class FleetFilter(filters.CharFilter):
    """``fleet_id``: a fleet that is not the caller's answers 403, whether it exists or not."""

    def filter(self, qs: Any, value: Any) -> Any:
        if not value:
            return qs
        parent: Any = self.parent
        sender = sender_of(parent.request)
        if sender.is_administrator:
            return qs.filter(
                **{f"{self.field_name}__fleet_id": value, f"{self.field_name}__deleted_at": None}
            )
        if value not in sender.fleets_by_id:
            refuse_fleet(value)
        return qs.filter(**{self.field_name: sender.fleets_by_id[value]})


class ScopeFilter(filters.ChoiceFilter):
    def filter(self, qs: Any, value: Any) -> Any:
        return qs.filter(scopes__contains=[value]) if value else qs


class UserFilters(filters.FilterSet):
    email = filters.CharFilter(field_name="email", lookup_expr="iexact")
    role = filters.ChoiceFilter(choices=User.Role.choices)
    is_active = TruthFilter()
    fleet_id = FleetFilter(field_name="memberships__fleet")

    class Meta:
        model = User
        fields: tuple[str, ...] = ()


class MembershipFilters(filters.FilterSet):
    user_id = filters.NumberFilter(field_name="user", min_value=1, max_value=2**63 - 1)
    fleet_id = FleetFilter(field_name="fleet")

    class Meta:
        model = Membership
        fields: tuple[str, ...] = ()


class ApiKeyFilters(filters.FilterSet):
    name = filters.CharFilter(lookup_expr="icontains")
    vehicle_id = filters.CharFilter()
    scope = ScopeFilter(choices=ApiKey.Scope.choices)
    fleet_id = FleetFilter(field_name="fleets")
    expires_before = TimeFilter(field_name="expires_at", lookup_expr="lt")

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()


class FleetFilters(filters.FilterSet):
    fleet_name = filters.CharFilter(lookup_expr="icontains")
    time_zone = filters.CharFilter()
    date_order = filters.ChoiceFilter(choices=Fleet.DateOrder.choices)

    class Meta:
        model = Fleet
        fields: tuple[str, ...] = ()
