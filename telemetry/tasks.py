from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from telemetry.rollups import refresh_rollups

# Readings that are still on their way when their five minutes are over.
SETTLING = timedelta(seconds=10)


@shared_task(ignore_result=True)
def roll_up() -> int:
    """Sum the buckets that went stale and have ended; where another worker is at it, leave them to it."""
    return refresh_rollups(ended_before=timezone.now() - SETTLING, is_patient=False)
