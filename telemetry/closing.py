"""Days that are over, rewritten in the order of vehicle and time, so that a vehicle's day lies side by side.

A day is copied while everyone goes on reading and writing it. A trigger notes what comes late meanwhile, and
a short transaction adds that and puts the new table in the old one's place; readings that come in that moment
wait. Whatever breaks on the way leaves the old table as it was. The new table's comment says that it is closed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from api_pattern.times import told_time
from telemetry import partitions, rollups
from telemetry.partitions import TABLE, partition_of
from telemetry.sums import SUMS

log = structlog.get_logger(__name__)

# Vehicles that were out of reach bring most of what they kept within hours.
GRACE = timedelta(hours=6)
LOCK = 7_140
# Whoever waits for the table is waited for: queries behind it would wait too.
LOCKED_WITHIN = "2s"
ATTEMPTS, PAUSE_S = 5, 3.0
# A closed day is rewritten when so many readings came or went since.
CHANGED_SHARE, CHANGED_ROWS = 0.1, 1_000
VEHICLES_AT_ONCE = 1_000

DAYS = f"""
    SELECT inhrelid::regclass::text, greatest(reltuples, 0)::bigint, obj_description(inhrelid, 'pg_class')
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '{TABLE}'::regclass
"""
NOTE_LATE = """
    CREATE OR REPLACE FUNCTION telemetry_note_late() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('INSERT INTO %I SELECT ($1).*', TG_ARGV[0]) USING NEW;
        RETURN NULL;
    END $$
"""
ORDER_ROLLUPS = f"""
    WITH held AS (
        DELETE FROM telemetry_rollup WHERE width IN ({rollups.FIVE_MINUTES}, {rollups.HOUR})
            AND vehicle = ANY(%s) AND bucket >= %s AND bucket < %s
        RETURNING width, vehicle, bucket, {", ".join(SUMS)}, archived
    )
    INSERT INTO telemetry_rollup (width, vehicle, bucket, {", ".join(SUMS)}, archived)
    SELECT * FROM held ORDER BY width, vehicle, bucket
"""


def close_days(*, now: datetime | None = None) -> list[date]:
    """Close the days that are due; answers which were closed. Another process at it leaves nothing to do."""
    closed = []
    with only_one() as is_mine:
        for day in due_days(now or timezone.now()) if is_mine else ():
            if close_day(day):
                closed.append(day)
    if closed:
        _run(f"ANALYZE ONLY {TABLE}")
    return closed


@contextmanager
def only_one() -> Iterator[bool]:
    """True for the one process that rewrites or takes away days now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine and connection.connection is not None:
            _run("SELECT pg_advisory_unlock(%s)", [LOCK])


def due_days(now: datetime) -> list[date]:
    """Days that ended over ``GRACE`` ago and hold readings that are in no order, oldest first."""
    last = (now.astimezone(UTC) - GRACE).date()
    with connection.cursor() as cursor:
        cursor.execute(DAYS)
        days = [(partitions.day_of(name), rows, comment) for name, rows, comment in cursor.fetchall()]
    return sorted(day for day, rows, comment in days if day < last and _is_due(day, rows, comment))


def _is_due(day: date, rows: int, comment: str | None) -> bool:
    if comment is None:
        return bool(_value(f"SELECT EXISTS (SELECT FROM {partition_of(day)})"))
    closed_with: int = orjson.loads(comment)["rows"]
    return abs(rows - closed_with) > max(CHANGED_ROWS, CHANGED_SHARE * closed_with)


def close_day(day: date) -> bool:
    """Rewrite a day; False where its table was in use for too long. The caller is the ``only_one``."""
    old, new, late = (f"{partition_of(day)}{suffix}" for suffix in ("", "_new", "_late"))
    begun = time.monotonic()
    try:
        _forget(old, new, late)
        _patiently(lambda: _note_late(old, late))
        _copy(old, new, day)
        _run(f"VACUUM (FREEZE, ANALYZE) {new}")
        _patiently(lambda: _swap(old, new, late, day))
    except OperationalError as error:
        log.warning("day was not closed", day=str(day), reason=str(error).strip()[:200])
        with suppress(OperationalError):
            _forget(old, new, late)
        return False
    order_rollups(day)
    log.info("day closed", day=str(day), seconds=round(time.monotonic() - begun, 1))
    return True


