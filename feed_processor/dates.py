"""Dates and times as files write them. A column is read one way, the way that all its values allow."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
ORDERS = frozenset({"YMD", "DMY", "MDY"})
_YEAR_FIRST = frozenset({"YMD"})

_TIME = (
    r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_NUMERIC = re.compile(
    r"\s*(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})" + _TIME + r"\s*\Z"
)
_NAMED = re.compile(
    r"\s*(?P<day>\d{1,2})[-\s./]*(?P<month>[A-Za-z]{3,9})\.?[-\s,./]*(?P<year>\d{4}|\d{2})" + _TIME + r"\s*\Z"
)
_NAMED_US = re.compile(
    r"\s*(?P<month>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})"
    + _TIME
    + r"\s*\Z"
)
_COMPACT = re.compile(r"\s*(?P<a>(?:19|20)\d{2})(?P<b>\d{2})(?P<c>\d{2})\s*\Z")


def orders_of(text: str) -> frozenset[str]:
    """The orders in which the text is a date; every order where it has a name or needs none."""
    if found := _NUMERIC.match(text):
        possible = _YEAR_FIRST if len(found["a"]) > 2 else ORDERS
        return frozenset(order for order in possible if _numeric_date(found, order) is not None)
    return ORDERS if _named_date(text) else frozenset()


def common_orders(texts: Iterable[str]) -> frozenset[str]:
    """The orders that all texts allow; values that are no date at all do not count."""
    left = ORDERS
    for text in texts:
        left = left & (orders_of(text) or left)
    return left


def settle_order(orders: frozenset[str], preferred: str) -> str:
    """One order for a column: the fleet's where the values leave it open."""
    if preferred in orders or not orders:
        return preferred
    return min(orders, key=("YMD", "DMY", "MDY").index)


def parse_date(text: str, order: str) -> date | None:
    found = _NUMERIC.match(text)
    return _numeric_date(found, order) if found else _named_date(text)


def parse_time(text: str, order: str, zone: ZoneInfo) -> datetime | None:
    """A moment in UTC; a time without an offset is one of ``zone``, a bare date its midnight."""
    found = _NUMERIC.match(text) or _NAMED.match(text) or _NAMED_US.match(text) or _COMPACT.match(text)
    day = parse_date(text, order)
    if found is None or day is None:
        return None
    parts = found.groupdict()
    try:
        clock = _clock(parts)
        offset = _offset(parts.get("zone"))
    except ValueError:
        return None
    local = datetime.combine(day, clock, offset or zone)
    try:
        return local.astimezone(UTC)
    except OverflowError:
        return None


def _numeric_date(found: re.Match[str], order: str) -> date | None:
    a, b, c = found["a"], found["b"], found["c"]
    year, month, day = {"YMD": (a, b, c), "DMY": (c, b, a), "MDY": (c, a, b)}[order]
    if len(day) > 2 or len(month) > 2 or len(year) not in (2, 4) or (order == "YMD" and len(year) != 4):
        return None
    return _date(year, int(month), int(day))


def _named_date(text: str) -> date | None:
    if compact := _COMPACT.match(text):
        return _date(compact["a"], int(compact["b"]), int(compact["c"]))
    found = _NAMED.match(text) or _NAMED_US.match(text)
    month = MONTHS.get(found["month"][:3].lower()) if found else None
    return _date(found["year"], month, int(found["day"])) if found and month else None


def _date(year: str, month: int, day: int) -> date | None:
    try:
        return date(_full_year(year), month, day)
    except ValueError:
        return None


def _full_year(year: str) -> int:
    """Two digits are of this century up to ten years ahead, else of the last one."""
    if len(year) == 4:
        return int(year)
    full = 2000 + int(year)
    return full if full <= datetime.now(UTC).year + 10 else full - 100


def _clock(parts: dict[str, str | None]) -> time:
    if parts.get("hour") is None:
        return time(0)
    hour = int(parts["hour"] or 0)
    if parts.get("half"):
        hour = hour % 12 + (12 if (parts["half"] or "")[0] in "pP" else 0)
    fraction = (parts.get("fraction") or ".0")[1:7].ljust(6, "0")
    return time(hour, int(parts["minute"] or 0), int(parts.get("second") or 0), int(fraction))


def _offset(zone: str | None):  # type: ignore[no-untyped-def]
    if zone is None:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return UTC
    return datetime.strptime(zone.replace(":", ""), "%z").tzinfo
