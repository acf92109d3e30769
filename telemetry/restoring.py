"""Archived readings come back for a while: their files are loaded again, as often as one likes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from api_pattern.exceptions import Unprocessable
from api_pattern.times import told_time
from telemetry import rollups
from telemetry.archives import COLUMNS, ArchiveIsDamaged, batches_of, opened
from telemetry.closing import bounds, only_one
from telemetry.models import Archive, Rollup
from telemetry.partitions import make_days
from telemetry.rollups import FIVE_MINUTES, mark_stale
from telemetry.sums import bucket_of
from vehicle_management.models import Vehicle

log = structlog.get_logger(__name__)

FOR_A_WEEK = timedelta(days=7)
Status = Archive.Status


class ArchiveIsBusy(Exception):
    """Another process rewrites, takes away or loads days now."""


def request_restore(archive: Archive, *, until: datetime) -> Archive:
    """Have the archive's readings loaded by the next sweep; where they are at hand, they stay until then.

    Archives of the same day that hold readings of the same vehicles come with it: a day's sums are made of
    all its readings. Raises Unprocessable for a time that is over.
    """
    if until <= timezone.now():
        told = _("%(time)s is over; say until when the readings are to stay.") % {"time": told_time(until)}
        raise Unprocessable(told, {"until": [told]})
    with transaction.atomic():
        together = _together(archive)
        Archive.objects.filter(pk__in=together).update(restored_until=until, reason="")
        Archive.objects.filter(pk__in=together, status=Status.STORED).update(status=Status.RESTORING)
    archive.refresh_from_db()
    return archive


def restore_archive(archive: Archive, *, until: datetime) -> Archive:
    """Load it now. Raises ArchiveIsBusy, and ArchiveIsDamaged for a file that is not what was written."""
    request_restore(archive, until=until)
    with only_one() as is_mine:
        if not is_mine:
            raise ArchiveIsBusy(_("Another process works on days now; this archive is loaded after it."))
        _load(archive)
    archive.refresh_from_db()
    if archive.status != Status.RESTORED:
        raise ArchiveIsDamaged(archive.reason)
    return archive


def load_requested() -> int:
    """Load what was requested; answers how many archives. What cannot be loaded says why."""
    count = 0
    with only_one() as is_mine:
        while is_mine and (archive := Archive.objects.filter(status=Status.RESTORING).first()):
            count += _load(archive)
    return count


def _together(archive: Archive) -> set[int]:
    """The keys of the archives of its day that share vehicles with it, or with one that does."""
    others = dict(
        Archive.objects.filter(day=archive.day).exclude(status=Status.WRITING).values_list("pk", "vehicles")
    )
    found, vehicles = {archive.pk}, set(archive.vehicles)
    while near := {pk for pk in others.keys() - found if vehicles.intersection(others[pk])}:
        found |= near
        vehicles.update(*(others[pk] for pk in near))
    return found


def _load(archive: Archive) -> int:
    """How many archives were loaded: it and those that share its vehicles, all or none."""
    archives = list(Archive.objects.filter(pk__in=_together(archive)))
    make_days([archive.day])
    try:
        with transaction.atomic():
            _load_readings(archives)
            _sum_anew(archives)
            Archive.objects.filter(pk__in=[one.pk for one in archives]).update(status=Status.RESTORED)
    except ArchiveIsDamaged as error:
        log.warning("archive was not restored", name=archive.name, reason=str(error))
        requested = Archive.objects.filter(pk__in=[one.pk for one in archives], status=Status.RESTORING)
        requested.update(status=Status.STORED, restored_until=None, reason=str(error))
        return 0
    log.info("archives restored", day=str(archive.day), archives=len(archives))
    return len(archives)


def _load_readings(archives: Iterable[Archive]) -> None:
    """Into a table of the transaction first: what is there by now stays as it is."""
    known = set(Vehicle.all_objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS restored_reading")
        cursor.execute("CREATE TEMP TABLE restored_reading (LIKE telemetry_reading) ON COMMIT DROP")
        for archive in archives:
            with (
                opened(archive) as file,
                connection.wrap_database_errors,
                cursor.copy(f"COPY restored_reading ({', '.join(COLUMNS)}) FROM STDIN") as copy,
            ):
                for rows in batches_of(file):
                    for row in rows:
                        if row["vehicle"] in known:
                            copy.write_row([row[name] for name in COLUMNS])
        cursor.execute(
            f"INSERT INTO telemetry_reading ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)}"
            " FROM restored_reading ORDER BY vehicle, recorded_at ON CONFLICT DO NOTHING"
        )


def _sum_anew(archives: Iterable[Archive]) -> None:
    """Their days' sums come from readings again, late ones among them."""
    day = next(iter(archives)).day
    vehicles = sorted({key for archive in archives for key in archive.vehicles})
    start, end = bounds(day)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.LOCK])
        cursor.execute(
            f"SELECT DISTINCT vehicle, {bucket_of(FIVE_MINUTES, 'recorded_at')} FROM restored_reading"
        )
        mark_stale(cursor.fetchall())
    of_them = Rollup.objects.filter(vehicle__in=vehicles, bucket__gte=start, bucket__lt=end)
    of_them.filter(width=rollups.ARCHIVED).delete()
    of_them.filter(width=rollups.DAY).update(archived=False)
