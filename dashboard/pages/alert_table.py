"""The columns and filters of alerts."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import rest_framework as filters

from accounts.models import User
from accounts.people import assignable_people
from alerts.models import Alert
from dashboard.alert_words import (
    IS_OPEN,
    IS_UNHEARD,
    SEVERITIES,
    TITLES,
    alert_link,
    alerts_seen_by,
    person_name,
    severity_badge,
    state_badge,
    state_of,
    title_of,
    value_shown,
)
from dashboard.pages.vehicle_table import fleet_choices
from dashboard.shown import ago, link, number
from dashboard.tables import Column, Facet, Listing, Table
from vehicle_management.models import Vehicle

MOST_PEOPLE = 200
# Kinds are those of so many latest alerts, and the ones that ship with us.
MOST_LOOKED_AT = 500
STATES = {
    "open": IS_OPEN,
    "unacknowledged": IS_UNHEARD,
    "acknowledged": IS_OPEN & Q(acknowledged_at__isnull=False),
    "closed": Q(closed_at__isnull=False),
    "unseen": Q(closed_at__isnull=False, acknowledged_at__isnull=True),
    "all": Q(),
}


class PageAlertFilters(filters.FilterSet):
    """``assignee=me`` is whoever looks; ``mine=true`` says the same."""

    severity = filters.ChoiceFilter(choices=Alert.Severity.choices)
    alert_type = filters.CharFilter()
    fleet_id = filters.CharFilter(field_name="vehicle__fleet__fleet_id")
    vehicle_id = filters.CharFilter(field_name="vehicle__vehicle_id")
    state = filters.ChoiceFilter(choices=[(name, name) for name in STATES], method="filter_state")
    assignee = filters.CharFilter(method="filter_assignee")
    mine = filters.BooleanFilter(method="filter_mine")
    rule = filters.NumberFilter(method="filter_rule", min_value=1, max_value=2**63 - 1)

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()

    def filter_state(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(STATES[value])

    def filter_assignee(self, queryset: Any, name: str, value: str) -> Any:
        if value == "nobody":
            return queryset.filter(assignee__isnull=True)
        email = self.request.user.email if value == "me" else value
        return queryset.filter(assignee__email__iexact=email)

    def filter_mine(self, queryset: Any, name: str, value: bool) -> Any:
        mine = Q(assignee=self.request.user.pk)
        return queryset.filter(mine if value else ~mine | Q(assignee__isnull=True))

    def filter_rule(self, queryset: Any, name: str, value: Any) -> Any:
        return queryset.filter(origin=f"rule:{int(value)}")


def vehicle_link(vehicle: Vehicle) -> Any:
    if vehicle.deleted_at is not None:
        return vehicle.vehicle_id
    return link(
        reverse("vehicle", args=[vehicle.vehicle_id]) + "?tab=alerts", vehicle.vehicle_id, "link-body"
    )


def _kind(alert: Alert, me: User) -> Any:
    """Its name, and below it what it says."""
    told = alert.message or ""
    return format_html(
        '<span class="alert-name">{}</span><span class="alert-message" title="{}">{}</span>',
        alert_link(alert),
        told,
        told,
    )


def _count(alert: Alert, me: User) -> Any:
    return format_html("{}<small>×</small>", number(alert.count))


def _time(name: str, label: Any, *, is_shown: bool = True) -> Column:
    return Column(
        name,
        label,
        lambda alert: getattr(alert, name),
        lambda alert, me: ago(getattr(alert, name)),
        name,
        is_shown=is_shown,
    )


def _value(name: str, label: Any, *, is_shown: bool = False) -> Column:
    return Column(
        name,
        label,
        lambda alert: getattr(alert, name),
        lambda alert, me: value_shown(alert, getattr(alert, name), me),
        is_number=True,
        is_shown=is_shown,
    )


MESSAGE = Column("message", gettext_lazy("Message"), lambda a: a.message, is_shown=False)
TABLE = Table(
    "alerts",
    (
        Column("alert_type", gettext_lazy("Alert"), lambda a: a.alert_type, _kind, "alert_type"),
        Column(
            "severity",
            gettext_lazy("Severity"),
            lambda a: a.severity,
            lambda a, me: severity_badge(a.severity),
            "severity_rank",
        ),
        Column(
            "vehicle_id",
            gettext_lazy("Vehicle"),
            lambda a: a.vehicle.vehicle_id,
            lambda a, me: vehicle_link(a.vehicle),
            "vehicle__vehicle_id",
        ),
        Column(
            "fleet_id",
            gettext_lazy("Fleet"),
            lambda a: a.vehicle.fleet and a.vehicle.fleet.fleet_id,
            order="vehicle__fleet__fleet_id",
            is_shown=False,
        ),
        _time("triggered_at", gettext_lazy("First")),
        _time("last_at", gettext_lazy("Last")),
        Column("count", gettext_lazy("Times"), lambda a: a.count, _count, "count", is_number=True),
        _value("worst_value", gettext_lazy("Worst"), is_shown=True),
        _value("value", gettext_lazy("At first")),
        _value("threshold", gettext_lazy("Threshold")),
        Column(
            "assignee",
            gettext_lazy("Assignee"),
            lambda a: a.assignee and a.assignee.email,
            lambda a, me: person_name(a.assignee, me),
            "assignee__email",
        ),
        Column("state", gettext_lazy("State"), lambda a: state_of(a).lower(), lambda a, me: state_badge(a)),
        MESSAGE,
        _time("acknowledged_at", gettext_lazy("Acknowledged"), is_shown=False),
        Column("notes", gettext_lazy("Notes"), lambda a: a.notes, is_shown=False),
        _time("escalated_at", gettext_lazy("Escalated"), is_shown=False),
        _time("closed_at", gettext_lazy("Closed"), is_shown=False),
        Column(
            "id",
            gettext_lazy("Number"),
            lambda a: a.pk,
            lambda a, me: number(a.pk),
            "id",
            is_number=True,
            is_shown=False,
        ),
    ),
    ordering="-id",
    search_fields=("message", "alert_type", "vehicle__vehicle_id", "notes"),
    search_hint=gettext_lazy("Search message, kind, vehicle"),
)


def alert_listing(request: HttpRequest, me: User) -> Listing:
    """Those that are open, unless the address says another state."""
    seen: QuerySet[Alert] = alerts_seen_by(me)
    if not request.GET.get("state"):
        seen = seen.filter(IS_OPEN)
    return Listing(request, TABLE, seen, facets_of(me, request.GET.get("alert_type", "")), PageAlertFilters)


def facets_of(me: User, asked_type: str) -> tuple[Facet, ...]:
    people = assignable_people(me).order_by("email").values_list("email", "name")[:MOST_PEOPLE]
    named = [(email, name or email) for email, name in people]
    labels = dict(Alert.Severity.choices)
    states = (
        ("unacknowledged", _("open, not acknowledged")),
        ("acknowledged", _("open, acknowledged")),
        ("closed", _("closed")),
        ("unseen", _("closed, never acknowledged")),
        ("all", _("open and closed")),
    )
    latest = (
        Alert.objects.visible_to(me).order_by("-pk").values_list("alert_type", flat=True)[:MOST_LOOKED_AT]
    )
    types = sorted({*TITLES, *latest, asked_type} - {""}, key=title_of)
    return (
        Facet("state", _("State"), states, usual=_("open")),
        Facet("severity", _("Severity"), [(code, labels[code]) for code in SEVERITIES]),
        Facet("alert_type", _("Kind"), [(code, title_of(code)) for code in types]),
        Facet("fleet_id", _("Fleet"), fleet_choices(me)),
        Facet("vehicle_id", _("Vehicle"), suggests="vehicles"),
        Facet("assignee", _("Assignee"), [("me", _("me")), ("nobody", _("nobody")), *named]),
        Facet("mine", _("Mine"), (("true", _("yes")), ("false", _("no"))), kind="hidden"),
        Facet("rule", _("Rule (number)"), kind="number"),
    )


def quick_filters(listing: Listing) -> list[tuple[str, str, bool]]:
    """``(label, address, whether it is in force)`` of what is looked for most."""
    named: tuple[tuple[str, dict[str, str]], ...] = (
        (_("Open"), {}),
        (_("Not acknowledged"), {"state": "unacknowledged"}),
        (_("Mine"), {"mine": "true"}),
        (_("Closed"), {"state": "closed"}),
        (_("All"), {"state": "all"}),
    )
    names = ("state", "mine")
    now = {name: value for name in names if (value := listing.request.GET.get(name))}
    return [
        (label, listing.address(**{**dict.fromkeys(names), **wanted}), now == wanted)
        for label, wanted in named
    ]
