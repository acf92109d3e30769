"""Values as pages show them: numbers with units, times as “31 s ago”, statuses as badges."""

import math
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import User
from dashboard import units
from task_management.models import Task
from vehicle_management.models import VehicleStatus

ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)
NOTHING = format_html('<span class="text-placeholder">{}</span>', "–")
# Until then a time is told as how long ago it was; what is older gets its date.
TOLD_AS_AGE = timedelta(days=30)
VEHICLE_LABELS = dict(VehicleStatus.Status.choices)

COLOURS = {
    "MOVING": "green", "IDLE": "yellow", "STOPPED": "azure", "ALERT": "red", "LOW_BATTERY": "orange", "OFFLINE": "gray",
    "created": "blue", "complete": "green", "canceled": "gray",
    "UPLOADED": "azure", "READING": "azure", "REVIEW": "yellow", "APPLYING": "blue", "APPLIED": "green",
    "FAILED": "red", "REVERTED": "gray",
    "PENDING": "azure", "PROCESSING": "blue", "COMPLETED": "green", "DONE": "green", "PARKED": "red",
    "POSTED": "blue", "FOUND": "gray", "WRITING": "azure", "STORED": "gray", "RESTORING": "blue", "RESTORED": "green",
    "DEBUG": "gray", "INFO": "azure", "WARNING": "yellow", "ERROR": "red",
    "unchanged": "gray", "repeated": "purple", "updated": "blue", "failed": "red",
    "LOW": "azure", "MEDIUM": "yellow", "HIGH": "orange", "CRITICAL": "red",
    "OPEN": "red", "ACKNOWLEDGED": "blue", "CLOSED": "gray",
    "ADMINISTRATOR": "purple", "MANAGER": "blue", "OPERATOR": "green",
}  # fmt: skip


def icon(name: str, extra: str = "") -> SafeString:
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        static("vendor/icons.svg"),
        name,
    )


def number(value: float, decimals: int = 0) -> str:
    """Rounded as scripts round: what Django is given unrounded it cuts off."""
    if math.isfinite(value):
        exact_value = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), context=ROUNDING)
        value = ROUNDING.plus(exact_value)  # type: ignore[assignment]
    return str(formats.number_format(value, decimal_pos=decimals, use_l10n=True, force_grouping=True))


