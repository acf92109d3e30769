"""Who or what made something, in words with ways there: a person, a key, a file's row, a rule, a message."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboard.shown import exact, icon, link, number

Told = Mapping[str, Any]


def tell(cause: Told | None) -> SafeString:
    kind = (cause or {}).get("kind", "")
    known = TELLERS.get(kind)
    return known(cause) if known and cause else format_html("{}", _("an unknown hand"))


def row_address(upload_id: int, row: int) -> str:
    return f"{reverse('upload', args=[upload_id])}?row={row}#row-{row}"


def mark(cause: Told | None) -> SafeString:
    """The icon of what made it."""
    icons = {
        "user": "tabler-user",
        "api_key": "tabler-key",
        "upload": "tabler-file-spreadsheet",
        "rule": "tabler-bolt",
        "reading": "tabler-broadcast",
        "message": "tabler-message",
        "shipped": "tabler-package",
        "time": "tabler-clock",
    }
    return icon(icons.get((cause or {}).get("kind", ""), "tabler-point"))


def _user(cause: Told) -> SafeString:
    return format_html("{}", cause.get("email") or _("a person"))


def _key(cause: Told) -> SafeString:
    return format_html(_("key “{}”"), cause.get("name", ""))


def _upload(cause: Told) -> SafeString:
    file = link(reverse("upload", args=[cause["upload_id"]]), cause.get("name") or _("a file"))
    by = cause.get("uploaded_by") or _("somebody")
    if not cause.get("row"):
        return format_html(_("{}, uploaded by {}"), file, by)
    row = link(
        row_address(cause["upload_id"], cause["row"]), _("row %(row)s") % {"row": number(cause["row"])}
    )
    return format_html(_("{} of {}, uploaded by {}"), row, file, by)


def _rule(cause: Told) -> SafeString:
    rule = link(reverse("rule", args=[cause["rule_id"]]), cause.get("name") or _("a rule"))
    if cause.get("at_start"):
        return format_html(_("rule “{}”, for which it was true already when it began"), rule)
    if not cause.get("firing_id"):
        return format_html(_("rule “{}”, as it is no longer so"), rule)
    told = _("firing %(n)s") % {"n": number(cause["firing_id"])}
    firing = link(reverse("firing", args=[cause["firing_id"]]), told)
    return format_html(_("{} of rule “{}”"), firing, rule)


def _message(cause: Told) -> SafeString:
    channel, at = cause.get("channel"), _time_of(cause)
    if channel and at:
        return format_html(_("a reading of {}, on {}"), exact(at), channel)
    return format_html(_("a message on {}"), channel) if channel else format_html("{}", _("a message"))


def _reading(cause: Told) -> SafeString:
    at = _time_of(cause)
    reading = format_html(_("a reading of {}"), exact(at) if at else cause.get("recorded_at") or "")
    sender, _colon, firing = str(cause.get("sender") or "").partition(":")
    if sender != "firing" or not firing.isdecimal():
        return reading
    return format_html(
        _("{}, published by firing {}"), reading, link(reverse("firing", args=[firing]), firing)
    )


def _time_of(cause: Told) -> datetime | None:
    return parse_datetime(str(cause.get("recorded_at") or ""))


def _time(cause: Told) -> SafeString:
    return format_html("{}", _("the time that passed: nothing was reported that would have changed it"))


def _shipped(cause: Told) -> SafeString:
    return format_html("{}", _("came with the program"))


TELLERS: dict[str, Callable[[Told], SafeString]] = {
    "user": _user,
    "api_key": _key,
    "upload": _upload,
    "rule": _rule,
    "message": _message,
    "reading": _reading,
    "shipped": _shipped,
    "time": _time,
}
