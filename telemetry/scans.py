"""Which vehicles' trips and stops are to be found again."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

NOTE = """
    INSERT INTO telemetry_tripscan (vehicle, since, changed_at)
    SELECT vehicle, min(since), clock_timestamp() FROM unnest(%s::int[], %s::timestamptz[]) AS new(vehicle, since)
    GROUP BY vehicle ORDER BY vehicle
    ON CONFLICT (vehicle) DO UPDATE
    SET since = least(telemetry_tripscan.since, excluded.since), changed_at = excluded.changed_at
"""


def note_changed(pairs: Iterable[tuple[int, datetime]]) -> None:
    """Note that these vehicles' readings (by key) changed from these times on; the earliest holds."""
    noted = list(pairs)
    if noted:
        with connection.cursor() as cursor:
            cursor.execute(
                NOTE, [[vehicle for vehicle, _since in noted], [since for _vehicle, since in noted]]
            )
