"""The span of time of a report: named or given, in the person's time zone, kept in the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from api_pattern.ranges import LONGEST
from dashboard.shown import moment

# How a browser's input of a date and a time writes it.
MOMENT = "%Y-%m-%dT%H:%M"
USUAL = "7d"
DAYS_BACK = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29}
LABELS: Mapping[str, str | Promise] = {
    "today": gettext_lazy("Today"),
    "yesterday": gettext_lazy("Yesterday"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "custom": gettext_lazy("From … to …"),
}
# The longest span that is shown at so many minutes a bucket, unless the person chooses.
USUAL_BUCKETS = ((timedelta(hours=6), 1), (timedelta(days=2), 5), (timedelta(days=9), 30))
BUCKETS = (1, 5, 15, 30, 60)


@dataclass(frozen=True)
class Range:
    """From ``start`` (included) to ``end`` (not); ``error`` says why it is not the one that was asked for."""

    key: str
    start: datetime
    end: datetime
    bucket_minutes: int
    is_bucket_chosen: bool = False
    error: str = ""

    @property
    def told(self) -> str:
        return f"{moment(self.start)} – {moment(self.end)}"

    @property
    def start_text(self) -> str:
        return timezone.localtime(self.start).strftime(MOMENT)

    @property
    def end_text(self) -> str:
        return timezone.localtime(self.end).strftime(MOMENT)

    @property
    def before(self) -> "Range":
        """As long a span, up to this one, for comparison."""
        return Range(self.key, self.start - (self.end - self.start), self.start, self.bucket_minutes)

    @property
    def parameters(self) -> dict[str, str]:
        """What of it stands in an address that goes on meaning “the last 7 days”."""
        told = {"range": self.key}
        if self.key == "custom":
            told |= {"from": self.start_text, "to": self.end_text}
        return told | ({"bucket": str(self.bucket_minutes)} if self.is_bucket_chosen else {})

    @property
    def absolute(self) -> dict[str, str]:
        """The very same span for whoever opens the address, whenever and wherever."""
        times = {"from": self.start, "to": self.end}
        return {"range": "custom"} | {
            name: timezone.localtime(at).isoformat(timespec="minutes") for name, at in times.items()
        }

    @property
    def api_query(self) -> str:
        """The span as the API's paths take it."""
        return urlencode({"from": self.start.isoformat(), "to": self.end.isoformat()})


def range_of(asked: Mapping[str, Any], *, usual: str = USUAL) -> Range:
    """The range of an address, in the current time zone. What cannot be read is told in ``error``."""
    key = asked.get("range") or ("custom" if asked.get("from") else usual)
    minutes = _bucket(asked.get("bucket"))
    try:
        start, end = _custom(asked) if key == "custom" else _named(key)
    except ValueError as error:
        key = usual
        start, end = _named(key)
        return Range(key, start, end, minutes or usual_bucket(end - start), bool(minutes), str(error))
    return Range(key, start, end, minutes or usual_bucket(end - start), bool(minutes))


def usual_bucket(span: timedelta) -> int:
    return next((minutes for longest, minutes in USUAL_BUCKETS if span <= longest), 60)


def _bucket(text: str | None) -> int | None:
    return int(text) if text in {str(minutes) for minutes in BUCKETS} else None


def _named(key: str) -> tuple[datetime, datetime]:
    """Whole days of the person's calendar, the current one up to now."""
    if key not in DAYS_BACK:
        told = _("There is no range “%(key)s”; there are: %(known)s.")
        raise ValueError(told % {"key": key[:30], "known": ", ".join(LABELS)})
    now = timezone.now()
    start = _midnight(DAYS_BACK[key])
    return (start, _midnight(0)) if key == "yesterday" else (start, max(now, start + timedelta(minutes=1)))


def _midnight(days_back: int) -> datetime:
    day = timezone.localtime().date() - timedelta(days=days_back)
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())


def _custom(asked: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = _time(asked, "from"), _time(asked, "to")
    if start >= end:
        told = _("The report's beginning, %(start)s, does not lie before its end, %(end)s.")
        raise ValueError(told % {"start": moment(start), "end": moment(end)})
    if end - start > LONGEST:
        raise ValueError(_("A report covers up to 400 days; choose a shorter span."))
    return start, end


def _time(asked: Mapping[str, Any], name: str) -> datetime:
    """A time of the person's clock, or any with an offset. Raises ValueError with a sentence."""
    text = str(asked.get(name) or "")
    try:
        # A “+” that was not encoded arrives as a space.
        at = datetime.fromisoformat(text.strip().replace(" ", "+"))
        # An offset may push the first and the last days over the calendar's end.
        at = at if at.tzinfo else timezone.make_aware(at)
        timezone.localtime(at)
    except (ValueError, OverflowError) as error:
        told = _("“%(text)s” is not a time such as 2026-11-21T08:00.")
        raise ValueError(told % {"text": text[:40]}) from error
    return at
