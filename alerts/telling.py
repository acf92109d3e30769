"""Tell the world on ``fleet.alerts.triggered`` of the alerts that were raised."""

from django.db import connection, transaction
from django.utils import timezone

from alerts.locks import lock_in_order
from alerts.models import Alert
from alerts.shape import told_alert
from api_pattern.times import told_time
from msg_pattern.bus import get_bus
from msg_pattern.messages import Channel, Message, MessageType

LOCK = 7_150
_AT_ONCE = 500


def tell_alerts() -> int:
    """Tell what was not told yet, in the order in which it was raised; answers how many.

    An alert is marked when the bus has it: a crash between the two tells it again, under the same id. One process
    tells at a time; another one that comes meanwhile leaves it to the first, and what falls between to the sweep.
    """
    told = 0
    while count := _tell_some():
        told += count
    return told


def message_of(alert: Alert) -> Message:
    return Message(
        MessageType.ALERT_TRIGGERED,
        told_alert(alert),
        id=f"alert-{alert.pk}",
        occurred_at=told_time(alert.raised_at) or "",
    )


def _tell_some() -> int:
    with transaction.atomic():
        if not _is_mine():
            return 0
        # Not locked while the bus is waited for: the lanes touch these rows.
        alerts = list(Alert.objects.untold().select_related("vehicle__fleet").order_by("pk")[:_AT_ONCE])
        if alerts:
            get_bus().publish_many(Channel.ALERTS_TRIGGERED, map(message_of, alerts))
            held = lock_in_order(Alert.objects.filter(pk__in=[alert.pk for alert in alerts]))
            Alert.objects.filter(pk__in=[alert.pk for alert in held]).update(told_at=timezone.now())
    return len(alerts)


def _is_mine() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
