"""The days of the readings' table: each is a partition, made before its first reading comes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

TABLE = "telemetry_reading"
# While a day is made or taken away, nobody else does either.
LOCK = 7_120
AHEAD = timedelta(days=3)


def partition_of(day: date) -> str:
    return f"{TABLE}_{day:%Y%m%d}"


def day_of(partition: str) -> date:
    """The day (UTC) of a partition's name."""
    return datetime.strptime(partition.removeprefix(f"{TABLE}_"), "%Y%m%d").replace(tzinfo=UTC).date()


def existing_days() -> set[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [TABLE]
        )
        return {day_of(name) for (name,) in cursor.fetchall()}


def make_days(days: Iterable[date]) -> list[date]:
    """Make the partitions of ``days`` that are missing; answers which were made.

    A table is made by itself and then attached, which lets everyone go on reading and writing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        missing = sorted(set(days) - existing_days())
        for day in missing:
            name = partition_of(day)
            cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING INDEXES)")
            cursor.execute(
                f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
                [f"{day} 00:00+00", f"{day + timedelta(days=1)} 00:00+00"],
            )
    return missing


def make_days_ahead(now: datetime) -> list[date]:
    """Yesterday's to those of the next days, so that no reading waits for its table."""
    today = now.astimezone(UTC).date()
    return make_days(today + timedelta(days=offset) for offset in range(-1, AHEAD.days + 1))
