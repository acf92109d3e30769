from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from telemetry.closing import close_days
from telemetry.finding import find_due
from telemetry.partitions import make_days_ahead
from telemetry.restoring import load_requested
from telemetry.retention import archive_readings
from telemetry.rollups import refresh_rollups
from telemetry.trip_scoring import score_due_trips, score_trip

# Readings that are still on their way when their five minutes are over.
SETTLING = timedelta(seconds=10)


@shared_task(ignore_result=True)
def roll_up() -> int:
    """Sum the buckets that went stale and have ended; where another worker is at it, leave them to it."""
    return refresh_rollups(ended_before=timezone.now() - SETTLING, is_patient=False)


@shared_task(ignore_result=True)
def keep_days() -> None:
    """Make the next days, put those that are over in order, archive those that are old."""
    make_days_ahead(timezone.now())
    close_days()
    archive_readings()


@shared_task(ignore_result=True)
def restore_archives() -> int:
    """Load the archives that were asked for."""
    return load_requested()


def ring_for_restores() -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    transaction.on_commit(lambda: restore_archives.apply_async(retry=False, expires=60), robust=True)


@shared_task(ignore_result=True)
def score_posted_trip(trip_id: str) -> bool:
    return score_trip(UUID(trip_id))


@shared_task(ignore_result=True)
def score_trips() -> int:
    """Take up the trips that no bell woke anybody for."""
    return score_due_trips()


@shared_task(ignore_result=True)
def find_trips() -> int:
    """Find trips and stops again where readings changed."""
    return find_due()


def ring_for_trip(pk: UUID) -> None:
    """After the commit; a bell that is lost is made good by the sweep."""
    task = score_posted_trip.s(str(pk))
    transaction.on_commit(lambda: task.apply_async(retry=False, expires=60), robust=True)
