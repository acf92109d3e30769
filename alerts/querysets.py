from typing import Self

from django.utils import timezone

from vehicle_management.querysets import OfVehicleQuerySet


class AlertQuerySet(OfVehicleQuerySet):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def unacknowledged(self) -> Self:
        return self.filter(acknowledged_at__isnull=True)

    def untold(self) -> Self:
        return self.filter(told_at__isnull=True)

    def due_for_escalation(self) -> Self:
        """Open, unacknowledged, and others are to be told by now."""
        due = self.open().unacknowledged().filter(escalated_at__isnull=True)
        return due.filter(escalate_at__lte=timezone.now())
