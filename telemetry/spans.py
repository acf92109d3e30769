"""The exact sums of any span of time, put together from days, hours, five minutes and single readings.

What is marked stale is summed from its readings, so that an answer never depends on when the rollups were
last brought up to date. Readings that are stored while a question is being answered may be missing from it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from api_pattern.exceptions import Unprocessable
from telemetry.models import Archive, Rollup
from telemetry.rollups import DAY, FIVE_MINUTES, HOUR, Pair, floor_time
from telemetry.sums import FIXES, SUMS, bucket_of, pieces_of_readings, put_together

Span = tuple[datetime, datetime]
WIDTHS = (FIVE_MINUTES, HOUR, DAY)
READINGS = 0
COLUMNS = ", ".join(SUMS)
TOLD = SUMS[: -len(FIXES)]
OF_READINGS = """r.vehicle, r.recorded_at, r.odometer_km, r.latitude_e6, r.longitude_e6, r.speed_kmh, r.battery_pct,
    r.engine_temp_c"""

# What an archived vehicle's readings of a day were is known by its rollups alone.
STALE = f"""
    SELECT DISTINCT stale.vehicle, stale.bucket
    FROM telemetry_stalebuckets AS mark, unnest(mark.vehicles, mark.buckets) AS stale(vehicle, bucket)
    WHERE stale.vehicle = ANY(%s) AND stale.bucket >= %s AND stale.bucket < %s AND NOT EXISTS (
        SELECT FROM telemetry_rollup AS day WHERE day.width = {DAY} AND day.vehicle = stale.vehicle
            AND day.bucket = {bucket_of(DAY, "stale.bucket")} AND day.archived
    )
