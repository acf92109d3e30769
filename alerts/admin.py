from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Cause
from alerts import services
from alerts.models import Alert, AlertEvent


class ReadOnly:
    """Rules raise alerts; what happened to them is not edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventInline(ReadOnly, admin.TabularInline):
    model = AlertEvent
    fields = readonly_fields = ("at", "kind", "who", "text")
    verbose_name_plural = _("story")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertEvent]:
        return super().get_queryset(request).select_related("cause")

    @admin.display(description=_("by"))
    def who(self, event: AlertEvent) -> str:
        return told(event.cause)


@admin.register(Alert)
class AlertAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "id",
        "severity",
        "alert_type",
        "vehicle",
        "message",
        "value",
        "worst_value",
        "count",
        "triggered_at",
        "acknowledged_at",
        "assignee",
        "closed_at",
    )
    list_display_links = ("id", "alert_type")
    list_filter = (
        ("closed_at", admin.EmptyFieldListFilter),
        ("acknowledged_at", admin.EmptyFieldListFilter),
        "severity",
        "triggered_at",
        ("assignee", admin.RelatedOnlyFieldListFilter),
        "vehicle__fleet",
    )
    list_select_related = ("vehicle", "assignee")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("vehicle__vehicle_id", "alert_type", "message", "origin")
    date_hierarchy = "triggered_at"
    fields = (
        *("severity", "alert_type", "vehicle", "message", "origin"),
        *("field", "value", "threshold", "worst_value", "count"),
        *("triggered_at", "last_at", "closed_at", "raised_at", "told_at"),
        *("acknowledged_at", "who", "notes", "assignee"),
        *("escalate_at", "escalate_to", "escalated_at"),
    )
    readonly_fields = ("who", "raised_at", "told_at", "origin")
    inlines = (EventInline,)
    actions = ("acknowledge", "close")

    @admin.display(description=_("acknowledged by"))
    def who(self, alert: Alert) -> str:
        return told(alert.acknowledged_by)

    @admin.action(description=_("Acknowledge"))
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        by: Any = request.user
        self._tell(request, services.acknowledge_alerts(queryset.values_list("pk", flat=True), by=by))

    @admin.action(description=_("Close what is open"))
    def close(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        by: Any = request.user
        self._tell(request, services.close_alerts(queryset.values_list("pk", flat=True), by=by))

    def _tell(self, request: HttpRequest, count: int) -> None:
        """Those that are so already stay as they are, and are not counted."""
        message = ngettext("%(n)d alert changed.", "%(n)d alerts changed.", count)
        self.message_user(request, message % {"n": count}, messages.SUCCESS if count else messages.WARNING)


def told(cause: Cause | None) -> str:
    if cause is None:
        return "-"
    return ", ".join(f"{name}: {value}" for name, value in cause.told().items())
