"""The inbox of alerts: what is open, what is done to one row or to many, and what is new meanwhile."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.people import assignable_people
from alerts.exceptions import AlertIsNotYoursToGive
from alerts.models import Alert
from alerts.services import acknowledge_alerts, assign_alerts, close_alerts
from api_pattern.parsers import is_storable_text
from api_pattern.streaming import csv_answer
from dashboard.alert_words import MOST_COUNTED, alerts_seen_by, unheard_alerts
from dashboard.bulk import chosen
from dashboard.exports import csv_lines, in_pieces
from dashboard.pages.alert_table import MESSAGE, alert_listing, quick_filters
from dashboard.pages.base import ANYONE, Page, ask_to_log_in
from dashboard.shown import number
from dashboard.tables import Listing


class Alerts(Page):
    section = "alerts"
    written_by = ANYONE

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = alert_listing(request, self.me)
        is_empty = not listing.total and not listing.is_narrowed
        quick = quick_filters(listing)
        if any(is_here for _label, _address, is_here in quick):
            # What a quick filter says already needs no chip.
            listing.chips = [chip for chip in listing.chips if chip.label not in (_("State"), _("Mine"))]
        context = {
            "listing": listing,
            "is_empty": is_empty,
            "quick": quick,
            "newest": newest_of(listing),
        }
        return self.show("alerts/listing.html" if self.part() == "listing" else "alerts/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Acknowledge, take, assign or close the ticked alerts."""
        listing = alert_listing(request, self.me)
        try:
            pks = chosen(request, listing.filtered, Alert.objects.visible_to(self.me))
            told = self._act(request, pks)
        except (ValidationError, AlertIsNotYoursToGive) as error:
            return self.refuse(listing.address(), error)
        return self.go(listing.address(), told)

    def _act(self, request: HttpRequest, pks: list[int]) -> str:
        action = request.POST.get("action", "")
        if action == "acknowledge":
            count = acknowledge_alerts(pks, typed(request), by=self.me)
            told = ngettext("%(n)s alert is acknowledged.", "%(n)s alerts are acknowledged.", count)
            return told % {"n": number(count)} + _rest(len(pks) - count, _("acknowledged before"))
        if action == "take":
            return self._assigned(pks, self.me)
        if action not in ("assign", "close"):
            raise ValidationError(_("Choose what to do with the ticked alerts."))
        if not self.me.can_write:
            raise PermissionDenied
        if action == "assign":
            return self._assigned(pks, person_of(request, self.me))
        count = close_alerts(pks, typed(request), by=self.me)
        told = ngettext("%(n)s alert is closed.", "%(n)s alerts are closed.", count)
        return told % {"n": number(count)} + _rest(len(pks) - count, _("closed before"))

    def _assigned(self, pks: list[int], person: User | None) -> str:
        count = assign_alerts(pks, person, by=self.me)
        told = ngettext("%(n)s alert was given to %(who)s.", "%(n)s alerts were given to %(who)s.", count)
        who = _("nobody") if person is None else _("you") if person == self.me else person.email
        return told % {"n": number(count), "who": who}


def _rest(count: int, why: str) -> str:
    if not count:
        return ""
    told = ngettext(" %(n)s was %(why)s.", " %(n)s were %(why)s.", count)
    return told % {"n": number(count), "why": why}


def newest_of(listing: Listing) -> int:
    """The latest that the filters find: what is raised after it is new to whoever looks."""
    return listing.filtered.order_by("-pk").values_list("pk", flat=True).first() or 0


def typed(request: HttpRequest, name: str = "notes") -> str:
    """What somebody wrote. Raises ValidationError where the database could not hold it."""
    text = request.POST.get(name, "")
    if not is_storable_text(text):
        raise ValidationError(_("The text holds a character that cannot be stored; leave it out."))
    return text


def person_of(request: HttpRequest, me: User) -> User | None:
    """The person that was named, None for nobody. Raises ValidationError where nobody is called so."""
    email = request.POST.get("assignee", "").strip().lower()
    person = assignable_people(me).filter(email=email).first() if email else None
    if email and person is None:
        told = _("There is no active person “%(email)s” who can be given this.")
        raise ValidationError(told % {"email": email[:100]})
    return person


class AlertsCsv(Page):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        """What the person sees; what each alert says stands beside its kind on the page, here in its own column."""
        listing = alert_listing(request, self.me)
        columns = [one for one in listing.columns if one != MESSAGE]
        return csv_answer(
            csv_lines([columns[0], MESSAGE, *columns[1:]], in_pieces(listing.ordered)), "alerts"
        )


class FreshAlerts(Page):
    """The rows that somebody looks at as they are now, and how many were raised since."""

    section = "alerts"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        listing = alert_listing(request, self.me)
        shown = [int(text) for text in request.GET.get("shown", "").split(",") if is_key(text)][:200]
        newest = request.GET.get("newest", "")
        raised = listing.filtered.filter(pk__gt=int(newest)) if is_key(newest) else listing.filtered.none()
        context = {
            "rows": listing.with_cells(alerts_seen_by(self.me).filter(pk__in=shown)),
            "raised": raised.order_by()[:MOST_COUNTED].count(),
        }
        return self.show("alerts/fresh.html", context)


def is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


class AlertBadge(Page):
    """How many alerts wait: asked every few seconds by every page that is open, so it costs one count."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)
        # A page on which somebody types is not taken away by its badge.
        return HttpResponse(status=204) if request.headers.get("HX-Request") else ask_to_log_in(request)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("alerts/badge.html", {"unheard": unheard_alerts(self.me)})
