"""Sums of readings by bucket: of five minutes from the readings, of hours from those, of days from the hours.

Whoever stores readings appends what went stale in the same transaction. The one who rolls up (an advisory lock
sees to it that there is one) takes these marks first, and reads the readings in later statements, which see
all that the marks tell of. So a bucket without a mark always says what its readings say.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Max

from telemetry.models import StaleBuckets
from telemetry.scans import note_changed
from telemetry.sums import SUMS, bucket_of, pieces_of_readings, put_together

FIVE_MINUTES, HOUR, DAY = 300, 3_600, 86_400
# What an archived vehicle's five minutes held when its readings were taken away.
ARCHIVED = -FIVE_MINUTES
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK = 7_130
MOST_MARKS = 500
MOST_PAIRS = 5_000

Pair = tuple[int, datetime]
"""A vehicle's key and the start of a bucket."""

TAKE = """
    DELETE FROM telemetry_stalebuckets WHERE id IN (
        SELECT id FROM telemetry_stalebuckets WHERE id <= %s ORDER BY id LIMIT %s
    ) RETURNING vehicles, buckets
"""
WANTED = "unnest(%(vehicles)s::int[], %(buckets)s::timestamptz[]) AS wanted(vehicle, bucket)"
COLUMNS = ", ".join(SUMS)
STORE = f"""
    WITH new AS MATERIALIZED ({{new}}), gone AS (
        DELETE FROM telemetry_rollup AS old USING {WANTED}
        WHERE old.width = {{width}} AND old.vehicle = wanted.vehicle AND old.bucket = wanted.bucket
            AND NOT EXISTS (SELECT FROM new WHERE new.vehicle = old.vehicle AND new.at = old.bucket)
    )
    INSERT INTO telemetry_rollup (width, vehicle, bucket, {COLUMNS})
    SELECT {{width}}, vehicle, at, {COLUMNS} FROM new ORDER BY vehicle, at
    ON CONFLICT (width, vehicle, bucket) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in SUMS)}
"""
READINGS = f"""
    FROM {WANTED} JOIN telemetry_reading AS r ON r.vehicle = wanted.vehicle
        AND r.recorded_at >= wanted.bucket AND r.recorded_at < wanted.bucket + interval '300 seconds'
        AND {bucket_of(FIVE_MINUTES, "r.recorded_at")} = wanted.bucket
    WHERE r.recorded_at >= %(start)s AND r.recorded_at < %(end)s
"""
KEPT = f"""
    SELECT kept.vehicle, kept.bucket AS at, {COLUMNS} FROM telemetry_rollup AS kept JOIN {WANTED}
        ON kept.width = {ARCHIVED} AND kept.vehicle = wanted.vehicle AND kept.bucket = wanted.bucket
"""
SHORTER = f"""
    SELECT r.vehicle, r.bucket AS at, {COLUMNS} FROM {WANTED} JOIN telemetry_rollup AS r
        ON r.width = {{shorter}} AND r.vehicle = wanted.vehicle
        AND r.bucket >= wanted.bucket AND r.bucket < wanted.bucket + interval '{{width}} seconds'
"""
KEEP = f"""
    INSERT INTO telemetry_rollup (width, vehicle, bucket, {COLUMNS})
    SELECT {ARCHIVED}, old.vehicle, old.bucket, {", ".join(f"old.{name}" for name in SUMS)}
    FROM telemetry_rollup AS old JOIN {WANTED}
        ON old.width = {FIVE_MINUTES} AND old.vehicle = wanted.vehicle AND old.bucket = wanted.bucket
    JOIN telemetry_rollup AS day ON day.width = {DAY} AND day.vehicle = old.vehicle
        AND day.bucket = {bucket_of(DAY, "old.bucket")} AND day.archived
    ON CONFLICT DO NOTHING
"""
HAS_KEPT = f"SELECT EXISTS ({KEPT})"


