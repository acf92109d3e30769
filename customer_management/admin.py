from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin import Refusing
from customer_management import services
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer

SAVED = ("external_id", "name", "email", "phone", "address", "attributes")
ALIVE_VEHICLES = Count("vehicles", filter=Q(vehicles__deleted_at__isnull=True))


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = SAVED

    def clean_external_id(self) -> str | None:
        external_id = (self.cleaned_data["external_id"] or "").strip() or None
        others = Customer.objects.exclude(pk=self.instance.pk)
        if external_id and others.filter(external_id=external_id).exists():
            message = _("The external id “%(id)s” is taken by another customer; choose another one.")
            raise ValidationError(message % {"id": external_id})
        return external_id

    def clean_attributes(self) -> dict[str, Any]:
        attributes = self.cleaned_data["attributes"] or {}
        if not isinstance(attributes, dict):
            raise ValidationError(_("Attributes are a JSON object, such as {“segment”: “city”}."))
        try:
            return services.check_attributes(attributes)
        except ValidationError as error:
            # A field's own check may not name the field.
            raise ValidationError(error.messages) from error


class ServedFilter(admin.SimpleListFilter):
    title = _("vehicles")
    parameter_name = "served"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("with vehicles")), ("no", _("without a vehicle"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        alive = Q(vehicles__isnull=False, vehicles__deleted_at__isnull=True)
        served = Customer.all_objects.filter(alive).values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=served)
        return queryset.exclude(pk__in=served) if self.value() == "no" else queryset


@admin.register(Customer)
class CustomerAdmin(Refusing, admin.ModelAdmin):
    """Hidden customers too; an administrator restores or purges them."""

    refusals = (CustomerConflict,)
    form = CustomerForm
    list_display = (
        "name",
        "external_id",
        "email",
        "phone",
        "vehicle_count",
        "created_by",
        "created_at",
        "deleted_at",
    )
    list_filter = (("deleted_at", admin.EmptyFieldListFilter), ServedFilter)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name", "external_id", "email", "phone")
    date_hierarchy = "created_at"
    readonly_fields = ("vehicle_count", "made_by", "created_at", "updated_at", "deleted_at")
    fields = (*SAVED, *readonly_fields)
    actions = ("restore", "purge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        # A subquery per shown row: a join would count the vehicles of all customers for every page.
        one = Customer.all_objects.filter(pk=OuterRef("pk")).order_by()
        count = one.values("pk").annotate(count=ALIVE_VEHICLES).values("count")
        return Customer.all_objects.select_related("cause", "created_by").annotate(
            alive_vehicles=Subquery(count)
        )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if request.path.endswith("/autocomplete/"):
            queryset = queryset.filter(deleted_at__isnull=True)
        return super().get_search_results(request, queryset, search_term)

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Deleting hides: nothing goes with it."""
        return [str(customer) for customer in objs], {str(_("customers")): len(objs)}, set(), []

    @admin.display(description=_("vehicles"), ordering="alive_vehicles")
    def vehicle_count(self, customer: Any) -> int:
        return int(getattr(customer, "alive_vehicles", 0) or 0)

    @admin.display(description=_("made by"))
    def made_by(self, customer: Customer) -> str:
        told = customer.told_cause() or {}
        return ", ".join(f"{name}: {value}" for name, value in told.items()) or "-"

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        by: Any = request.user
        values = {name: form.cleaned_data[name] for name in SAVED}
        saved = (
            services.update_customer(obj, values, by=by)
            if change
            else services.create_customer(values, by=by)
        )
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        self.delete_queryset(request, Customer.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        by: Any = request.user
        services.hide_customers(queryset.values_list("pk", flat=True), by=by)

    @admin.action(description=_("Restore deleted customers"))
    def restore(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._each(request, queryset, services.restore_customer)

    @admin.action(description=_("Purge deleted customers for good"))
    def purge(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        self._each(request, queryset, services.purge_customer)

    def _each(self, request: HttpRequest, queryset: QuerySet[Customer], service: Any) -> None:
        done = 0
        for customer in queryset.filter(deleted_at__isnull=False):
            try:
                service(customer)
                done += 1
            except CustomerConflict as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
        told = ngettext("%(n)d customer done.", "%(n)d customers done.", done)
        self.message_user(request, told % {"n": done})