def short_number(value: float) -> str:
    """With as many decimals as it has, up to six."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return number(value, len(text.partition(".")[2]))


def minus(told: str) -> str:
    """A number below 0 with the sign that is as wide as its plus."""
    return told.replace("-", "−")


def measure(value: float | None, unit: str, person: User, decimals: int = 0) -> SafeString:
    if value is None:
        return NOTHING
    told = number(units.to_shown(value, unit, person), decimals)
    return format_html('{}<span class="unit">{}</span>', told, units.shown_unit(unit, person))


def meter(value: float | None, label: str = "") -> SafeString:
    """A percentage as a bar with its number."""
    if value is None:
        return NOTHING
    level = "low" if value < 20 else "middle" if value < 40 else "high"
    return format_html(
        '<span class="meter meter-{}"><progress max="100" value="{}" aria-label="{}"></progress>'
        '<span class="meter-number">{}<span class="unit">%</span></span></span>',
        level, f"{value:.0f}", label, number(value),
    )  # fmt: skip


def score_level(value: float) -> str:
    """How good a safety score is, as colours tell it."""
    return "high" if value >= 85 else "middle" if value >= 65 else "low"


def score(value: float | None) -> SafeString:
    """A safety score as a bar with its number."""
    if value is None:
        return NOTHING
    return format_html(
        '<span class="meter meter-{} score-cell"><progress max="100" value="{}" aria-hidden="true"></progress>'
        '<span class="meter-number">{}</span></span>',
        score_level(value), f"{value:.0f}", number(value, 0 if float(value).is_integer() else 1),
    )  # fmt: skip


def harsh(trip: Any) -> SafeString:
    """How many episodes of each kind, as marks."""
    marks = (
        (trip.harsh_braking_episodes, "tabler-circle-arrow-down", "text-red", _("harsh brakings")),
        (trip.rapid_accel_episodes, "tabler-circle-arrow-up", "text-purple", _("rapid accelerations")),
    )
    told = [
        format_html('<span class="harsh" title="{} {}">{}{}</span>', count, label, icon(name, tone), count)
        for count, name, tone, label in marks
        if count
    ]
    if told:
        return format_html("{}" * len(told), *told)
    return NOTHING if trip.safety_score is None else SafeString('<span class="text-secondary">0</span>')


def badge(code: str, label: str) -> SafeString:
    colour = COLOURS.get(code, "gray")
    return format_html('<span class="tag tag-{}"><i class="tag-dot"></i>{}</span>', colour, label)


def status_badge(code: str) -> SafeString:
    return badge(code, str(VEHICLE_LABELS.get(code, code)))


def task_badge(task: Task) -> SafeString:
    """An open task that has missed its due time says so."""
    if task.is_open and task.due_at and task.due_at < timezone.now():
        return badge("ALERT", _("overdue"))
    return badge(task.status, _("open") if task.is_open else str(task.get_status_display()))


def link(address: str, text: Any, extra: str = "") -> SafeString:
    return format_html('<a href="{}" class="{}">{}</a>', address, extra, text)


def exact(at: datetime) -> str:
    return str(formats.date_format(timezone.localtime(at), "j M Y, H:i:s T"))


def moment(at: datetime) -> str:
    """To the minute, in the person's time zone."""
    return str(formats.date_format(timezone.localtime(at), "j M Y, H:i"))


def clock(at: datetime) -> str:
    return str(formats.date_format(timezone.localtime(at), "H:i:s"))


def day(value: date) -> str:
    return str(formats.date_format(value, "j M Y"))


def age(at: datetime, now: datetime | None = None) -> str:
    """“31 s ago”, “in 3 h”, or the date where it is long ago."""
    gap = (now or timezone.now()) - at
    if abs(gap) > TOLD_AS_AGE:
        return day(timezone.localtime(at).date())
    told = _span(abs(gap))
    return _("%(span)s ago") % {"span": told} if gap >= timedelta(0) else _("in %(span)s") % {"span": told}


def _span(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)d min") % {"n": seconds // 60}
    if seconds < 48 * 3600:
        return _("%(n)d h") % {"n": seconds // 3600}
    return _("%(n)d d") % {"n": seconds // 86400}


def ago(at: datetime | None) -> SafeString:
    if at is None:
        return NOTHING
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        at.isoformat(timespec="seconds"), exact(at), age(at),
    )  # fmt: skip


def due(at: datetime | None, *, is_open: bool) -> SafeString:
    """A due time; in red where an open task has missed it."""
    if at is None:
        return NOTHING
    return (
        format_html('<span class="text-danger">{}</span>', ago(at))
        if is_open and at < timezone.now()
        else ago(at)
    )


def plain(value: Any) -> str:
    """Any stored value in words, as histories and attributes show it."""
    if value is None or value == "":
        return "–"
    if value is True or value is False:
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return short_number(value)
    return str(value)


def hours(seconds: float | None) -> str | SafeString:
    """A drive's length: “12 min”, “3 h 05”."""
    if seconds is None:
        return NOTHING
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes} if seconds >= 60 else _("%(n)d s") % {"n": seconds}
    return _("%(hours)s h %(minutes)02d") % {"hours": number(minutes // 60), "minutes": minutes % 60}


def duration(seconds: float) -> str:
    return _("%(n)s s") % {"n": number(seconds, 1)} if seconds < 60 else _span(timedelta(seconds=seconds))


def size(count: int) -> str:
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if count >= factor:
            return f"{number(count / factor, 1)} {unit}"
    return _("%(n)d bytes") % {"n": count}
