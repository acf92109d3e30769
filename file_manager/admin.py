from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from file_manager.models import MappingProfile, Upload, UploadFault, UploadFaultGroup


class ReadOnly:
    """Uploads tell what happened; they are made by dropping a file."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FaultGroupInline(ReadOnly, admin.TabularInline):
    model = UploadFaultGroup
    fields = ("level", "column", "code", "message", "count")
    extra = 0


@admin.register(Upload)
class UploadAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "id", "name", "kind", "status", "fleet", "by", "rows_total", "rows_created", "rows_updated", "rows_unchanged",
        "rows_repeated", "rows_failed", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "kind", "fleet", "created_at")
    list_select_related = ("fleet", "by")
    search_fields = ("name", "by__email", "sha256")
    date_hierarchy = "created_at"
    inlines = (FaultGroupInline,)
    readonly_fields = ("page",)

    @admin.display(description=_("page"))
    def page(self, upload: Upload) -> str:
        return format_html('<a href="/files/{}">/files/{}</a>', upload.pk, upload.pk)


@admin.register(UploadFault)
class UploadFaultAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("upload_link", "row", "level", "column", "value", "message")
    list_filter = ("level", "code")
    list_select_related = ("upload",)
    search_fields = ("upload__name", "column", "value")
    show_full_result_count = False

    @admin.display(description=_("file"), ordering="upload")
    def upload_link(self, fault: UploadFault) -> str:
        address = reverse("admin:file_manager_upload_change", args=[fault.upload_id])
        return format_html('<a href="{}">{}</a>', address, fault.upload.name)


@admin.register(MappingProfile)
class MappingProfileAdmin(admin.ModelAdmin):
    list_display = ("kind", "fleet", "signature", "updated_at")
    list_filter = ("kind", "fleet")
    list_select_related = ("fleet",)
    readonly_fields = ("kind", "fleet", "signature", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
