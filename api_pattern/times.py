"""Times as the API takes and tells them: ISO 8601 with an offset in, UTC with a Z out."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

AHEAD = timedelta(minutes=5)

NOT_A_TIME = _("“{value}” is not a time in ISO 8601 with an offset, such as 2026-03-01T09:30:00Z.")
WITHOUT_OFFSET = _("“{value}” has no offset; add one, such as 2026-03-01T09:30:00Z or …+02:00.")
TOO_FAR_AHEAD = _("“{value}” is more than 5 minutes in the future.")


def parse_time(value: object) -> datetime:
    """The UTC time that ``value`` says; raises ValueError with a sentence for the sender."""
    if isinstance(value, datetime):
        return _in_utc(value, value.isoformat())
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise ValueError(str(NOT_A_TIME).format(value=_short(value)))
    return _in_utc(parsed, _short(value))


def _in_utc(value: datetime, as_sent: str) -> datetime:
    if value.tzinfo is None:
        raise ValueError(str(WITHOUT_OFFSET).format(value=as_sent))
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        # An offset beyond a day, or one that leads out of the years 1 to 9999.
        raise ValueError(str(NOT_A_TIME).format(value=as_sent)) from error


def check_not_ahead(value: datetime) -> datetime:
    """``value``, or ValueError where it lies over 5 minutes ahead."""
    if value > timezone.now() + AHEAD:
        raise ValueError(str(TOO_FAR_AHEAD).format(value=told_time(value)))
    return value


def told_time(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
