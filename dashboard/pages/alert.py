"""One alert: why it exists, how far it went, where the vehicle was, and what people did about it."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import trigger_client_event

from accounts.models import User
from alerts.exceptions import AlertIsClosed, AlertIsNotYoursToGive
from alerts.models import Alert
from alerts.services import acknowledge_alert, assign_alert, close_alert, comment_on_alert
from dashboard import units
from dashboard.alert_words import (
    alerts_seen_by,
    attribute_label,
    title_of,
    unit_of,
    value_shown,
)
from dashboard.pages.alert_table import alert_listing
from dashboard.pages.alerts import person_of, typed
from dashboard.pages.base import ANYONE, WRITERS, Page
from dashboard.shown import duration, short_number
from rules.models import FiringAction, Rule
from task_management.models import Task

# What is shown before it began and after it ended, and the longest that readings are drawn of.
AROUND = timedelta(minutes=10)
LONGEST_DRAWN = timedelta(hours=2)
MOST_READINGS = 10_000


class OfAlert(Page):
    section = "alerts"
    written_by = ANYONE

    def alert(self, pk: int) -> Alert:
        return get_object_or_404(alerts_seen_by(self.me), pk=pk)

    def back(self, told: str = "") -> HttpResponse:
        return self.go(reverse("alert", args=[self.kwargs["pk"]]), told)


class AlertPage(OfAlert):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        alert = self.alert(pk)
        context = {"alert": alert, **self._now(alert)}
        if self.part() == "alert-now":
            return self.show("alerts/now.html", context)
        return self.show("alerts/page.html", {**context, **self._why(alert)})

    def _now(self, alert: Alert) -> dict[str, Any]:
        """What changes while one looks."""
        return {
            "title": title_of(alert.alert_type),
            "figures": figures_of(alert, self.me),
            "events": alert.events.select_related("cause"),
        }

    def _why(self, alert: Alert) -> dict[str, Any]:
        actions = FiringAction.objects.visible_to(self.me).filter(alert=alert).order_by("firing_id")
        first = actions.select_related("firing__rule", "firing__vehicle").first()
        made = FiringAction.objects.filter(firing__actions__alert=alert, task__isnull=False).values("task")
        rule = first.firing.rule_id if first else rule_key(alert)
        return {
            "firing": first.firing if first else None,
            "firings": actions.count(),
            "rule": Rule.objects.visible_to(self.me).filter(pk=rule).first() if rule else None,
            "tasks": Task.objects.visible_to(self.me).filter(pk__in=made).select_related("assignee"),
            "script": script_data(alert, self.me),
        }


def rule_key(alert: Alert) -> int | None:
    kind, _colon, key = alert.origin.partition(":")
    return int(key) if kind == "rule" and key.isdecimal() else None


def figures_of(alert: Alert, me: User) -> list[dict[str, Any]]:
    """The numbers of its head: what was measured against what, how far it went, how often and how long."""
    figures: list[dict[str, Any]] = []
    if alert.value is not None:
        note = threshold_told(alert, me)
        shown = value_shown(alert, alert.value, me)
        figures.append({"label": attribute_label(alert) or _("Value"), "value": shown, "note": note})
    if alert.worst_value is not None:
        worst = value_shown(alert, alert.worst_value, me)
        figures.append(
            {"label": _("Worst"), "value": worst, "note": beyond_told(alert, me), "is_worst": True}
        )
    told = _("last one") if alert.closed_at is None else _("the last one")
    figures.append({"label": _("Reports"), "number": alert.count, "note": told, "at": alert.last_at})
    end = alert.closed_at or timezone.now()
    lasted = duration(max(0.0, (end - alert.triggered_at).total_seconds()))
    label, note = (_("Lasted"), _("until")) if alert.closed_at else (_("Open for"), _("since"))
    at = alert.closed_at or alert.triggered_at
    figures.append({"label": label, "value": lasted, "note": note, "at": at})
    return figures


def threshold_told(alert: Alert, me: User) -> str:
    if alert.threshold is None:
        return _("at first")
    told = (
        _("at first; at least %(limit)s is right")
        if alert.low_is_worse
        else _("at first; the limit is %(limit)s")
    )
    return told % {"limit": _text(alert, alert.threshold, me)}


def beyond_told(alert: Alert, me: User) -> str:
    """How far beyond the threshold it went."""
    if alert.threshold is None or alert.worst_value is None:
        return ""
    gap = alert.threshold - alert.worst_value if alert.low_is_worse else alert.worst_value - alert.threshold
    if gap <= 0:
        return ""
    factor, _offset = units.line(unit_of(alert), me)
    told = _with_unit(gap * factor, unit_of(alert), me)
    return (_("%(gap)s below the limit") if alert.low_is_worse else _("%(gap)s over the limit")) % {
        "gap": told
    }


def _text(alert: Alert, value: float, me: User) -> str:
    unit = unit_of(alert)
    return _with_unit(units.to_shown(value, unit, me), unit, me)


def _with_unit(shown: float, unit: str, me: User) -> str:
    return f"{short_number(round(shown, 1))} {units.shown_unit(unit, me)}".strip()


def span_of(alert: Alert) -> tuple[datetime, datetime]:
    """The readings around it: from before its beginning to after its end, two hours at most."""
    start = alert.triggered_at - AROUND
    end = min((alert.closed_at or alert.last_at) + AROUND, start + LONGEST_DRAWN, timezone.now())
    return start, max(end, start + AROUND + timedelta(minutes=1))


def script_data(alert: Alert, me: User) -> dict[str, Any]:
    """What alert.js needs beside the readings that it fetches."""
    start, end = span_of(alert)
    unit = unit_of(alert)
    factor, offset = units.line(unit, me)
    query = urlencode({"from": start.isoformat(), "to": end.isoformat(), "limit": str(MOST_READINGS)})
    speed_factor, _none = units.line("km/h", me)
    return {
        "readings": f"/api/v1/telemetry/{quote(alert.vehicle.vehicle_id, safe='')}/history?{query}",
        "field": alert.field,
        "label": attribute_label(alert),
        "unit": units.shown_unit(unit, me),
        "scale": factor,
        "offset": offset,
        "threshold": alert.threshold,
        "low_is_worse": alert.low_is_worse,
        "first": alert.triggered_at.timestamp(),
        "closed": alert.closed_at.timestamp() if alert.closed_at else None,
        "range": [start.timestamp(), end.timestamp()],
        "zone": me.time_zone,
        "title": title_of(alert.alert_type),
        "speed_scale": speed_factor,
        "speed_unit": units.shown_unit("km/h", me),
        "words": {
            "way": _("Where the vehicle was"),
            "time": _("Time"),
            "speed": _("Speed"),
            "offline": _("The readings could not be fetched; reload the page to try again."),
            "no_positions": _("No reading around it tells a position."),
            "no_webgl": _("This browser has no WebGL for the map: the way is drawn without it."),
            "no_values": _("No reading around it tells this attribute."),
        },
    }


# ---------------------------------------------------------------- what people do


class AcknowledgeAlert(OfAlert):
    """From its page, or from its row in the inbox, which answers as it is then."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        alert = self.alert(pk)
        try:
            acknowledge_alert(alert, typed(request), by=self.me)
        except ValidationError as error:
            return self.refuse(reverse("alert", args=[pk]), error)
        if self.part() == f"alert-{pk}":
            return trigger_client_event(self._row(pk), "alerts:changed")
        return self.back(_("The alert is acknowledged."))

    def _row(self, pk: int) -> HttpResponse:
        listing = alert_listing(self.request, self.me)
        [(alert, cells)] = listing.with_cells([self.alert(pk)])
        ticked = str(pk) in self.request.POST.getlist("selected")
        return self.show("alerts/row.html", {"row": alert, "cells": cells, "is_ticked": ticked})


