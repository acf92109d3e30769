"""Hours of the week in a time zone: from 22:00 to 06:00 on weekdays, in Europe/Berlin."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_WEEK = frozenset(range(7))
MOST_KEPT = 1_000


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


class _Kept:
    """The hours that were asked for last, for each calendar: reports come in the order of time, mostly."""

    spans: dict[Hours, tuple[float, float, float]] = {}


def _around(hours: Hours, at: float) -> tuple[float, float, float]:
    """The latest hours that began by then (both bounds), and when the next ones begin."""
    kept = _Kept.spans.get(hours)
    if kept is None or not kept[0] <= at < kept[2]:
        if len(_Kept.spans) > MOST_KEPT:
            _Kept.spans.clear()
        kept = _Kept.spans[hours] = _look_up(hours, at)
    return kept


def _look_up(hours: Hours, at: float) -> tuple[float, float, float]:
    day = datetime.fromtimestamp(at, ZoneInfo(hours.zone)).date()
    spans = [span for ahead in range(-8, 9) if (span := _span(hours, day + timedelta(days=ahead)))]
    begun = [span for span in spans if span[0] <= at]
    begin, end = begun[-1]
    return begin, end, next(span[0] for span in spans if span[0] > at)


@lru_cache(maxsize=10_000)
def _span(hours: Hours, day: date) -> tuple[float, float] | None:
    """On the day when they begin; clocks that are set forward or back lengthen or shorten them."""
    if day.weekday() not in hours.weekdays:
        return None
    last = day if hours.ends > hours.begins else day + timedelta(days=1)
    zone = ZoneInfo(hours.zone)
    begin, end = datetime.combine(day, hours.begins, zone), datetime.combine(last, hours.ends, zone)
    return begin.astimezone(UTC).timestamp(), end.astimezone(UTC).timestamp()