"""


@dataclass(frozen=True)
class Cut:
    """A span cut so that each part is read where it is quickest.

    ``parts`` are spans by the width of the rollups that they are read from (0: from the readings);
    ``stale`` are buckets by width, inside these spans, that are to be read from something shorter. With
    ``has_archived`` some of the single readings may lie in archives.
    """

    vehicles: Sequence[int]
    parts: dict[int, list[Span]]
    stale: dict[int, list[Pair]]
    has_archived: bool = False


def cut_span(vehicles: Sequence[int], start: datetime, end: datetime, *, longest: int = DAY) -> Cut:
    """``longest`` is the width of the longest rollups to be used (0: none)."""
    parts, inner = _parts(start, end, [width for width in WIDTHS if width <= longest])
    stale: dict[int, list[Pair]] = {}
    if inner:
        with connection.cursor() as cursor:
            cursor.execute(STALE, [list(vehicles), *inner[FIVE_MINUTES]])
            pairs = cursor.fetchall()
        for width, (first, last) in inner.items() if pairs else ():
            buckets = {(vehicle, floor_time(bucket, width)) for vehicle, bucket in pairs}
            stale[width] = sorted(pair for pair in buckets if first <= pair[1] < last)
    days = {day for span in parts.get(READINGS, ()) for day in _days(*span)}
    has_archived = bool(days) and Archive.objects.filter(day__in=days).exists()
    return Cut(vehicles, parts, {width: pairs for width, pairs in stale.items() if pairs}, has_archived)


def _days(start: datetime, end: datetime) -> Iterator[date]:
    day = floor_time(start, DAY)
    while day < end:
        yield day.date()
        day += timedelta(days=1)


def _parts(
    start: datetime, end: datetime, widths: Sequence[int]
) -> tuple[dict[int, list[Span]], dict[int, Span]]:
    """The parts by width, and for each width the whole that consists of its buckets."""
    parts: dict[int, list[Span]] = {}
    inner: dict[int, Span] = {}
    whole, shorter = (start, end), READINGS
    for width in widths:
        first, last = _ceiling(whole[0], width), floor_time(whole[1], width)
        if first >= last:
            break
        parts[shorter] = [(whole[0], first), (last, whole[1])]
        whole = inner[width] = (first, last)
        shorter = width
    parts[shorter] = [whole]
    return {width: [span for span in spans if span[0] < span[1]] for width, spans in parts.items()}, inner


def _ceiling(time: datetime, seconds: int) -> datetime:
    floor = floor_time(time, seconds)
    return floor if floor == time else floor + timedelta(seconds=seconds)


class Pieces:
    """The SELECT of all pieces of a cut, and its parameters; single readings come in pieces of ``seconds``."""

    def __init__(self, cut: Cut, *, seconds: int = FIVE_MINUTES) -> None:
        self.values: dict[str, Any] = {"vehicles": list(cut.vehicles)}
        self._cut = cut
        selects = [
            *(self._rollups(width, span) for width in WIDTHS for span in cut.parts.get(width, ())),
            *(self._shorter(width) for width in (DAY, HOUR) if width in cut.stale),
        ]
        sources = [self._readings(span) for span in cut.parts.get(READINGS, ())]
        sources += [self._stale_readings(run) for run in _runs_of_days(cut.stale.get(FIVE_MINUTES, ()))]
        if sources:
            pieces = pieces_of_readings(f"FROM ({' UNION ALL '.join(sources)}) AS r", seconds=seconds)
            selects.append(f"SELECT vehicle, at, {COLUMNS} FROM ({pieces}) AS of_readings")
        if cut.has_archived:
            selects += [self._archived(span) for span in cut.parts.get(READINGS, ())]
        self.select = " UNION ALL ".join(selects)

    @property
    def stale_tables(self) -> str:
        """A WITH clause for the query that the SELECT stands in."""
        tables = ", ".join(
            f"stale_{width} AS MATERIALIZED (SELECT * FROM unnest({self._name([one for one, _at in pairs])}::int[], "
            f"{self._name([at for _one, at in pairs])}::timestamptz[]) AS stale(vehicle, bucket))"
            for width, pairs in self._cut.stale.items()
        )
        return f"WITH {tables}" if tables else ""

    def _name(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def _rollups(self, width: int, span: Span) -> str:
        return f"""
            SELECT r.vehicle, r.bucket AS at, {COLUMNS} FROM telemetry_rollup AS r
            WHERE r.width = {width} AND r.vehicle = ANY(%(vehicles)s)
                AND r.bucket >= {self._name(span[0])} AND r.bucket < {self._name(span[1])} {self._fresh(width)}
        """

    def _shorter(self, width: int) -> str:
        """The parts of the stale buckets of this width."""
        shorter = WIDTHS[WIDTHS.index(width) - 1]
        return f"""
            SELECT r.vehicle, r.bucket AS at, {COLUMNS} FROM stale_{width} AS stale JOIN telemetry_rollup AS r
                ON r.width = {shorter} AND r.vehicle = stale.vehicle
                AND r.bucket >= stale.bucket AND r.bucket < stale.bucket + interval '{width} seconds'
            WHERE true {self._fresh(shorter)}
        """

    def _fresh(self, width: int) -> str:
        if width not in self._cut.stale:
            return ""
        return f"""AND NOT EXISTS (
            SELECT FROM stale_{width} AS old WHERE old.vehicle = r.vehicle AND old.bucket = r.bucket
        )"""

    def _readings(self, span: Span) -> str:
        return f"""
            SELECT {OF_READINGS} FROM telemetry_reading AS r WHERE r.vehicle = ANY(%(vehicles)s)
                AND r.recorded_at >= {self._name(span[0])} AND r.recorded_at < {self._name(span[1])}
                {"AND NOT " + _is_archived("r.recorded_at") if self._cut.has_archived else ""}
        """

    def _archived(self, span: Span) -> str:
        """Five minutes are all that is known there: those that the span begins and ends in count as a whole."""
        return f"""
            SELECT r.vehicle, r.bucket AS at, {COLUMNS} FROM telemetry_rollup AS r
            WHERE r.width = {FIVE_MINUTES} AND r.vehicle = ANY(%(vehicles)s)
                AND r.bucket >= {self._name(floor_time(span[0], FIVE_MINUTES))} AND r.bucket < {self._name(span[1])}
                AND {_is_archived("r.bucket")}
        """

    def _stale_readings(self, run: Span) -> str:
        return f"""
            SELECT {OF_READINGS} FROM stale_{FIVE_MINUTES} AS stale JOIN telemetry_reading AS r
                ON r.vehicle = stale.vehicle AND r.recorded_at >= stale.bucket
                AND r.recorded_at < stale.bucket + interval '{FIVE_MINUTES} seconds'
                AND {bucket_of(FIVE_MINUTES, "r.recorded_at")} = stale.bucket
            WHERE r.recorded_at >= {self._name(run[0])} AND r.recorded_at < {self._name(run[1])}
        """


def _is_archived(time: str) -> str:
    return f"""EXISTS (
        SELECT FROM telemetry_rollup AS day WHERE day.width = {DAY} AND day.vehicle = r.vehicle
            AND day.bucket = {bucket_of(DAY, time)} AND day.archived
    )"""


def _runs_of_days(pairs: Sequence[Pair]) -> list[Span]:
    """The days of ``pairs``, those in a row as one span: other days' tables are left alone."""
    runs: list[Span] = []
    for day in sorted({floor_time(bucket, DAY) for _vehicle, bucket in pairs}):
        start = runs.pop()[0] if runs and runs[-1][1] == day else day
        runs.append((start, day + timedelta(days=1)))
    return runs


