from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin import Refusing
from vehicle_management import services, vin
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import AttributeType, ChangeBatch, Vehicle, VehicleChange, VehicleStatus
from vehicle_management.registry import check_free_attributes

SAVED = (
    "fleet", "customer", "vin", "plate", "make", "model", "model_year", "vehicle_type", "fuel_type", "color",
    "in_service_date", "notes", "attributes",
)  # fmt: skip
CHANGES_SHOWN = 20


def told_changes(changes: dict[str, list[Any]]) -> str:
    return "; ".join(f"{name}: {before} → {after}" for name, (before, after) in changes.items())


def told_cause(change: VehicleChange) -> str:
    return ", ".join(f"{name}: {value}" for name, value in change.told_cause().items())


class ReadOnly(admin.options.BaseModelAdmin):
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
    """Told where an id or VIN is taken, before the door refuses it."""

    class Meta:
        model = Vehicle
        fields = ("vehicle_id", *SAVED)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "customer" in self.fields:
            field: Any = self.fields["customer"]
            # A customer that was deleted meanwhile stays a choice, or saving would take it away.
            stored = Q(deleted_at__isnull=True) | Q(pk=self.instance.customer_id)
            field.queryset = field.queryset.model.all_objects.filter(stored)

    def clean_vehicle_id(self) -> str:
        vehicle_id: str = self.cleaned_data["vehicle_id"]
        self._refuse_taken(_("id"), vehicle_id=vehicle_id)
        return vehicle_id

    def clean_vin(self) -> str | None:
        number = vin.normalise(self.cleaned_data["vin"] or "") or None
        if number and len(number) == vin.LENGTH:
            self._refuse_taken(_("VIN"), vin=number)
        return number

    def clean_attributes(self) -> Any:
        attributes = self.cleaned_data["attributes"] or {}
        if not isinstance(attributes, dict):
            raise ValidationError(_("Attributes are a JSON object, such as {“Depot”: “A”}."))
        try:
            return check_free_attributes(attributes)
        except ValidationError as error:
            # A field's own check may not name the field.
            raise ValidationError(error.messages) from error

    def _refuse_taken(self, label: Any, **wanted: str) -> None:
        if Vehicle.objects.exclude(pk=self.instance.pk).filter(**wanted).exists():
            message = _("The %(label)s “%(value)s” is taken by another vehicle; choose another one.")
            raise ValidationError(message % {"label": label, "value": next(iter(wanted.values()))})


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
class VehicleAdmin(Refusing, admin.ModelAdmin):
    """Hidden vehicles too; an administrator restores or purges them. Everything goes through the door."""

    refusals = (VehicleConflict,)
    form = VehicleForm
    list_display = (
        "vehicle_id", "plate", "vin", "make", "model", "model_year", "fleet", "customer", "doing", "updated_at",
        "deleted_at",
    )  # fmt: skip
    list_filter = (
        "fleet",
        ("deleted_at", admin.EmptyFieldListFilter),
        ("customer", admin.EmptyFieldListFilter),
        "status__status",
        "vehicle_type",
        "fuel_type",
        "make",
        "model_year",
    )
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("vehicle_id", "vin", "plate", "make", "model")
    autocomplete_fields = ("fleet", "customer")
    date_hierarchy = "created_at"
    readonly_fields = ("made_by", "created_at", "updated_at", "deleted_at", "last_changes")
    fields = ("vehicle_id", *SAVED, *readonly_fields)
    inlines = (StatusInline,)
    actions = ("attach_customer", "attach_fleet", "restore", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vehicle]:
        found: QuerySet[Vehicle] = Vehicle.all_objects.select_related("fleet", "customer", "status", "cause")
        return found.order_by(*self.get_ordering(request) or ("vehicle_id",))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(deleted_at__isnull=True)
        return super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Vehicle | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "vehicle_id") if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Vehicle | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Vehicle | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting hides: nothing goes with it."""
        return [str(vehicle) for vehicle in objs], {str(_("vehicles")): len(objs)}, set(), []

    @admin.display(description=_("status"), ordering="status__status")
    def doing(self, vehicle: Vehicle) -> str:
        status = getattr(vehicle, "status", None)
        return status.get_status_display() or "-" if status else "-"

    @admin.display(description=_("made by"))
    def made_by(self, vehicle: Vehicle) -> str:
        told = vehicle.cause.told(vehicle.cause_row) if vehicle.cause else {}
        return ", ".join(f"{name}: {value}" for name, value in told.items()) or "-"

    @admin.display(description=_("last changes"))
    def last_changes(self, vehicle: Vehicle) -> str:
        changes = VehicleChange.objects.filter(vehicle=vehicle).select_related("cause")[:CHANGES_SHOWN]
        lines = format_html_join(
            "",
            "<li>{} · {} · {}</li>",
            ((localize(localtime(one.at)), told_changes(one.changes), told_cause(one)) for one in changes),
        )
        address = reverse("admin:vehicle_management_vehiclechange_changelist")
        every = _("all changes")
        return format_html(
            '<ul>{}</ul><a href="{}?vehicle__id__exact={}">{}</a>', lines, address, vehicle.pk, every
        )

    def save_model(self, request: HttpRequest, obj: Vehicle, form: Any, change: bool) -> None:
        by: Any = request.user
        values = {name: form.cleaned_data[name] for name in SAVED}
        if change:
            saved = services.update_vehicle(obj, values, by=by)
        else:
            saved = services.create_vehicles([{"vehicle_id": obj.vehicle_id, **values}], by=by)[0]
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Vehicle) -> None:
        self.delete_queryset(request, Vehicle.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Vehicle]) -> None:
        by: Any = request.user
        services.hide_vehicles(list(queryset.values_list("pk", flat=True)), by=by)

    @admin.action(description=_("Attach a customer"))
    def attach_customer(self, request: HttpRequest, queryset: QuerySet[Vehicle]) -> HttpResponse | None:
        return self._attach(request, queryset, "customer")

    @admin.action(description=_("Move to a fleet"))
    def attach_fleet(self, request: HttpRequest, queryset: QuerySet[Vehicle]) -> HttpResponse | None:
        return self._attach(request, queryset, "fleet")

    @admin.action(description=_("Restore deleted vehicles"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Vehicle]) -> None:
        self._each(request, queryset, services.restore_vehicle)

    @admin.action(description=_("Purge deleted vehicles for good"))
    def purge(self, request: HttpRequest, queryset: QuerySet[Vehicle]) -> None:
        self._each(request, queryset, services.purge_vehicle)

    def _attach(self, request: HttpRequest, queryset: QuerySet[Vehicle], field: str) -> HttpResponse | None:
        """Ask which one on a page of its own, then give it to the ticked vehicles."""
        form = AttachForm(field, request.POST if "apply" in request.POST else None)
        if not (form.is_bound and form.is_valid()):
            return self._ask(request, queryset, form, f"attach_{field}")
        by: Any = request.user
        pks = list(queryset.values_list("pk", flat=True))
        self._tell(request, services.update_vehicles(pks, {field: form.cleaned_data["target"]}, by=by))
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[Vehicle], form: Any, name: str) -> HttpResponse:
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("%(n)d vehicle", "%(n)d vehicles", count) % {"n": count},
            "form": form,
            "action": name,
            "ticked": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.opts,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/vehicle_management/attach.html", context)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Vehicle], service: Callable[..., object]
    ) -> None:
        done = 0
        for vehicle in queryset.filter(deleted_at__isnull=False):
            try:
                service(vehicle, by=request.user)
                done += 1
            except VehicleConflict as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
        self._tell(request, done)

    def _tell(self, request: HttpRequest, count: int) -> None:
        message = ngettext("%(n)d vehicle changed.", "%(n)d vehicles changed.", count)
        self.message_user(request, message % {"n": count}, messages.SUCCESS if count else messages.WARNING)


@admin.register(VehicleChange)
class VehicleChangeAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("vehicle", "at", "what", "who")
    list_select_related = ("vehicle", "cause")
    list_filter = ("at", "vehicle__fleet")
    list_per_page = 50
    search_fields = ("vehicle__vehicle_id",)
    date_hierarchy = "at"
    show_full_result_count = False
    fields = ("vehicle", "at", "changes", "who")

    @admin.display(description=_("changes"))
    def what(self, change: VehicleChange) -> str:
        return told_changes(change.changes)

    @admin.display(description=_("by"))
    def who(self, change: VehicleChange) -> str:
        return told_cause(change)


@admin.register(VehicleStatus)
class VehicleStatusAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "vehicle", "status", "speed_kmh", "battery_pct", "fuel_pct", "odometer_km", "recorded_at",
    )  # fmt: skip
    list_select_related = ("vehicle",)
    list_filter = ("status", "recorded_at", "vehicle__fleet")
    list_per_page = 50
    search_fields = ("vehicle__vehicle_id",)
    date_hierarchy = "recorded_at"
    show_full_result_count = False


@admin.register(AttributeType)
class AttributeTypeAdmin(admin.ModelAdmin):
    """An attribute has the type that it was first seen with; one may change it."""

    list_display = ("name", "kind", "first_seen")
    list_editable = ("kind",)
    list_filter = ("kind",)
    search_fields = ("name",)
    date_hierarchy = "first_seen"
    readonly_fields = ("name", "first_seen")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ChangeBatch)
class ChangeBatchAdmin(ReadOnly, admin.ModelAdmin):
    """For whoever asks why a rule has not fired yet: what waits has no time at which it was done."""

    list_display = ("id", "lane", "cause", "fields", "created_at", "done_at")
    list_select_related = ("cause",)
    list_filter = ("lane", ("done_at", admin.EmptyFieldListFilter))
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeBatch]:
        return super().get_queryset(request).defer("old", "new", "vehicles", "rows", "times")
