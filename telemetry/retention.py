"""Readings are kept for as long as their fleet wants; then they go into an archive, from where they come back.

A file and its row are written first. One transaction, in which nobody stores readings of that day, then sees
whether the file holds all of them, takes them away and says so: a killed process leaves either readings and an
unfinished row, which the next run discards, or an archive. Rollups stay, a twentieth of what readings take.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Fleet
from telemetry import partitions, rollups
from telemetry.archives import Written, discard_file, name_of, write_archive
from telemetry.closing import LOCKED_WITHIN, bounds, only_one
from telemetry.models import Archive, Retention, Rollup
from telemetry.partitions import existing_days, partition_of
from telemetry.readings import OLDEST_DAYS
from telemetry.rollups import refresh_rollups
from vehicle_management.models import Vehicle

log = structlog.get_logger(__name__)

# No reading can come for an empty day that is so old.
DROPPED_AFTER = timedelta(days=OLDEST_DAYS + 5)
# From one key to the next by the index, instead of through all readings.
HOLDERS = """
    WITH RECURSIVE keys AS (
        (SELECT vehicle FROM {day} ORDER BY vehicle LIMIT 1)
        UNION ALL
        SELECT (SELECT day.vehicle FROM {day} AS day WHERE day.vehicle > keys.vehicle ORDER BY 1 LIMIT 1)
        FROM keys WHERE keys.vehicle IS NOT NULL
    )
    SELECT vehicle FROM keys WHERE vehicle IS NOT NULL
"""
IS_STALE = """
    SELECT EXISTS (
        SELECT FROM telemetry_stalebuckets AS mark, unnest(mark.vehicles, mark.buckets) AS stale(vehicle, bucket)
        WHERE stale.vehicle = ANY(%s) AND stale.bucket >= %s AND stale.bucket < %s
    )
"""


class DayChanged(Exception):
    """Readings came for a day while it was written into archives."""


@dataclass
class Holders:
    """The vehicles with readings of a day that are due: ids by key, by their fleet's key; and purged ones."""

    by_fleet: dict[int | None, dict[int, str]] = field(default_factory=dict)
    purged: list[int] = field(default_factory=list)


def keep_days_of(fleet: Fleet | None) -> int:
    own = Retention.objects.filter(fleet=fleet).values_list("days", flat=True).first() if fleet else None
    return own or settings.READINGS_KEEP_DAYS


def set_retention(fleet: Fleet, days: int | None) -> int:
    """Keep the fleet's readings for so many days, or for as long as others' are; answers how many days."""
    if days is None:
        Retention.objects.filter(fleet=fleet).delete()
    else:
        Retention.objects.update_or_create(fleet=fleet, defaults={"days": days})
    return keep_days_of(fleet)


def archive_readings(*, now: datetime | None = None) -> list[Archive]:
    """Archive what is older than its fleet wants, oldest first; answers the archives that were made."""
    at = now or timezone.now()
    made: list[Archive] = []
    with only_one() as is_mine:
        if is_mine:
            _discard_unfinished()
            _forget_purged()
            refresh_rollups()
            for day in sorted(existing_days()):
                made += _archive_day(day, at)
    return made


def _archive_day(day: date, now: datetime) -> list[Archive]:
    holders = _due_holders(day, now)
    if not holders.by_fleet and not holders.purged:
        _drop_if_old(day, now)
        return []
    written: dict[Archive, Written] = {}
    for fleet_pk, vehicles in holders.by_fleet.items():
        archive = _begin(fleet_pk, day, vehicles)
        written[archive] = write_archive(archive, vehicles)
    try:
        _take_away(day, written, holders.purged)
    except (DayChanged, OperationalError) as error:
        # What came meanwhile is there for the next run.
        log.warning("day was not archived", day=str(day), reason=str(error).strip()[:200])
        _discard(written)
        return []
    log.info("day archived", day=str(day), readings=sum(one.readings for one in written.values()))
    return list(written)


def _due_holders(day: date, now: datetime) -> Holders:
    ended = datetime.combine(day, time(), UTC) + timedelta(days=1)
    keep: dict[int, int] = dict(Retention.objects.values_list("fleet_id", "days"))
    shortest = min([settings.READINGS_KEEP_DAYS, *keep.values()])
    holders = Holders()
    if ended > now - timedelta(days=shortest):
        return holders
    keys = _keys_of(day)
    if not keys:
        return holders
    keys -= _restored_keys(day, now)
    vehicles = Vehicle.all_objects.in_bulk(keys)
    for key in sorted(keys):
        vehicle = vehicles.get(key)
        if vehicle is None:
            holders.purged.append(key)
        elif ended <= now - timedelta(days=keep.get(vehicle.fleet_id or 0, settings.READINGS_KEEP_DAYS)):
            holders.by_fleet.setdefault(vehicle.fleet_id, {})[key] = vehicle.vehicle_id
    return holders


def _keys_of(day: date) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS.format(day=partition_of(day)))
        return {key for (key,) in cursor.fetchall()}


