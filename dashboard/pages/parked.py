"""What could not be taken in, with the reason: for administrators, who let it be tried again."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Func, IntegerField, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_filters import rest_framework as filters

from accounts.models import User
from dashboard.bulk import chosen
from dashboard.pages.people import AdministratorPage
from dashboard.shown import NOTHING, ago, number, size
from dashboard.tables import Column, Facet, Listing, Table
from msg_pattern.bus import BusError
from msg_pattern.messages import Channel
from telemetry.models import ParkedEntry
from telemetry.parking import retry_parked

# So many bytes of an entry's data are told, and so many letters of them before it is unfolded.
LONGEST_SHOWN, SHORT = 4_000, 48
AT_ONCE = 500


class ParkedFilters(filters.FilterSet):
    channel = filters.CharFilter()
    sender = filters.CharFilter()
    reason = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = ParkedEntry
        fields: tuple[str, ...] = ()


def parked_seen_by(me: User) -> QuerySet[ParkedEntry]:
    """With the beginning of their data alone, which may be large."""
    beginning = Substr("data", 1, LONGEST_SHOWN, output_field=BinaryField())
    octets = Func("data", function="octet_length", output_field=IntegerField())
    seen: QuerySet[ParkedEntry] = ParkedEntry.objects.visible_to(me)
    return seen.defer("data").annotate(beginning=beginning, octets=octets)


def text_of(entry: Any) -> str:
    return bytes(entry.beginning).decode("utf-8", "replace").replace("\x00", "␀")


def data_cell(entry: Any) -> SafeString:
    """Folded: its first letters, and more of it below."""
    if not entry.octets:
        return NOTHING
    text = text_of(entry)
    return format_html(
        '<details class="parked-data"><summary><code>{}</code> <small>{}</small></summary><pre>{}{}</pre></details>',
        text[:SHORT].replace("\n", " "),
        size(entry.octets),
        text,
        "…" if entry.octets > LONGEST_SHOWN else "",
    )


PARKED = Table(
    "parked",
    (
        Column(
            "parked_at",
            gettext_lazy("Parked"),
            lambda one: one.parked_at,
            lambda one, me: ago(one.parked_at),
            "id",
        ),
        Column(
            "reason",
            gettext_lazy("Reason"),
            lambda one: one.reason,
            lambda one, me: format_html('<span class="parked-reason">{}</span>', one.reason),
        ),
        Column("sender", gettext_lazy("Sender"), lambda one: one.sender or None, order="sender"),
        Column(
            "received_at",
            gettext_lazy("Received"),
            lambda one: one.received_at,
            lambda one, me: ago(one.received_at),
            "received_at",
        ),
        Column("data", gettext_lazy("Data"), text_of, lambda one, me: data_cell(one)),
        Column("channel", gettext_lazy("Channel"), lambda one: one.channel, order="channel", is_shown=False),
        Column("entry", gettext_lazy("Entry"), lambda one: one.entry, is_shown=False),
    ),
    ordering="-parked_at",
    search_fields=("reason", "sender", "entry"),
    search_hint=gettext_lazy("Search reason, sender, entry"),
)


class Parked(AdministratorPage):
    section = "parked"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = self._listing(request)
        context = {"listing": listing, "is_empty": not listing.total and not listing.is_narrowed}
        return self.show("parked/listing.html" if self.part() == "listing" else "parked/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Try the ticked entries again, or forget them."""
        listing = self._listing(request)
        back = listing.address()
        try:
            pks = chosen(request, listing.filtered, ParkedEntry.objects.visible_to(self.me))
            told = self._forget(pks) if request.POST.get("action") == "forget" else self._retry(pks)
        except (ValidationError, BusError) as error:
            return self.refuse(back, error)
        return self.go(back, told)

    def _retry(self, pks: list[int]) -> str:
        count = 0
        for start in range(0, len(pks), AT_ONCE):
            count += retry_parked(
                ParkedEntry.objects.filter(pk__in=pks[start : start + AT_ONCE]).order_by("pk")
            )
        told = ngettext(
            "%(n)s entry is tried again; what still cannot be taken comes back here.",
            "%(n)s entries are tried again; what still cannot be taken comes back here.",
            count,
        )
        return told % {"n": number(count)}

    def _forget(self, pks: list[int]) -> str:
        count, _kinds = ParkedEntry.objects.filter(pk__in=pks).delete()
        told = ngettext("%(n)s entry was forgotten.", "%(n)s entries were forgotten.", count)
        return told % {"n": number(count)}

    def _listing(self, request: HttpRequest) -> Listing:
        facets: tuple[Any, ...] = (
            Facet("reason", _("Reason")),
            Facet("sender", _("Sender")),
            Facet("channel", _("Channel"), [(name, name) for name in Channel]),
        )
        return Listing(request, PARKED, parked_seen_by(self.me), facets, ParkedFilters)
