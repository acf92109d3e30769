"""Words and figures as the pages show them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vehicle_management.attributes import STATUS_ATTRIBUTES

register = template.Library()

KM_PER_MILE = 1.609344
STATUS_COLOURS = {
    "MOVING": "green", "IDLE": "yellow", "STOPPED": "azure", "ALERT": "red", "LOW_BATTERY": "orange", "OFFLINE": "secondary",
    "APPLIED": "green", "FAILED": "red", "REVIEW": "yellow", "APPLYING": "blue", "READING": "blue", "UPLOADED": "secondary",
    "created": "blue", "complete": "green", "canceled": "secondary",
    "DONE": "green", "PENDING": "blue", "PARKED": "orange",
    "updated": "blue", "unchanged": "secondary", "repeated": "yellow", "failed": "red",
}  # fmt: skip
ICONS = {
    "overview": "tabler-layout-dashboard", "vehicles": "tabler-truck", "customers": "tabler-building",
    "files": "tabler-file-upload", "tasks": "tabler-checklist", "rules": "tabler-bolt", "people": "tabler-users",
    "keys": "tabler-key", "fleets": "tabler-stack-2", "admin": "tabler-settings", "search": "tabler-search",
    "moon": "tabler-moon", "upload": "tabler-upload", "download": "tabler-download", "plus": "tabler-plus",
}  # fmt: skip
ENTRIES = (
    ("overview", "/", gettext_lazy("Overview")),
    ("vehicles", "/vehicles", gettext_lazy("Vehicles")),
    ("customers", "/customers", gettext_lazy("Customers")),
    ("files", "/files", gettext_lazy("Files")),
    ("tasks", "/tasks", gettext_lazy("Tasks")),
    ("rules", "/rules", gettext_lazy("Rules")),
)
ADMINISTRATORS_ENTRIES = (
    ("people", "/people", gettext_lazy("People")),
    ("keys", "/keys", gettext_lazy("Keys")),
    ("fleets", "/fleets", gettext_lazy("Fleets")),
    ("admin", "/admin/", gettext_lazy("Admin")),
)


@register.simple_tag(takes_context=True)
def navigation(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    request = context["request"]
    entries = (*ENTRIES, *(ADMINISTRATORS_ENTRIES if request.user.is_administrator else ()))
    here = request.path
    return [
        {
            "name": name,
            "path": path,
            "label": label,
            "icon": name,
            "is_here": here == path or (path != "/" and here.startswith(path)),
        }
        for name, path, label in entries
    ]


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>',
        static("vendor/icons.svg"),
        ICONS[name],
    )


@register.simple_tag(takes_context=True)
def ago(context: Mapping[str, Any], at: datetime | str | None) -> SafeString | str:
    """“31 s ago”, with the exact time in the person's zone on hover."""
    if at is None or at == "":
        return "–"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    zone = ZoneInfo(getattr(context["request"].user, "time_zone", "UTC") or "UTC")
    exact = moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, since(moment))


def since(moment: datetime) -> str:
    seconds = (timezone.now() - moment).total_seconds()
    ahead = seconds < -1
    seconds = abs(seconds)
    for size, unit in ((86_400, _("d")), (3_600, _("h")), (60, _("min")), (1, _("s"))):
        if seconds >= size:
            words = {"n": int(seconds // size), "unit": unit}
            return _("in %(n)d %(unit)s") % words if ahead else _("%(n)d %(unit)s ago") % words
    return _("now")


@register.simple_tag(takes_context=True)
def quantity(context: Mapping[str, Any], name: str, value: Any) -> str:
    """An attribute's value with its unit, in the person's choice of units."""
    if value is None:
        return "–"
    attribute = STATUS_ATTRIBUTES.get(name)
    if attribute is None or not isinstance(value, (int, float)):
        return str(value)
    number, unit = float(value), attribute.unit
    if getattr(context["request"].user, "units", "METRIC") == "IMPERIAL":
        number, unit = imperial(number, unit)
    digits = 6 if unit == "°" and name != "heading_deg" else 1 if number % 1 else 0
    return f"{number:,.{digits}f} {unit}".strip()


def imperial(number: float, unit: str) -> tuple[float, str]:
    if unit == "km":
        return number / KM_PER_MILE, "mi"
    if unit == "km/h":
        return number / KM_PER_MILE, "mph"
    return (number * 9 / 5 + 32, "°F") if unit == "°C" else (number, unit)


@register.simple_tag
def badge(value: str | None, label: str | None = None) -> SafeString | str:
    if not value:
        return "–"
    shown = label or value.replace("_", " ").lower()
    return format_html(
        '<span class="badge bg-{}-lt">{}</span>', STATUS_COLOURS.get(value, "secondary"), shown
    )


@register.filter
def thousands(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else "–"


@register.simple_tag
def told_cause(cause: Mapping[str, Any] | None) -> SafeString | str:
    """Who or what: a file's row, a person, a key, a rule or a message, with the way there."""
    if not cause:
        return _("made before histories were kept")
    parts = [CAUSES[cause["kind"]](cause)] if cause.get("kind") in CAUSES else [str(cause.get("kind"))]
    return format_html_join("", "{}", ((part,) for part in parts))


def _of_upload(cause: Mapping[str, Any]) -> SafeString:
    row = cause.get("row")
    name = format_html('<a href="/files/{}">{}</a>', cause["upload_id"], cause["name"])
    if row:
        link = f"/files/{cause['upload_id']}?row={row}#row-{row}"
        name = format_html('<a href="{}">{} {}</a> {} {}', link, _("row"), f"{row:,}", _("of"), name)
    return format_html("{}, {} {}", name, _("uploaded by"), cause.get("uploaded_by", ""))


def _of_rule(cause: Mapping[str, Any]) -> SafeString:
    rule = format_html(
        '{} <a href="/rules/{}">{}</a>',
        _("rule"),
        cause.get("rule_id", ""),
        cause.get("name", cause.get("rule_id", "")),
    )
    if cause.get("firing_id"):
        return format_html(
            '<a href="/firings/{}">{} {}</a>, {}', cause["firing_id"], _("firing"), cause["firing_id"], rule
        )
    return rule


CAUSES: dict[str, Any] = {
    "upload": _of_upload,
    "rule": _of_rule,
    "user": lambda cause: cause.get("email", _("a person")),
    "api_key": lambda cause: _("key %(name)s") % {"name": cause.get("name", "")},
    "message": lambda cause: _("a message on %(channel)s") % {"channel": cause.get("channel", "")},
    "reading": lambda cause: _("the vehicle itself"),
}


@register.simple_tag(takes_context=True)
def address(context: Mapping[str, Any], **changes: Any) -> str:
    """This page's address with some parameters changed; None takes one away."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = value
    return f"?{query.urlencode()}" if query else "?"


@register.simple_tag(takes_context=True)
def sort_link(context: Mapping[str, Any], name: str, label: str) -> SafeString:
    """A column's heading that sorts by it, and the other way round when it does already."""
    now = context["request"].GET.get("sort", "")
    mark = " ▴" if now == name else " ▾" if now == f"-{name}" else ""
    link = address(context, sort=f"-{name}" if now == name else name, page=None)
    return format_html('<a class="text-reset" href="{}">{}{}</a>', link, label, mark)


@register.filter
def lookup(mapping: Mapping[str, Any], name: str) -> Any:
    return mapping.get(name)


@register.simple_tag
def cell_of(column: Any, row: Any) -> Any:
    """What a table's column says of a row."""
    return column.value(row)
