"""The order in which alerts are locked, everywhere: by vehicle, then by origin, letter by letter."""

from django.db.models.functions import Collate

from alerts.models import Alert
from alerts.querysets import AlertQuerySet


def lock_in_order(alerts: AlertQuerySet) -> list[Alert]:
    """The rows as they are now, locked until the transaction ends."""
    rows = alerts.select_for_update(of=("self",), no_key=True)
    return list(rows.order_by("vehicle_id", Collate("origin", "C")))
