"""What could not be taken, with the reason, in Django admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from msg_pattern.bus import BusError
from telemetry.models import ParkedEntry
from telemetry.parking import retry_parked

SHOWN = 10_000


@admin.register(ParkedEntry)
class ParkedEntryAdmin(admin.ModelAdmin):
    list_display = ("parked_at", "channel", "sender", "reason", "received_at")
    list_filter = ("channel", "parked_at")
    search_fields = ("reason", "sender", "entry")
    fields = ("channel", "entry", "reason", "sender", "received_at", "parked_at", "text")
    readonly_fields = fields
    actions = ("try_again",)
    show_full_result_count = False

    @admin.display(description=_("data"))
    def text(self, parked: ParkedEntry) -> str:
        return bytes(parked.data)[:SHOWN].decode("utf-8", "replace").replace("\x00", "␀")

    @admin.action(description=_("Try the chosen entries again"))
    def try_again(self, request: HttpRequest, queryset: QuerySet[ParkedEntry]) -> None:
        try:
            count = retry_parked(queryset)
        except BusError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        told = ngettext("%(n)d entry is tried again.", "%(n)d entries are tried again.", count) % {"n": count}
        self.message_user(request, f"{told} {_('What still cannot be taken comes back with its reason.')}")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
