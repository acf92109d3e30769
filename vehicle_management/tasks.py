from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from vehicle_management import services


@shared_task
def prune_change_batches() -> int:
    older_than = timezone.now() - timedelta(days=settings.CHANGE_BATCHES_KEPT_DAYS)
    return services.prune_change_batches(older_than=older_than)
