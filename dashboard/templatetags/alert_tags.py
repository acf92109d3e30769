"""What templates need to show alerts."""

from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.models import User
from alerts.models import Alert, AlertEvent
from dashboard import alert_words, shown

register = template.Library()
EVENT_ICONS = {
    "RAISED": "tabler-bell-ringing",
    "ACKNOWLEDGED": "tabler-check",
    "ASSIGNED": "tabler-user-share",
    "ESCALATED": "tabler-arrow-up-circle",
    "COMMENTED": "tabler-message",
    "CLOSED": "tabler-circle-x",
}


@register.filter
def alert_mark(alert: Alert) -> str:
    """Differs as soon as something of it does that pages show."""
    held = (alert.count, alert.last_at, alert.worst_value, alert.assignee_id, alert.severity)
    later = (alert.acknowledged_at, alert.escalated_at, alert.closed_at, len(alert.notes))
    return "|".join("" if one is None else str(one) for one in (*held, *later))


@register.filter
def alert_state(alert: Alert) -> str:
    return alert_words.state_of(alert)


@register.filter
def alert_title(alert: Alert) -> str:
    return alert_words.title_of(alert.alert_type)


@register.filter
def alert_tone(severity: str) -> str:
    return alert_words.TONES.get(severity, "gray")


@register.simple_tag
def alert_badge(alert: Alert) -> SafeString:
    return alert_words.state_badge(alert)


@register.simple_tag
def severity_badge(code: str) -> SafeString:
    return alert_words.severity_badge(code)


@register.simple_tag
def alert_value(alert: Alert, value: float | None, person: User) -> Any:
    return alert_words.value_shown(alert, value, person)


@register.simple_tag
def event_icon(kind: str) -> SafeString:
    return shown.icon(EVENT_ICONS.get(kind, "tabler-point"))


@register.simple_tag
def event_label(kind: str) -> str:
    """A comment is no kind of its own to the database."""
    return capfirst(str(dict(AlertEvent.Kind.choices).get(kind) or _("noted")))


@register.simple_tag
def unheard_alerts(person: User) -> int:
    return alert_words.unheard_alerts(person)


@register.filter
def at_most(count: int, most: int) -> str:
    return f"{most}+" if count > most else str(count)
