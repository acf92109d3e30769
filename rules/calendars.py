"""Hours of the week in a time zone: from 22:00 to 06:00 on weekdays, in Europe/Berlin."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_WEEK = frozenset(range(7))
DAY_S = 86_400
# 1900; nothing that is asked about is older, whatever a clock says.
EARLIEST = -2_208_988_800.0


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``begins`` (included) to ``ends`` (not), which may be on the next day; equal ones are a whole day.

    ``weekdays`` (0 is Monday) are those on which they begin.
    """

    begins: time
    ends: time
    weekdays: frozenset[int] = ALL_WEEK
    zone: str = "UTC"

    def hold(self, at: float) -> bool:
        """At a time in seconds since 1970."""
        begin, end, _next = _around(self, at)
        return begin <= at < end

    def next_edge(self, after: float) -> float:
        """When they next begin or end."""
        begin, end, next_begin = _around(self, after)
        if after < begin:
            return begin
        return end if after < end else next_begin


def _around(hours: Hours, at: float) -> tuple[float, float, float]:
    """The latest hours that began by then (both bounds), and when the next ones begin."""
    begins, ends = _spans(hours, int(max(at, EARLIEST) // DAY_S))
    place = bisect_right(begins, max(at, EARLIEST))
    return begins[place - 1], ends[place - 1], begins[place]


@lru_cache(maxsize=4_096)
def _spans(hours: Hours, day_number: int) -> tuple[list[float], list[float]]:
    """When they begin and end in the days around a day (counted from 1970, UTC), in order."""
    day = date(1970, 1, 1) + timedelta(days=day_number)
    spans = sorted(span for ahead in range(-9, 11) if (span := _span(hours, day + timedelta(days=ahead))))
    return [begin for begin, _end in spans], [end for _begin, end in spans]


@lru_cache(maxsize=10_000)
def _span(hours: Hours, day: date) -> tuple[float, float] | None:
    """On the day when they begin; clocks that are set forward or back lengthen or shorten them."""
    if day.weekday() not in hours.weekdays:
        return None
    last = day if hours.ends > hours.begins else day + timedelta(days=1)
    zone = ZoneInfo(hours.zone)
    begin, end = datetime.combine(day, hours.begins, zone), datetime.combine(last, hours.ends, zone)
    return begin.astimezone(UTC).timestamp(), end.astimezone(UTC).timestamp()
