from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from vehicle_management import services


@shared_task
def prune_change_batches() -> int:
    older_than = timezone.now() - timedelta(hours=settings.CHANGE_BATCH_KEEP_HOURS)
    return services.prune_change_batches(older_than=older_than)