class AssignAlert(OfAlert):
    """Anybody takes an alert or gives their own back; only who may write gives it to somebody else."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            given = assign_alert(self.alert(pk), self._person(request), by=self.me).assignee
        except (ValidationError, AlertIsNotYoursToGive) as error:
            return self.refuse(reverse("alert", args=[pk]), error)
        if given is None:
            return self.back(_("The alert is nobody's now."))
        if given == self.me:
            return self.back(_("The alert is yours now."))
        return self.back(_("The alert was given to %(who)s.") % {"who": given.name or given.email})

    def _person(self, request: HttpRequest) -> User | None:
        action = request.POST.get("action", "")
        if action in ("take", "give_back"):
            return self.me if action == "take" else None
        if not self.me.can_write:
            raise PermissionDenied
        return person_of(request, self.me)


class CloseAlert(OfAlert):
    written_by = WRITERS

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            close_alert(self.alert(pk), typed(request), by=self.me)
        except (ValidationError, AlertIsClosed) as error:
            return self.refuse(reverse("alert", args=[pk]), error)
        return self.back(_("The alert is closed."))


class CommentAlert(OfAlert):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            comment_on_alert(self.alert(pk), typed(request, "text"), by=self.me)
        except ValidationError as error:
            return self.refuse(reverse("alert", args=[pk]), error)
        return self.back()