def sums_of(vehicles: Sequence[int], start: datetime, end: datetime) -> dict[int, dict[str, Any]]:
    """``TOLD`` by name from ``start`` (included) to ``end`` (not), by vehicle's key; without a reading, none."""
    pieces = Pieces(cut_span(vehicles, start, end))
    # What is not asked for is not computed: half the time goes into the fixes at both ends.
    sql = f"""
        {pieces.stale_tables} SELECT vehicle, {", ".join(TOLD)} FROM ({put_together(pieces.select)}) AS whole
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, pieces.values)
        return {key: dict(zip(TOLD, sums, strict=True)) for key, *sums in cursor.fetchall()}


def series_of(vehicle: int, start: datetime, end: datetime, *, seconds: int, measure: str) -> str:
    """JSON of ``[{bucket, avg_value, max_value, min_value}]``, oldest first, of a measure (``speed``, …).

    Buckets begin at multiples of ``seconds`` since 1970; those without a value are left out. PostgreSQL writes
    the text: reading thousands of rows and writing them in Python takes three times as long as finding them.
    Raises Unprocessable where other buckets than those of five minutes are wanted of archived readings.
    """
    if seconds % FIVE_MINUTES:
        _refuse_archived(vehicle, start, end)
    longest = max((width for width in (FIVE_MINUTES, HOUR) if seconds % width == 0), default=READINGS)
    shortest = FIVE_MINUTES if longest else seconds
    pieces = Pieces(cut_span([vehicle], start, end, longest=longest), seconds=shortest)
    sql = f"""
        {pieces.stale_tables}
        SELECT '[' || coalesce(string_agg(
            '{{"bucket":"' || to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                || '","avg_value":' || {_rounded("mean")} || ',"max_value":' || {_rounded("most")}
                || ',"min_value":' || {_rounded("least")} || '}}',
            ',' ORDER BY bucket
        ), '') || ']' FROM ({_series(pieces.select, measure, seconds, is_whole=seconds == shortest)}) AS series
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, pieces.values)
        return str(cursor.fetchone()[0])


def _refuse_archived(vehicle: int, start: datetime, end: datetime) -> None:
    archived = Rollup.objects.filter(width=DAY, vehicle=vehicle, archived=True, bucket__lt=end)
    first = archived.filter(bucket__gte=floor_time(start, DAY)).order_by("bucket").first()
    if first is not None:
        told = _(
            "The readings of %(day)s lie in an archive, of which sums of five minutes are at hand: ask for a"
            " multiple of 5 minutes, or have the archive restored."
        )
        message = told % {"day": first.bucket.date().isoformat()}
        raise Unprocessable(message, {"bucket_minutes": [message]})


def _series(pieces: str, measure: str, seconds: int, *, is_whole: bool) -> str:
    """Of pieces that are buckets as a whole, or parts of them."""
    if is_whole:
        return f"""
            SELECT at AS bucket, {measure}_sum / {measure}_count AS mean, {measure}_max AS most,
                {measure}_min AS least
            FROM ({pieces}) AS pieces WHERE {measure}_count > 0
        """
    return f"""
        SELECT {bucket_of(seconds, "at")} AS bucket, sum({measure}_sum) / sum({measure}_count) AS mean,
            max({measure}_max) AS most, min({measure}_min) AS least
        FROM ({pieces}) AS pieces GROUP BY bucket HAVING sum({measure}_count) > 0
    """


def _rounded(name: str) -> str:
    return f"(round({name} * 100) / 100)"
