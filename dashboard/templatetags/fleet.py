"""What templates need to show values and the frame."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.contrib.messages import get_messages
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from dashboard import causes, shown, units
from dashboard.pages.base import ADMINISTRATORS, ANYONE, may
from dashboard.shown import status_badge, task_badge
from task_management.models import Task
from telemetry.models import ParkedEntry

register = template.Library()
MOST_COUNTED = 999


@dataclass(frozen=True)
class Place:
    section: str
    label: str | Promise
    route: str
    icon: str
    who: str = ANYONE
    group: str = "work"

    @property
    def address(self) -> str:
        return reverse(self.route)


PLACES = (
    Place("overview", _("Overview"), "overview", "tabler-layout-dashboard"),
    Place("vehicles", _("Vehicles"), "vehicles", "tabler-truck"),
    Place("customers", _("Customers"), "customers", "tabler-building-store"),
    Place("files", _("Files"), "files", "tabler-file-import"),
    Place("tasks", _("Tasks"), "tasks", "tabler-checklist"),
    Place("rules", _("Rules"), "rules", "tabler-bolt"),
    Place("alerts", _("Alerts"), "alerts", "tabler-bell"),
    Place("reports", _("Reports"), "reports", "tabler-chart-histogram"),
    Place("people", _("People"), "people", "tabler-users", ADMINISTRATORS, "administration"),
    Place("keys", _("Keys"), "keys", "tabler-key", ADMINISTRATORS, "administration"),
    Place("fleets", _("Fleets"), "fleets", "tabler-stack-2", ADMINISTRATORS, "administration"),
    Place("parked", _("Parked entries"), "parked", "tabler-mailbox", ADMINISTRATORS, "administration"),
    Place("archives", _("Archives"), "archives", "tabler-archive", ADMINISTRATORS, "administration"),
    Place("admin", _("Admin"), "admin:index", "tabler-settings", ADMINISTRATORS, "administration"),
)


@register.simple_tag
def places(person: User, group: str) -> list[Place]:
    return [place for place in PLACES if place.group == group and may(person, place.who)]


@register.simple_tag
def waiting(place: Place, person: User) -> str:
    """How many entries wait behind a place, where that matters; counted up to 999."""
    if place.section != "parked":
        return ""
    found = ParkedEntry.objects.visible_to(person).order_by()[: MOST_COUNTED + 1].count()
    return f"{MOST_COUNTED}+" if found > MOST_COUNTED else str(found or "")


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    return shown.icon(name, extra)


@register.simple_tag
def measure(value: Any, unit: str, person: User, decimals: int = 0) -> SafeString:
    return shown.measure(value, unit, person, decimals)


@register.simple_tag
def unit(name: str, person: User) -> str:
    return units.shown_unit(name, person)


@register.simple_tag
def badge(code: str, label: Any) -> SafeString:
    return shown.badge(code, str(label))


@register.simple_tag
def vehicle_badge(code: str) -> SafeString:
    return status_badge(code)


@register.simple_tag(name="task_badge")
def badge_of_task(task: Task) -> SafeString:
    return task_badge(task)


@register.simple_tag
def meter(value: Any, label: str = "") -> SafeString:
    return shown.meter(value, label)


@register.filter
def ago(at: datetime | None) -> SafeString:
    return shown.ago(at)


@register.filter
def exact(at: datetime | None) -> str:
    return shown.exact(at) if at else "–"


@register.simple_tag
def due(at: datetime | None, is_open: bool) -> SafeString:
    return shown.due(at, is_open=is_open)


@register.filter
def count(value: Any) -> str:
    return shown.number(value or 0)


@register.filter
def plain(value: Any) -> str:
    return shown.plain(value)


@register.filter
def size(value: int) -> str:
    return shown.size(value)


@register.filter
def cause(told: Any) -> SafeString:
    return causes.tell(told)


@register.filter
def cause_mark(told: Any) -> SafeString:
    return causes.mark(told)


@register.filter
def initials(person: User) -> str:
    words = (person.name or person.email.partition("@")[0]).replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper()


@register.simple_tag(takes_context=True)
def toasts(context: template.Context) -> list[Any]:
    """Error pages have no request, and so nothing to tell."""
    request = context.get("request")
    return list(get_messages(request)) if request else []


@register.inclusion_tag("dashboard/parts/field.html")
def field(bound: Any, unit: str = "", width: str = "") -> dict[str, Any]:
    return {"field": bound, "unit": unit or getattr(bound.field, "unit", ""), "width": width}


# ---------------------------------------------------------------- charts and maps


@register.simple_tag
def as_json(value: Any) -> str:
    """For an attribute that a script reads; the template escapes it."""
    return json.dumps(value)


@register.simple_tag
def chart_spec(chart: Any) -> str:
    return json.dumps(chart.spec)


@register.simple_tag
def map_attributes(person: User) -> SafeString:
    """What map.js needs to know: its library's files, the world, the person's units, the words of its buttons."""
    words = {
        "NavigationControl.ZoomIn": gettext("Zoom in"),
        "NavigationControl.ZoomOut": gettext("Zoom out"),
        "Map.Title": gettext("Map"),
        "Popup.Close": gettext("Close"),
        "AttributionControl.ToggleAttribution": gettext("Toggle attribution"),
    }
    told = {
        "library": static("vendor/maplibre-gl.js"),
        "worker": static("vendor/maplibre-gl-worker.js"),
        "world": static("vendor/world.json"),
        "units": person.units,
        "words": json.dumps(words),
        **({"online": settings.MAP_STYLE_URL} if settings.MAP_STYLE_URL else {}),
    }
    return format_html_join(" ", 'data-{}="{}"', told.items())


@register.filter
def hours(seconds: float | None) -> str | SafeString:
    return shown.hours(seconds)


@register.filter
def clock(at: datetime) -> str:
    return shown.clock(at)


@register.filter
def score(value: float | None) -> SafeString:
    return shown.score(value)


@register.filter
def harsh(trip: Any) -> SafeString:
    return shown.harsh(trip)