@transaction.atomic
def _note_late(old: str, late: str) -> None:
    """From this commit on whatever is stored is noted: what was stored before is seen by the copy."""
    _run(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}'")
    _run(NOTE_LATE)
    _run(f"CREATE UNLOGGED TABLE {late} (LIKE {TABLE})")
    _run(
        f"CREATE TRIGGER {late} AFTER INSERT ON {old} FOR EACH ROW EXECUTE FUNCTION telemetry_note_late('{late}')"
    )


@transaction.atomic
def _copy(old: str, new: str, day: date) -> None:
    _run(f"CREATE TABLE {new} (LIKE {TABLE} INCLUDING DEFAULTS)")
    _run(f"INSERT INTO {new} SELECT * FROM {old} ORDER BY vehicle, recorded_at")
    _run(f"ALTER TABLE {new} ADD PRIMARY KEY (vehicle, recorded_at) WITH (fillfactor = 100)")
    # With it the table need not be read when it takes its place.
    _run(
        f"ALTER TABLE {new} ADD CONSTRAINT its_day CHECK (recorded_at >= %s AND recorded_at < %s)",
        list(bounds(day)),
    )


@transaction.atomic
def _swap(old: str, new: str, late: str, day: date) -> None:
    _run(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}'")
    _run("SELECT pg_advisory_xact_lock(%s)", [partitions.LOCK])
    _run(f"ALTER TABLE {TABLE} DETACH PARTITION {old}")
    _run(f"INSERT INTO {new} SELECT * FROM {late} ON CONFLICT DO NOTHING")
    _run(f"DROP TABLE {old}, {late}")
    _run(f"ALTER TABLE {new} RENAME TO {old}")
    _run(f"ALTER INDEX {new}_pkey RENAME TO {old}_pkey")
    _run(f"ALTER TABLE {TABLE} ATTACH PARTITION {old} FOR VALUES FROM (%s) TO (%s)", list(bounds(day)))
    _run(f"ALTER TABLE {old} DROP CONSTRAINT its_day")
    rows = _value(f"SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = '{old}'::regclass")
    noted = orjson.dumps({"closed_at": told_time(timezone.now()), "rows": rows}).decode()
    _run(f"COMMENT ON TABLE {old} IS '{noted}'")


def bounds(day: date) -> tuple[str, str]:
    return f"{day} 00:00+00", f"{day + timedelta(days=1)} 00:00+00"


def _patiently(step: Any) -> None:
    """Try again where the table is in use. Raises OperationalError at last."""
    for attempt in range(ATTEMPTS):
        try:
            return step()
        except OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE_S)
    return None


@transaction.atomic
def _forget(old: str, new: str, late: str) -> None:
    """Take away what a closing that broke may have left: the next one does, where the table is in use now."""
    _run(f"SET LOCAL lock_timeout = '{LOCKED_WITHIN}'")
    if _value(
        f"SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = '{late}' AND tgrelid = '{old}'::regclass)"
    ):
        _run(f"DROP TRIGGER {late} ON {old}")
    _run(f"DROP TABLE IF EXISTS {new}, {late}")


def order_rollups(day: date) -> None:
    """A day's rollups were written bucket by bucket; let each vehicle's lie side by side."""
    start, end = bounds(day)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT vehicle FROM telemetry_rollup WHERE width = %s AND bucket = %s ORDER BY vehicle",
            [rollups.DAY, start],
        )
        vehicles = [vehicle for (vehicle,) in cursor.fetchall()]
    for first in range(0, len(vehicles), VEHICLES_AT_ONCE):
        with transaction.atomic():
            _run("SELECT pg_advisory_xact_lock(%s)", [rollups.LOCK])
            _run(ORDER_ROLLUPS, [vehicles[first : first + VEHICLES_AT_ONCE], start, end])


def _run(sql: str, values: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
