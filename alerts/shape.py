"""An alert as programs are told it."""

from typing import Any

from alerts.models import Alert
from api_pattern.times import told_time


def told_alert(alert: Alert) -> dict[str, Any]:
    """What the message says: the first fields of the API's answer. Needs the alert's vehicle and fleet."""
    return {
        "id": alert.pk,
        "vehicle_id": alert.vehicle.vehicle_id,
        "fleet_id": fleet_id_of(alert),
        "alert_type": alert.alert_type,
        "severity": alert.severity,
        "field": alert.field,
        "value": alert.value,
        "threshold": alert.threshold,
        "message": alert.message,
        "acknowledged": alert.is_acknowledged,
        "triggered_at": told_time(alert.triggered_at),
    }


def fleet_id_of(alert: Alert) -> str | None:
    return alert.vehicle.fleet.fleet_id if alert.vehicle.fleet else None
