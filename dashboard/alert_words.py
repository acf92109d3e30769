"""Alerts as pages tell them: what they are called, how bad they are, how far they got, their values with units."""

import re
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from alerts.models import Alert
from dashboard.pages.vehicle_facts import shown_value
from dashboard.shown import NOTHING, badge, icon, link
from vehicle_management.attributes import STATUS_ATTRIBUTES

OPEN, ACKNOWLEDGED, CLOSED = "OPEN", "ACKNOWLEDGED", "CLOSED"
STATE_LABELS: dict[str, str | Promise] = {
    OPEN: gettext_lazy("open"),
    ACKNOWLEDGED: gettext_lazy("acknowledged"),
    CLOSED: gettext_lazy("closed"),
}
TITLES: dict[str, str | Promise] = {
    "OVERSPEED": gettext_lazy("Overspeed"),
    "LOW_BATTERY": gettext_lazy("Low battery"),
    "ENGINE_OVERHEAT": gettext_lazy("Engine overheating"),
}
# The worst first, everywhere.
SEVERITIES = tuple(reversed(Alert.Severity.values))
ICONS = {
    "CRITICAL": "tabler-alert-octagon",
    "HIGH": "tabler-alert-triangle",
    "MEDIUM": "tabler-alert-circle",
    "LOW": "tabler-info-circle",
}
TONES = {"CRITICAL": "red", "HIGH": "orange", "MEDIUM": "yellow", "LOW": "azure"}
IS_OPEN = Q(closed_at__isnull=True)
IS_UNHEARD = IS_OPEN & Q(acknowledged_at__isnull=True)
CODE = re.compile(r"[A-Z0-9_]+")
MOST_COUNTED = 999


def state_of(alert: Alert) -> str:
    if alert.closed_at is not None:
        return CLOSED
    return OPEN if alert.acknowledged_at is None else ACKNOWLEDGED


def title_of(alert_type: str) -> str:
    """OVERSPEED as a person says it; a type of one's own in its own words."""
    if alert_type in TITLES:
        return str(TITLES[alert_type])
    told = alert_type.replace("_", " ").lower() if CODE.fullmatch(alert_type) else alert_type
    return capfirst(told) or _("Alert")


def alert_link(alert: Alert, extra: str = "fw-medium") -> SafeString:
    return link(reverse("alert", args=[alert.pk]), title_of(alert.alert_type), extra)


def state_badge(alert: Alert) -> SafeString:
    state = state_of(alert)
    return badge(state, str(STATE_LABELS[state]))


def severity_badge(code: str) -> SafeString:
    label = dict(Alert.Severity.choices).get(code, code)
    tone = TONES.get(code, "gray")
    return format_html(
        '<span class="tag tag-{} severity">{}{}</span>', tone, icon(ICONS.get(code, "tabler-bell")), label
    )


def value_shown(alert: Alert, value: float | None, me: User) -> SafeString | str:
    """With the unit of the attribute that the alert is about."""
    return NOTHING if value is None else shown_value(f"status.{alert.field}", value, me)


def unit_of(alert: Alert) -> str:
    known = STATUS_ATTRIBUTES.get(alert.field)
    return known.unit if known else ""


def attribute_label(alert: Alert) -> str:
    known = STATUS_ATTRIBUTES.get(alert.field)
    return capfirst(str(known.label)) if known else alert.field


def person_name(person: User | None, me: User) -> str | SafeString:
    if person is None:
        return NOTHING
    return _("me") if person.pk == me.pk else person.name or person.email


# ---------------------------------------------------------------- rows


def alerts_seen_by(me: User) -> QuerySet[Any]:
    """With what a list shows of each; ``severity_rank`` sorts as people think, not as letters do."""
    seen: QuerySet[Alert] = Alert.objects.visible_to(me)
    ranks = [When(severity=code, then=Value(rank)) for rank, code in enumerate(Alert.Severity.values)]
    rank = Case(*ranks, default=Value(0), output_field=IntegerField())
    return seen.select_related("vehicle__fleet", "assignee", "acknowledged_by").annotate(severity_rank=rank)


def unheard_alerts(me: User) -> int:
    """How many are open and were acknowledged by nobody; counted up to 1,000."""
    found = Alert.objects.visible_to(me).filter(IS_UNHEARD)
    return int(found.order_by()[: MOST_COUNTED + 1].count())


def open_by_severity(me: User) -> list[dict[str, Any]]:
    """The worst first: how many are open, how many of them nobody acknowledged, and where they are listed."""
    found = Alert.objects.visible_to(me).filter(IS_OPEN).order_by().values("severity")
    rows = found.annotate(count=Count("pk"), unheard=Count("pk", filter=IS_UNHEARD))
    counts = {row["severity"]: (row["count"], row["unheard"]) for row in rows}
    labels = dict(Alert.Severity.choices)
    return [
        {
            "code": code,
            "label": labels[code],
            "tone": TONES[code],
            "icon": ICONS[code],
            "count": counts.get(code, (0, 0))[0],
            "unheard": counts.get(code, (0, 0))[1],
            "address": f"{reverse('alerts')}?severity={code}",
        }
        for code in SEVERITIES
    ]
