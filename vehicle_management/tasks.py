from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from vehicle_management import services

# The readings themselves are stored beside.
READINGS_KEEP = timedelta(minutes=10)


@shared_task
def prune_change_batches() -> int:
    now = timezone.now()
    return services.prune_change_batches(
        older_than=now - timedelta(hours=settings.CHANGE_BATCH_KEEP_HOURS),
        readings_older_than=now - READINGS_KEEP,
    )
