from typing import Self

from django.db.models import Case, IntegerField, Value, When
from django.utils import timezone

from vehicle_management.querysets import OfVehicleQuerySet

# The least severe first; the model names them so.
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


class AlertQuerySet(OfVehicleQuerySet):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def unacknowledged(self) -> Self:
        return self.filter(acknowledged_at__isnull=True)

    def untold(self) -> Self:
        return self.filter(told_at__isnull=True)

    def with_severity_rank(self) -> Self:
        """``severity_rank`` sorts as people think: 0 is the least severe."""
        ranks = (When(severity=code, then=Value(rank)) for rank, code in enumerate(SEVERITIES))
        return self.annotate(severity_rank=Case(*ranks, default=Value(0), output_field=IntegerField()))

    def due_for_escalation(self) -> Self:
        """Open, unacknowledged, and others are to be told by now."""
        due = self.open().unacknowledged().filter(escalated_at__isnull=True)
        return due.filter(escalate_at__lte=timezone.now())
