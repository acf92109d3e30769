from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vehicle_management import services
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import AttributeType, ChangeBatch, Vehicle, VehicleChange, VehicleStatus
from vehicle_management.registry import check_free_attributes

SAVED = (*services.TEXTS, "model_year", "in_service_date", "fleet", "customer", "attributes")


class ReadOnly:
    """What the door writes is told here, and changed nowhere else."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StatusInline(ReadOnly, admin.StackedInline):
    model = VehicleStatus
    extra = 0


class VehicleForm(forms.ModelForm):
    """Saves through the door, so that a change has its history and reaches the rules."""

    class Meta:
        model = Vehicle
        fields = ("vehicle_id", *SAVED)

    def clean_attributes(self) -> Any:
        attributes = self.cleaned_data["attributes"] or {}
        if not isinstance(attributes, dict):
            raise ValidationError(_("Attributes are a JSON object, such as {“Depot”: “A”}."))
        return check_free_attributes(attributes)


class AttachForm(forms.Form):
    """Which customer or fleet the ticked vehicles are given; none takes it away."""

    def __init__(self, field: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        related: Any = Vehicle._meta.get_field(field)
        self.fields["target"] = forms.ModelChoiceField(
            queryset=related.related_model.objects.all(),
            required=False,
            label=related.verbose_name,
            widget=AutocompleteSelect(related, admin.site),
        )


@admin.register(Vehicle)
class VehicleAdmin(admin.ModelAdmin):
    form = VehicleForm
    list_display = (
        "vehicle_id",
        "plate",
        "vin",
        "make",
        "model",
        "model_year",
        "fleet",
        "customer",
        "updated_at",
    )
    list_filter = (
        "fleet",
        "vehicle_type",
        "fuel_type",
        "model_year",
        ("customer", admin.EmptyFieldListFilter),
    )
    list_select_related = ("fleet", "customer")
    search_fields = ("vehicle_id", "vin", "plate", "make", "model")
    autocomplete_fields = ("fleet", "customer")
    date_hierarchy = "created_at"
    inlines = (StatusInline,)
    actions = ("attach_customer", "attach_fleet", "hide", "restore")
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return Vehicle.all_objects.all() if "hidden" in request.GET else super().get_queryset(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("vehicle_id",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hiding is an action; it can be undone."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in SAVED if name in form.cleaned_data}
        by: Any = request.user
        try:
            if change:
                services.update_vehicle(obj, values, by=by)
            else:
                obj.pk = services.create_vehicles([{"vehicle_id": obj.vehicle_id, **values}], by=by)[0].pk
        except VehicleConflict as error:
            messages.error(request, str(error))

    @admin.action(description=gettext_lazy("Attach a customer"))
    def attach_customer(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._attach(request, queryset, "customer")

    @admin.action(description=gettext_lazy("Move to a fleet"))
    def attach_fleet(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._attach(request, queryset, "fleet")

    @admin.action(description=gettext_lazy("Delete (can be restored)"))
    def hide(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        by: Any = request.user
        count = services.hide_vehicles(queryset.values_list("pk", flat=True), by=by)
        self.message_user(request, _("%(n)d vehicles are deleted; restore them here.") % {"n": count})

    @admin.action(description=gettext_lazy("Restore"))
    def restore(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        by: Any = request.user
        for vehicle in queryset.filter(deleted_at__isnull=False):
            try:
                services.restore_vehicle(vehicle, by=by)
            except VehicleConflict as error:
                self.message_user(request, str(error), messages.ERROR)

    def _attach(self, request: HttpRequest, queryset: models.QuerySet, field: str) -> HttpResponse | None:
        """Ask which one on a page of its own, then give it to the ticked vehicles."""
        form = AttachForm(field, request.POST if "apply" in request.POST else None)
        if form.is_bound and form.is_valid():
            by: Any = request.user
            pks = list(queryset.values_list("pk", flat=True))
            count = services.update_vehicles(pks, {field: form.cleaned_data["target"]}, by=by)
            self.message_user(request, _("%(n)d vehicles changed.") % {"n": count})
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(n)d vehicles") % {"n": queryset.count()},
            "form": form,
            "action": f"attach_{field}",
            "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.model._meta,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/vehicle_management/attach.html", context)


@admin.register(VehicleChange)
class VehicleChangeAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("vehicle", "at", "cause", "cause_row", "changes")
    list_select_related = ("vehicle", "cause")
    list_filter = ("at",)
    search_fields = ("vehicle__vehicle_id",)
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(VehicleStatus)
class VehicleStatusAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("vehicle", "status", "speed_kmh", "battery_pct", "odometer_km", "recorded_at")
    list_select_related = ("vehicle",)
    list_filter = ("status", "recorded_at")
    search_fields = ("vehicle__vehicle_id",)
    date_hierarchy = "recorded_at"
    show_full_result_count = False


@admin.register(AttributeType)
class AttributeTypeAdmin(admin.ModelAdmin):
    list_display = ("name", "kind", "first_seen")
    list_filter = ("kind",)
    search_fields = ("name",)
    readonly_fields = ("name", "first_seen")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ChangeBatch)
class ChangeBatchAdmin(ReadOnly, admin.ModelAdmin):
    """For whoever asks why a rule has not fired yet: what waits has no time at which it was done."""

    list_display = ("id", "lane", "cause", "fields", "created_at", "done_at")
    list_select_related = ("cause",)
    list_filter = ("lane", ("done_at", admin.EmptyFieldListFilter))
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("old", "new", "vehicles", "rows", "times")
