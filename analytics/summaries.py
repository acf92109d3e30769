"""A fleet in one row of numbers."""

from typing import Any

from django.db.models import Avg, Count, Max, Q

from accounts.actors import Actor
from accounts.models import Fleet
from alerts.models import Alert
from api_pattern.times import told_time
from vehicle_management.live import Status, told_status
from vehicle_management.models import Vehicle


def summary_of(fleet: Fleet, *, seen_by: Actor) -> dict[str, Any]:
    """Two queries, whatever the fleet's size. Averages are over the vehicles whose value is known."""
    vehicles = Vehicle.objects.visible_to(seen_by).filter(fleet=fleet)
    open_alerts = Alert.objects.open().filter(vehicle__in=vehicles.values("pk")).order_by()
    numbers = vehicles.annotate(now=told_status()).aggregate(
        total_vehicles=Count("pk"),
        active_vehicles=Count("pk", filter=Q(now=Status.MOVING)),
        idle_vehicles=Count("pk", filter=Q(now=Status.IDLE)),
        vehicles_in_alert=Count("pk", filter=Q(now=Status.ALERT) | Q(pk__in=open_alerts.values("vehicle"))),
        avg_battery_pct=Avg("status__battery_pct"),
        avg_speed_kmh=Avg("status__speed_kmh"),
        last_updated=Max("status__recorded_at"),
    )
    return {
        "fleet_id": fleet.fleet_id,
        "fleet_name": fleet.fleet_name,
        **numbers,
        "avg_battery_pct": _rounded(numbers["avg_battery_pct"]),
        "avg_speed_kmh": _rounded(numbers["avg_speed_kmh"]),
        "active_missions": 0,
        "open_alerts": open_alerts.count(),
        "last_updated": told_time(numbers["last_updated"]),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
