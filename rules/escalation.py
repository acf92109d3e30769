"""Alerts that nobody acknowledged in time: others are told, by an e-mail that their firing owes."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from alerts.models import Alert
from alerts.services import due_for_escalation, mark_escalated
from rules.mail_actions import SEND_EMAIL
from rules.models import FiringAction
from rules.texts import one_line


def escalate_due() -> int:
    """Mark what is due and put the e-mails into the outbox, in one transaction; answers how many alerts were."""
    with transaction.atomic():
        alerts = due_for_escalation()
        raised_by = _raised_by(alerts)
        FiringAction.objects.bulk_create(
            _email(alert, raised_by[alert.pk]) for alert in alerts if alert.pk in raised_by
        )
        for alert in alerts:
            mark_escalated([alert], cause=_cause(alert, raised_by.get(alert.pk)), text=_told(alert))
    return len(alerts)


def _raised_by(alerts: Sequence[Alert]) -> dict[int, FiringAction]:
    """By alert, the action that raised it; later ones of the same alert found it open."""
    actions = FiringAction.objects.filter(alert__in=alerts).order_by("-firing", "-index")
    return {one.alert_id: one for one in actions.select_related("firing__rule") if one.alert_id}


def _email(alert: Alert, raised_by: FiringAction) -> FiringAction:
    last = FiringAction.objects.filter(firing=raised_by.firing_id).aggregate(last=Max("index"))["last"]
    return FiringAction(
        firing_id=raised_by.firing_id, index=last + 1, type=SEND_EMAIL.type, params=_mail(alert)
    )


def _mail(alert: Alert) -> dict[str, object]:
    vehicle = alert.vehicle.vehicle_id
    waited = round((timezone.now() - alert.raised_at).total_seconds() / 60)
    subject = f"{alert.severity}: {alert.alert_type} of {vehicle}, not acknowledged for {waited} minutes"
    lines = [
        alert.message,
        "",
        f"{alert.alert_type} ({alert.severity}) of {vehicle} since {alert.triggered_at:%Y-%m-%d %H:%M:%S} UTC.",
        "Nobody has acknowledged it so far, so you are told as well:",
        f"{settings.PUBLIC_URL}/alerts/{alert.pk}",
    ]
    return {"to": alert.escalate_to, "subject": one_line(subject, 250), "body": "\n".join(lines)}


def _cause(alert: Alert, raised_by: FiringAction | None) -> dict[str, object]:
    if raised_by is None:
        return {"kind": "rule", "name": alert.origin}
    firing = raised_by.firing
    return {"kind": "rule", "rule_id": firing.rule_id, "firing_id": firing.pk, "name": firing.rule.name}


def _told(alert: Alert) -> str:
    return f"To {', '.join(alert.escalate_to) or 'nobody'}."
