"""For how long a fleet's readings are kept, and archived days, which administrators have loaded again."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_filters import rest_framework as filters

from accounts.filters import FleetFilter
from accounts.models import Fleet, User
from dashboard.bulk import chosen
from dashboard.forms.people import RetentionForm
from dashboard.pages.people import AdministratorPage, show_fleet
from dashboard.pages.vehicle_table import fleet_choices
from dashboard.shown import NOTHING, badge, day, moment, number, size
from dashboard.tables import Column, Facet, Listing, Table
from telemetry.models import Archive
from telemetry.restoring import request_restore
from telemetry.retention import set_retention
from telemetry.tasks import ring_for_restores

USUAL_DAYS, MOST_DAYS, MOST_AT_ONCE = 7, 365, 400


class ArchiveFilters(filters.FilterSet):
    fleet_id = FleetFilter(field_name="fleet")
    day_min = filters.DateFilter(field_name="day", lookup_expr="gte")
    day_max = filters.DateFilter(field_name="day", lookup_expr="lte")
    status = filters.ChoiceFilter(choices=Archive.Status.choices)

    class Meta:
        model = Archive
        fields: tuple[str, ...] = ()


def archives_seen_by(me: User) -> QuerySet[Archive]:
    """Those that are whole, without the keys of their vehicles."""
    seen: QuerySet[Archive] = Archive.objects.visible_to(me)
    return seen.exclude(status=Archive.Status.WRITING).select_related("fleet").defer("vehicles")


def status_cell(archive: Archive) -> SafeString:
    """Its status, until when it stays, and why it could not be loaded."""
    told = badge(archive.status, str(archive.get_status_display()))
    if archive.restored_until and archive.status != Archive.Status.STORED:
        return format_html("{} {}", told, _("until %(time)s") % {"time": moment(archive.restored_until)})
    if archive.reason:
        return format_html('{}<div class="parked-reason text-red">{}</div>', told, archive.reason)
    return told


ARCHIVES = Table(
    "archives",
    (
        Column("day", gettext_lazy("Day"), lambda one: one.day, lambda one, me: day(one.day), "day"),
        Column(
            "fleet_id",
            gettext_lazy("Fleet"),
            lambda one: one.fleet.fleet_id if one.fleet else None,
            lambda one, me: one.fleet.fleet_name if one.fleet else NOTHING,
            "fleet__fleet_id",
        ),
        Column(
            "readings",
            gettext_lazy("Readings"),
            lambda one: one.readings,
            lambda one, me: number(one.readings),
            "readings",
            is_number=True,
        ),
        Column(
            "size",
            gettext_lazy("Size"),
            lambda one: one.size,
            lambda one, me: size(one.size),
            "size",
            is_number=True,
        ),
        Column(
            "status",
            gettext_lazy("Status"),
            lambda one: one.status,
            lambda one, me: status_cell(one),
            "status",
        ),
        Column("name", gettext_lazy("File"), lambda one: one.name, is_shown=False),
    ),
    ordering="-day",
    search_fields=("name", "fleet__fleet_name"),
    search_hint=gettext_lazy("Search file, fleet"),
)


class Archives(AdministratorPage):
    """Days whose readings were put away into files."""

    section = "archives"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = self._listing(request)
        context = {
            "listing": listing,
            "is_empty": not listing.total and not listing.is_narrowed,
            "usual_days": USUAL_DAYS,
            "most_days": MOST_DAYS,
        }
        return self.show(
            "archives/listing.html" if self.part() == "listing" else "archives/list.html", context
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Have the ticked days loaded again, for so many ``days``."""
        listing = self._listing(request)
        try:
            pks = chosen(request, listing.filtered, archives_seen_by(self.me))
            count, days = self._restore(pks), _days(request)
        except ValidationError as error:
            return self.refuse(listing.address(), error)
        told = ngettext(
            "%(n)s day is being loaded; its readings stay for %(days)s days.",
            "%(n)s days are being loaded; their readings stay for %(days)s days.",
            count,
        )
        return self.go(listing.address(), told % {"n": number(count), "days": days})

    def _restore(self, pks: list[int]) -> int:
        if len(pks) > MOST_AT_ONCE:
            told = _("%(n)s days are ticked; up to %(most)s are loaded at once.")
            raise ValidationError(told % {"n": number(len(pks)), "most": MOST_AT_ONCE})
        until = timezone.now() + timedelta(days=_days(self.request))
        for archive in Archive.objects.filter(pk__in=pks).order_by("day", "pk"):
            request_restore(archive, until=until)
        ring_for_restores()
        return len(pks)

    def _listing(self, request: HttpRequest) -> Listing:
        facets: tuple[Any, ...] = (
            Facet("fleet_id", _("Fleet"), fleet_choices(self.me)),
            Facet("day_min", _("From day"), kind="date"),
            Facet("day_max", _("To day"), kind="date"),
            Facet("status", _("Status"), [one for one in Archive.Status.choices if one[0] != "WRITING"]),
        )
        return Listing(request, ARCHIVES, archives_seen_by(self.me), facets, ArchiveFilters)


def _days(request: HttpRequest) -> int:
    """Raises ValidationError for what is no number of days."""
    text = request.POST.get("days") or str(USUAL_DAYS)
    if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST_DAYS:
        told = _("“%(text)s” is not a number of days from 1 to %(most)s.")
        raise ValidationError(told % {"text": text[:20], "most": MOST_DAYS})
    return int(text)


class KeepReadings(AdministratorPage):
    """For how many days a fleet's readings are kept at hand."""

    section = "fleets"

    def post(self, request: HttpRequest, fleet_id: str) -> HttpResponse:
        fleet = get_object_or_404(Fleet.objects.visible_to(self.me), fleet_id=fleet_id)
        form = RetentionForm(request.POST, me=self.me)
        if not form.is_valid():
            return show_fleet(self, fleet, retention=form, status=422)
        days = set_retention(fleet, form.cleaned_data["days"])
        told = _("Readings of %(name)s are kept for %(days)s days.")
        return self.go(
            reverse("fleet", args=[fleet.fleet_id]), told % {"name": fleet.fleet_name, "days": days}
        )