def refresh_rollups(
    *, most_marks: int = MOST_MARKS, ended_before: datetime | None = None, is_patient: bool = True
) -> int:
    """Bring the rollups up to what is marked by now; answers how many 5-minute buckets were summed anew.

    ``most_marks`` are taken in one transaction. With ``ended_before`` buckets that end later stay marked:
    more readings are about to come for them. Where another process rolls up, this one waits if it is
    patient, else it leaves the work to that one.
    """
    newest = StaleBuckets.objects.aggregate(newest=Max("pk"))["newest"] or 0
    total = 0
    while True:
        taken, summed = _turn(newest, most_marks, ended_before, is_patient=is_patient)
        total += summed
        if taken < most_marks:
            return total


@transaction.atomic
def _turn(
    newest: int, most_marks: int, ended_before: datetime | None, *, is_patient: bool
) -> tuple[int, int]:
    """How many marks were taken, and how many buckets summed."""
    if not _is_mine(is_patient=is_patient):
        return 0, 0
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [newest, most_marks])
        marks = cursor.fetchall()
    pairs = {pair for vehicles, buckets in marks for pair in zip(vehicles, buckets, strict=True)}
    due = pairs
    if ended_before is not None:
        begun_before = ended_before - timedelta(seconds=FIVE_MINUTES)
        due = {pair for pair in pairs if pair[1] <= begun_before}
    mark_stale(pairs - due)
    sum_anew(due)
    note_changed(due)
    return len(marks), len(due)


def _is_mine(*, is_patient: bool) -> bool:
    with connection.cursor() as cursor:
        if is_patient:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def mark_stale(pairs: Iterable[Pair]) -> None:
    """Let these 5-minute buckets be summed anew."""
    ordered = sorted(pairs)
    StaleBuckets.objects.bulk_create(
        StaleBuckets(vehicles=[one for one, _bucket in some], buckets=[bucket for _one, bucket in some])
        for some in (ordered[first : first + MOST_PAIRS] for first in range(0, len(ordered), MOST_PAIRS))
    )


def sum_anew(pairs: Iterable[Pair]) -> None:
    """Sum these 5-minute buckets, and the hours and days that they lie in. The caller holds ``LOCK``."""
    by_day = sorted(pairs, key=lambda pair: (floor_time(pair[1], DAY), pair))
    for day, of_day in groupby(by_day, key=lambda pair: floor_time(pair[1], DAY)):
        wanted = list(of_day)
        _sum_five_minutes(wanted, day)
        for width, shorter in ((HOUR, FIVE_MINUTES), (DAY, HOUR)):
            wanted = sorted({(vehicle, floor_time(bucket, width)) for vehicle, bucket in wanted})
            new = put_together(SHORTER.format(shorter=shorter, width=width), seconds=width)
            _run(STORE.format(new=new, width=width), wanted)


def _sum_five_minutes(wanted: Sequence[Pair], day: datetime) -> None:
    span = {"start": day, "end": day + timedelta(days=1)}
    _run(KEEP, wanted)
    new = pieces_of_readings(READINGS, seconds=FIVE_MINUTES)
    if _run(HAS_KEPT, wanted) == (True,):
        # What was archived, and after it what came late.
        late = f"SELECT vehicle, at + interval '1 second' AS at, {COLUMNS} FROM ({new}) AS late"
        new = put_together(f"{KEPT} UNION ALL {late}", seconds=FIVE_MINUTES)
    _run(STORE.format(new=new, width=FIVE_MINUTES), wanted, **span)


def _run(sql: str, wanted: Sequence[Pair], **values: datetime) -> tuple[object, ...] | None:
    """The first row of the answer, where there is an answer."""
    vehicles, buckets = [one for one, _bucket in wanted], [bucket for _one, bucket in wanted]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"vehicles": vehicles, "buckets": buckets, **values})
        return cursor.fetchone() if cursor.description else None


def floor_time(time: datetime, seconds: int) -> datetime:
    """The start of the bucket of that width in which ``time`` lies."""
    width = timedelta(seconds=seconds)
    return EPOCH + (time - EPOCH) // width * width
