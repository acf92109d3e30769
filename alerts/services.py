"""What people do with alerts, and what ``rules`` asks about escalation. Every function is one transaction.

Whatever does something to many passes over those that ``by`` does not see, and answers how many it changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause, User
from alerts.exceptions import AlertIsClosed, AlertIsNotYoursToGive
from alerts.locks import lock_in_order
from alerts.models import Alert, AlertEvent
from alerts.querysets import AlertQuerySet
from alerts.story import tell_story
from vehicle_management.models import Vehicle

LONGEST_TEXT = 10_000
Kind = AlertEvent.Kind


def acknowledge_alert(alert: Alert, notes: str = "", *, by: Actor) -> Alert:
    """The first to acknowledge stays told; what a later one notes goes into the story.

    An alert that was closed meanwhile can be acknowledged too. Raises ValidationError for notes that are too long.
    """
    text = _checked(notes, "notes")
    with transaction.atomic():
        (locked,) = lock_in_order(Alert.objects.filter(pk=alert.pk))
        if not _acknowledge([locked], text, by) and text and text != locked.notes:
            _tell(Kind.ACKNOWLEDGED, [locked], text, by)
    return _fresh(alert)


def acknowledge_alerts(alert_pks: Iterable[int], notes: str = "", *, by: Actor) -> int:
    """Those that nobody acknowledged yet, open or closed. Raises ValidationError as ``acknowledge_alert`` does."""
    return len(acknowledged_now(alert_pks, notes, by=by))


def acknowledged_now(alert_pks: Iterable[int], notes: str = "", *, by: Actor) -> list[int]:
    """The same, answering their keys in order."""
    text = _checked(notes, "notes")
    with transaction.atomic():
        locked = lock_in_order(_seen(alert_pks, by).unacknowledged())
        return sorted(_acknowledge(locked, text, by))


def assign_alert(alert: Alert, assignee: User | None, *, by: Actor) -> Alert:
    """Raises as ``assign_alerts`` does."""
    _assign(Alert.objects.filter(pk=alert.pk), assignee, by)
    return _fresh(alert)


def assign_alerts(alert_pks: Iterable[int], assignee: User | None, *, by: Actor) -> int:
    """Give many alerts to one person, or to nobody.

    Raises, and assigns none, ValidationError where the person may not see one of their vehicles, and
    AlertIsNotYoursToGive where an operator gives to others or takes away from others.
    """
    return _assign(_seen(alert_pks, by), assignee, by)


def close_alert(alert: Alert, notes: str = "", *, by: Actor) -> Alert:
    """A person ends it, by now; that acknowledges it too. The rule raises another one when it fires anew.

    Raises AlertIsClosed, and ValidationError for notes that are too long.
    """
    if not close_alerts([alert.pk], notes, by=by):
        told = _("Alert %(id)s is closed already.")
        raise AlertIsClosed(told % {"id": alert.pk})
    return _fresh(alert)


def close_alerts(alert_pks: Iterable[int], notes: str = "", *, by: Actor) -> int:
    """The same for many. Raises ValidationError."""
    text = _checked(notes, "notes")
    with transaction.atomic():
        locked = lock_in_order(_seen(alert_pks, by).open())
        _acknowledge(locked, text, by, is_told=False)
        # A vehicle's clock may be ahead of ours.
        end = Greatest(Value(timezone.now()), F("triggered_at"))
        Alert.objects.filter(pk__in=[alert.pk for alert in locked]).update(closed_at=end)
        _tell(Kind.CLOSED, locked, text, by)
    return len(locked)


def comment_on_alert(alert: Alert, text: str, *, by: Actor) -> AlertEvent:
    """Raises ValidationError for a text that is empty or too long."""
    text = _checked(text, "text")
    if not text:
        raise ValidationError({"text": [_("A comment has at least one character.")]})
    with transaction.atomic():
        cause = Cause.of(by.as_cause())
        return AlertEvent.objects.create(alert=alert, kind=AlertEvent.Kind.COMMENTED, cause=cause, text=text)


def due_for_escalation(most: int = 100) -> list[Alert]:
    """Alerts that others are to be told of by now, with their vehicles; the longest due first.

    Called inside a transaction: the rows stay locked, and whoever asks beside it is given others.
    """
    due = Alert.objects.due_for_escalation().select_related("vehicle__fleet")
    return list(
        due.select_for_update(of=("self",), skip_locked=True, no_key=True).order_by("escalate_at")[:most]
    )


def mark_escalated(alerts: Sequence[Alert], *, cause: Mapping[str, Any], text: str = "") -> None:
    """Others were told of them: ``text`` says who. Called in the transaction of ``due_for_escalation``."""
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(escalated_at=timezone.now())
    pks = [alert.pk for alert in alerts]
    tell_story(Kind.ESCALATED, dict.fromkeys(pks, cause), texts=dict.fromkeys(pks, text))


def _acknowledge(locked: Sequence[Alert], notes: str, by: Actor, *, is_told: bool = True) -> list[int]:
    fresh = [alert for alert in locked if alert.acknowledged_at is None]
    if fresh:
        now, cause = timezone.now(), Cause.of(by.as_cause())
        Alert.objects.filter(pk__in=[alert.pk for alert in fresh]).update(
            acknowledged_at=now, acknowledged_by=cause, notes=notes
        )
        if is_told:
            _tell(Kind.ACKNOWLEDGED, fresh, notes, by)
    return [alert.pk for alert in fresh]


def _assign(alerts: AlertQuerySet, assignee: User | None, by: Actor) -> int:
    with transaction.atomic():
        locked = lock_in_order(alerts)
        new = assignee.pk if assignee else None
        moved = [alert for alert in locked if alert.assignee_id != new]
        _check_giver(moved, assignee, by)
        if assignee is not None:
            _check_assignee(moved, assignee)
        Alert.objects.filter(pk__in=[alert.pk for alert in moved]).update(assignee=assignee)
        _tell(Kind.ASSIGNED, moved, assignee.email if assignee else "", by)
    return len(moved)


def _check_giver(moved: Sequence[Alert], assignee: User | None, by: Actor) -> None:
    if by.can_write or by.user is None:
        return
    own = by.user.pk
    if assignee is None and any(alert.assignee_id != own for alert in moved):
        raise AlertIsNotYoursToGive(
            _("An operator gives back what they were given themselves, nobody else's.")
        )
    if assignee is not None and assignee.pk != own:
        told = _("An operator takes an alert themselves; ask a manager to give it to %(email)s.")
        raise AlertIsNotYoursToGive(told % {"email": assignee.email})


def _check_assignee(alerts: Sequence[Alert], person: User) -> None:
    """Whoever is given an alert is active and sees its vehicle."""
    vehicles = {alert.vehicle_id for alert in alerts}
    seen = set(Vehicle.all_objects.visible_to(person).filter(pk__in=vehicles).values_list("pk", flat=True))
    unseen = Vehicle.all_objects.filter(pk__in=vehicles - seen if person.is_active else vehicles).first()
    if unseen is not None:
        told = _("%(email)s is not active or may not see the vehicle “%(id)s”; assign somebody who does.")
        raise ValidationError({"assignee": [told % {"email": person.email, "id": unseen.vehicle_id}]})


def _seen(alert_pks: Iterable[int], by: Actor) -> AlertQuerySet:
    # The fence stands in a query of its own: the rows to be locked are of one table then.
    seen = Alert.objects.visible_to(by).filter(pk__in=list(alert_pks)).order_by()
    found: AlertQuerySet = Alert.objects.filter(pk__in=seen.values("pk"))
    return found


def _tell(kind: str, alerts: Iterable[Alert], text: str, by: Actor) -> None:
    pks = [alert.pk for alert in alerts]
    tell_story(kind, dict.fromkeys(pks, by.as_cause()), texts=dict.fromkeys(pks, text))


def _fresh(alert: Alert) -> Alert:
    told = ("vehicle__fleet", "assignee", "acknowledged_by")
    found: Alert = Alert.objects.select_related(*told).get(pk=alert.pk)
    return found


def _checked(text: str, name: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        told = _("A note has at most %(most)d characters; this one has %(n)d.")
        raise ValidationError({name: [told % {"most": LONGEST_TEXT, "n": len(text)}]})
    return text
