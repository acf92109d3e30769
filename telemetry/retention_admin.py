"""Retention and archives in Django admin: days per fleet, and an action that brings readings back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from telemetry.models import Archive, Retention
from telemetry.restoring import FOR_A_WEEK, request_restore
from telemetry.tasks import ring_for_restores


@admin.register(Retention)
class RetentionAdmin(admin.ModelAdmin):
    list_display = ("fleet", "days")
    list_select_related = ("fleet",)
    search_fields = ("fleet__fleet_id", "fleet__fleet_name")
    autocomplete_fields = ("fleet",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("fleet",) if obj else ()


@admin.register(Archive)
class ArchiveAdmin(admin.ModelAdmin):
    """Files are written and read by workers; people bring their readings back."""

    list_display = ("name", "fleet", "day", "readings", "told_size", "status", "restored_until", "created_at")
    list_filter = ("status", "day", ("fleet", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("fleet",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name",)
    date_hierarchy = "day"
    actions = ("restore",)
    exclude = ("vehicles",)

    @admin.display(description=_("size"), ordering="size")
    def told_size(self, archive: Archive) -> str:
        return filesizeformat(archive.size)

    @admin.action(description=_("Load the readings again, for a week"), permissions=["view"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Archive]) -> None:
        until = timezone.now() + FOR_A_WEEK
        archives = queryset.exclude(status=Archive.Status.WRITING)
        for archive in archives:
            request_restore(archive, until=until)
        ring_for_restores()
        told = ngettext("%(n)d archive is being loaded.", "%(n)d archives are being loaded.", len(archives))
        self.message_user(request, told % {"n": len(archives)}, messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
