"""Trips and stops in Django admin: read, and tried again where scoring failed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from telemetry.models import Stop, Trip
from telemetry.trips import score_again


class ReadOnly(admin.ModelAdmin):
    """What was driven is not edited."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Trip)
class TripAdmin(ReadOnly):
    list_display = (
        "id",
        "vehicle",
        "driver_id",
        "origin",
        "status",
        "started_at",
        "distance_km",
        "safety_score",
        "created_at",
    )
    list_filter = ("status", "origin", "created_at", ("vehicle__fleet", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("vehicle",)
    search_fields = ("vehicle__vehicle_id", "driver_id", "reason")
    ordering = ("-created_at", "-id")
    fields = (
        "vehicle",
        "driver_id",
        "origin",
        "status",
        "reason",
        "cause",
        ("started_at", "ended_at"),
        ("duration_s", "distance_km", "max_speed_kmh", "samples"),
        "safety_score",
        ("harsh_braking_count", "harsh_braking_episodes"),
        ("rapid_accel_count", "rapid_accel_episodes"),
        "thresholds",
        "events",
        ("attempts", "lease_until"),
        ("created_at", "scored_at"),
    )
    readonly_fields = ("created_at",)
    actions = ("score_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trip]:
        return super().get_queryset(request).defer("body")

    @admin.action(description=_("Score the chosen failed trips again"))
    def score_again(self, request: HttpRequest, queryset: QuerySet[Trip]) -> None:
        count = score_again(queryset)
        told = ngettext("%(n)d failed trip is scored again.", "%(n)d failed trips are scored again.", count)
        self.message_user(request, told % {"n": count})


@admin.register(Stop)
class StopAdmin(ReadOnly):
    list_display = ("id", "vehicle", "started_at", "ended_at")
    list_filter = ("started_at", ("vehicle__fleet", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("vehicle",)
    search_fields = ("vehicle__vehicle_id",)
    fields = ("vehicle", "started_at", "ended_at", "latitude_e6", "longitude_e6")
