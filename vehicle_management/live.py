"""What a vehicle is doing now, as one expression for lists, filters and sums."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, CharField, F, Q, Value, When
from django.utils import timezone

from vehicle_management.models import VehicleStatus

Status = VehicleStatus.Status


def silent_since() -> datetime:
    """Whoever said nothing since then is OFFLINE."""
    return timezone.now() - timedelta(seconds=settings.OFFLINE_AFTER_S)


def told_status(path: str = "status__") -> Case:
    """As the vehicle says; where it says none, from its speed; OFFLINE after a silence.

    ``path`` leads to the VehicleStatus.
    """
    is_silent = Q(**{f"{path}recorded_at__isnull": True}) | Q(**{f"{path}recorded_at__lt": silent_since()})
    return Case(
        When(is_silent, then=Value(Status.OFFLINE.value)),
        When(**{f"{path}status__isnull": False}, then=F(f"{path}status")),
        When(**{f"{path}speed_kmh__gt": 0}, then=Value(Status.MOVING.value)),
        default=Value(Status.IDLE.value),
        output_field=CharField(),
    )