def _restored_keys(day: date, now: datetime) -> set[int]:
    """Vehicles whose readings of the day were fetched back, or are about to be, and stay for now."""
    held = Archive.objects.filter(
        day=day, status__in=(Archive.Status.RESTORED, Archive.Status.RESTORING), restored_until__gt=now
    )
    return {key for vehicles in held.values_list("vehicles", flat=True) for key in vehicles}


def _begin(fleet_pk: int | None, day: date, vehicles: Iterable[int]) -> Archive:
    """The row comes before the file: no file is ever without one that names it."""
    fleet = Fleet.all_objects.get(pk=fleet_pk) if fleet_pk else None
    return Archive.objects.create(fleet=fleet, day=day, name=name_of(fleet, day), vehicles=sorted(vehicles))


@transaction.atomic
def _take_away(day: date, written: Mapping[Archive, Written], purged: list[int]) -> None:
    """Raises DayChanged where the files do not hold all that is there by now."""
    archived = [key for archive in written for key in archive.vehicles]
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [rollups.LOCK])
        cursor.execute(f"LOCK TABLE {partition_of(day)} IN SHARE ROW EXCLUSIVE MODE")
    _check_whole(day, written, archived)
    _delete(day, [*archived, *purged])
    start, _end = bounds(day)
    of_archived = Rollup.objects.filter(vehicle__in=archived)
    of_archived.filter(width=rollups.DAY, bucket=start).update(archived=True)
    _day_of(of_archived.filter(width=rollups.ARCHIVED), day).delete()
    _day_of(Rollup.objects.filter(vehicle__in=purged), day).delete()
    for archive, told in written.items():
        archive.status, archive.readings = Archive.Status.STORED, told.readings
        archive.size, archive.sha256 = told.size, told.sha256
        archive.save(update_fields=["status", "readings", "size", "sha256"])
    _supersede(day, {*archived, *purged}, except_for=written)


def _check_whole(day: date, written: Mapping[Archive, Written], archived: list[int]) -> None:
    """Nobody deletes readings but we: as many as were written are those that were written."""
    with connection.cursor() as cursor:
        for archive, told in written.items():
            cursor.execute(
                f"SELECT count(*) FROM {partition_of(day)} WHERE vehicle = ANY(%s)", [archive.vehicles]
            )
            count = cursor.fetchone()[0]
            if count != told.readings:
                raise DayChanged(f"{count:,} readings are there, {told.readings:,} were written")
        cursor.execute(IS_STALE, [archived, *bounds(day)])
        if cursor.fetchone()[0]:
            raise DayChanged("their sums are not up to date")


def _delete(day: date, keys: list[int]) -> None:
    table = partition_of(day)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE vehicle <> ALL(%s))", [keys])
        if cursor.fetchone()[0]:
            cursor.execute(f"DELETE FROM {table} WHERE vehicle = ANY(%s)", [keys])
        else:
            # The space is free at once, and a late reading finds its table.
            cursor.execute(f"TRUNCATE {table}")
            cursor.execute(f"COMMENT ON TABLE {table} IS NULL")


def _day_of(rows: QuerySet[Rollup], day: date) -> QuerySet[Rollup]:
    start, end = bounds(day)
    return rows.filter(bucket__gte=start, bucket__lt=end)


def _supersede(day: date, gone: set[int], *, except_for: Iterable[Archive]) -> None:
    """What was fetched back for a while has been archived anew, with what came late: the old file may go."""
    kept = [archive.pk for archive in except_for]
    former = Archive.objects.filter(day=day, status=Archive.Status.RESTORED).exclude(pk__in=kept)
    for archive in former:
        if gone.issuperset(archive.vehicles):
            archive.delete()
            transaction.on_commit(partial(discard_file, archive.name), robust=True)


def _discard_unfinished() -> None:
    _discard(Archive.objects.filter(status=Archive.Status.WRITING))


def _discard(archives: Iterable[Archive]) -> None:
    for archive in archives:
        discard_file(archive.name)
        archive.delete()


def _forget_purged() -> None:
    """A purged vehicle's readings and sums go without an archive."""
    known = Vehicle.all_objects.values("pk")
    purged = list(
        Rollup.objects.filter(width=rollups.DAY)
        .exclude(vehicle__in=known)
        .values_list("vehicle", flat=True)
        .distinct()
    )
    if purged:
        Rollup.objects.filter(vehicle__in=purged).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM telemetry_reading WHERE vehicle = ANY(%s)", [purged])


def _drop_if_old(day: date, now: datetime) -> None:
    if day < (now - DROPPED_AFTER).date() and not _keys_of(day):
        try:
            _drop(day)
        except OperationalError as error:
            log.warning("empty day was not dropped", day=str(day), reason=str(error).strip()[:200])


@transaction.atomic
def _drop(day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [partitions.LOCK])
        cursor.execute(f"LOCK TABLE ONLY {partitions.TABLE}, {partition_of(day)} IN ACCESS EXCLUSIVE MODE")
        if not _keys_of(day):
            cursor.execute(f"DROP TABLE {partition_of(day)}")
