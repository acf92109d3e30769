"""The SQL that sums readings: from the readings themselves, and from sums of shorter spans.

A *piece* is a row ``vehicle``, ``at`` (when its span begins) and ``SUMS``: counts, sums, least and greatest
values, first and last odometer, first and last fix, and the kilometres along the fixes between. Pieces of a
vehicle are put together in the order of ``at``, with the way from one's last fix to the next's first.
Only names of our own columns stand in these texts; values go as parameters.
"""

EARTH_KM = 6_371.0088
MEASURES = (("speed", "speed_kmh"), ("battery", "battery_pct"), ("temp", "engine_temp_c"))
FIXES = ("first_latitude_e6", "first_longitude_e6", "last_latitude_e6", "last_longitude_e6")
SUMS = (
    "readings",
    *(f"{name}_{part}" for name, _column in MEASURES for part in ("count", "sum", "min", "max")),
    "odometer_count",
    "odometer_first",
    "odometer_last",
    "distance_km",
    *FIXES,
)
EPOCH = "'1970-01-01 00:00+00'::timestamptz"


def bucket_of(seconds: int, time: str) -> str:
    """The start of the bucket of that width in which ``time`` lies; buckets begin at multiples since 1970."""
    return f"date_bin('{seconds} seconds', {time}, {EPOCH})"


def kilometres(before: str, after: str) -> str:
    """Along the great circle (haversine) from ``before`` to ``after``: columns' names with a {} for the axis.

    Wrong where one of them is NULL: PostgreSQL's ``least`` leaves it out.
    """
    lat1, lat2 = (f"radians({name.format('latitude')} / 1e6::float8)" for name in (before, after))
    half_lat = f"sin(radians(({after.format('latitude')} - {before.format('latitude')}) / 2e6::float8))"
    half_lon = f"sin(radians(({after.format('longitude')} - {before.format('longitude')}) / 2e6::float8))"
    chord = f"{half_lat} * {half_lat} + cos({lat1}) * cos({lat2}) * {half_lon} * {half_lon}"
    return f"{2 * EARTH_KM} * asin(sqrt(least(1, {chord})))"


def pieces_of_readings(source: str, *, seconds: int = 300) -> str:
    """Pieces, one for each vehicle and bucket, of ``source``: a FROM clause with WHERE, its readings ``r``."""
    return f"""
        SELECT vehicle, at, count(*)::int AS readings, {_measured()},
            count(odometer_km)::int AS odometer_count,
            {_edge("min", "odometer_km", "odometer_km IS NOT NULL", 2)} AS odometer_first,
            {_edge("max", "odometer_km", "odometer_km IS NOT NULL", 2)} AS odometer_last,
            coalesce({_steps("{}_e6", "is_fix")}, 0) AS distance_km,
            max(latitude_e6) FILTER (WHERE is_fix AND before_latitude IS NULL) AS first_latitude_e6,
            max(longitude_e6) FILTER (WHERE is_fix AND before_latitude IS NULL) AS first_longitude_e6,
            max(latitude_e6) FILTER (WHERE is_fix AND is_last) AS last_latitude_e6,
            max(longitude_e6) FILTER (WHERE is_fix AND is_last) AS last_longitude_e6
        FROM (
            SELECT read.*, extract(epoch FROM recorded_at)::float8 AS epoch,
                lag(latitude_e6) OVER fixes AS before_latitude,
                lag(longitude_e6) OVER fixes AS before_longitude,
                lead(1) OVER fixes IS NULL AS is_last
            FROM (
                SELECT r.vehicle, {bucket_of(seconds, "r.recorded_at")} AS at, r.recorded_at, r.odometer_km,
                    r.latitude_e6, r.longitude_e6, r.speed_kmh, r.battery_pct, r.engine_temp_c,
                    r.latitude_e6 IS NOT NULL AND r.longitude_e6 IS NOT NULL AS is_fix
                {source}
            ) AS read
            WINDOW fixes AS (PARTITION BY vehicle, at, is_fix ORDER BY recorded_at)
        ) AS stepped
        GROUP BY vehicle, at
    """


def _measured() -> str:
    return ", ".join(
        f"count({column})::int AS {name}_count, sum({column}::float8) AS {name}_sum, "
        f"min({column})::float8 AS {name}_min, max({column})::float8 AS {name}_max"
        for name, column in MEASURES
    )


def _steps(after: str, has_fix: str) -> str:
    return f"sum({kilometres('before_{}', after)}) FILTER (WHERE {has_fix} AND before_latitude IS NOT NULL)"


def _edge(which: str, value: str, known: str, place: int) -> str:
    """The first (min) or last (max) known ``value`` in the order of ``epoch``."""
    return f"({which}(ARRAY[epoch, {value}]) FILTER (WHERE {known}))[{place}]"


def put_together(pieces: str, *, seconds: int | None = None) -> str:
    """Pieces of buckets of this width, or of each vehicle as a whole, from shorter ``pieces`` (a SELECT)."""
    at = bucket_of(seconds, "at") if seconds else "NULL::timestamptz"
    return f"""
        SELECT vehicle, whole AS at, sum(readings)::int AS readings, {_put_together()},
            sum(odometer_count)::int AS odometer_count,
            {_edge("min", "odometer_first", "odometer_count > 0", 2)} AS odometer_first,
            {_edge("max", "odometer_last", "odometer_count > 0", 2)} AS odometer_last,
            sum(distance_km) + coalesce({_steps("first_{}_e6", "has_fix")}, 0) AS distance_km,
            max(first_latitude_e6) FILTER (WHERE has_fix AND before_latitude IS NULL) AS first_latitude_e6,
            max(first_longitude_e6) FILTER (WHERE has_fix AND before_latitude IS NULL) AS first_longitude_e6,
            max(last_latitude_e6) FILTER (WHERE has_fix AND is_last) AS last_latitude_e6,
            max(last_longitude_e6) FILTER (WHERE has_fix AND is_last) AS last_longitude_e6
        FROM (
            SELECT pieces.*, extract(epoch FROM at)::float8 AS epoch,
                lag(last_latitude_e6) OVER fixes AS before_latitude,
                lag(last_longitude_e6) OVER fixes AS before_longitude,
                lead(1) OVER fixes IS NULL AS is_last
            FROM (
                SELECT shorter.*, {at} AS whole, first_latitude_e6 IS NOT NULL AS has_fix
                FROM ({pieces}) AS shorter
            ) AS pieces
            WINDOW fixes AS (PARTITION BY vehicle, whole, has_fix ORDER BY at)
        ) AS stepped
        GROUP BY vehicle, whole
    """


def _put_together() -> str:
    return ", ".join(
        f"sum({name}_count)::int AS {name}_count, sum({name}_sum) AS {name}_sum, "
        f"min({name}_min) AS {name}_min, max({name}_max) AS {name}_max"
        for name, _column in MEASURES
    )
