from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customer_management import services
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer

SAVED = ("external_id", "name", "email", "phone", "address", "attributes")


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = SAVED

    def clean_attributes(self) -> Any:
        return services.check_attributes(self.cleaned_data["attributes"] or {})


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    form = CustomerForm
    list_display = ("name", "external_id", "email", "phone", "vehicle_count", "created_at")
    list_filter = ("created_at",)
    search_fields = ("name", "external_id", "email", "phone")
    date_hierarchy = "created_at"
    actions = ("hide", "restore")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        found = Customer.all_objects.all() if "hidden" in request.GET else Customer.objects.all()
        return found.annotate(alive_vehicles=Count("vehicles", filter=Q(vehicles__deleted_at__isnull=True)))

    @admin.display(description=gettext_lazy("vehicles"), ordering="alive_vehicles")
    def vehicle_count(self, customer: Any) -> int:
        return int(customer.alive_vehicles)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Hiding is an action; it can be undone."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by: Any = request.user
        values = {name: form.cleaned_data[name] for name in SAVED}
        try:
            if change:
                services.update_customer(obj, values, by=by)
            else:
                obj.pk = services.create_customer(values, by=by).pk
        except CustomerConflict as error:
            messages.error(request, str(error))

    @admin.action(description=gettext_lazy("Delete (can be restored)"))
    def hide(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        by: Any = request.user
        count = services.hide_customers(queryset.values_list("pk", flat=True), by=by)
        self.message_user(request, _("%(n)d customers are deleted; restore them here.") % {"n": count})

    @admin.action(description=gettext_lazy("Restore"))
    def restore(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for customer in queryset.filter(deleted_at__isnull=False):
            try:
                services.restore_customer(customer)
            except CustomerConflict as error:
                self.message_user(request, str(error), messages.ERROR)
