"""Customers: the list, one customer with vehicles and open tasks, and its forms."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.actors import sender_of
from customer_management import services
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer
from dashboard.views.access import members, told_errors, writers
from dashboard.views.tables import Table, TableColumn
from dashboard.views.vehicle_forms import styled
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.services import update_vehicles

COLUMNS = (
    TableColumn("name", gettext_lazy("Name"), lambda c: c.name, "name"),
    TableColumn("external_id", gettext_lazy("External id"), lambda c: c.external_id, "external_id"),
    TableColumn("email", gettext_lazy("E-mail"), lambda c: c.email, "email"),
    TableColumn("phone", gettext_lazy("Phone"), lambda c: c.phone),
    TableColumn("vehicles", gettext_lazy("Vehicles"), lambda c: c.vehicle_count, is_number=True),
)
SHOWN_VEHICLES = 200


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ("name", "external_id", "email", "phone", "address", "attributes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def _post_clean(self) -> None:
        """The service checks and stores."""


def find_customer(request: HttpRequest, pk: int) -> Customer:
    customer = Customer.objects.visible_to(sender_of(request)).select_related("cause").filter(pk=pk).first()
    if customer is None:
        raise Http404(_("Customer %(id)d not found") % {"id": pk})
    return customer


def _with_counts(rows: QuerySet, user: Any) -> QuerySet:
    seen = Q(vehicles__deleted_at__isnull=True)
    if not user.is_administrator:
        seen &= Q(vehicles__fleet__in=user.fleet_pks)
    return rows.annotate(vehicle_count=Count("vehicles", filter=seen))


@members
def customer_list(request: HttpRequest) -> HttpResponseBase:
    user: Any = request.user
    rows = Customer.objects.visible_to(user)
    table = Table(
        request, rows, COLUMNS, searched=("name", "external_id", "email", "phone"), default_sort="name"
    )
    # Counted for the page's rows alone: a join over all of them would be made to count the pages too.
    pks = [customer.pk for customer in table.page]
    counts = dict(_with_counts(Customer.objects.filter(pk__in=pks), user).values_list("pk", "vehicle_count"))
    for customer in table.page:
        customer.vehicle_count = counts.get(customer.pk, 0)
    if table.wants_csv:
        table.rows = _with_counts(table.rows, user)
        return table.as_csv("customers")
    return render(request, "pages/customers/list.html", {"table": table, "filters": request.GET})


@members
def customer_page(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    customer = find_customer(request, pk)
    vehicles = Vehicle.objects.visible_to(user).filter(customer=customer).select_related("fleet")
    shown = {
        "customer": customer,
        "vehicles": vehicles[:SHOWN_VEHICLES],
        "vehicle_count": vehicles.count(),
        "tasks": Task.objects.visible_to(user)
        .open()
        .filter(Q(customer=customer) | Q(vehicle__customer=customer))[:50],
        "cause": customer.told_cause(),
    }
    return render(request, "pages/customers/page.html", shown)


@writers
@require_POST
def customer_attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Attach pasted vehicle ids, or detach the ticked vehicles."""
    user: Any = request.user
    customer = find_customer(request, pk)
    seen = Vehicle.objects.visible_to(user)
    if "detach" in request.POST:
        ticked = [int(one) for one in request.POST.getlist("ticked") if one.isdecimal()]
        chosen = seen.filter(customer=customer, pk__in=ticked)
        count = update_vehicles(list(chosen.values_list("pk", flat=True)), {"customer": None}, by=user)
        messages.success(request, _("%(n)d vehicles detached.") % {"n": count})
    else:
        named = {
            word for word in re.split(r"[\s,;]+", request.POST.get("ids", "").replace("\x00", "")) if word
        }
        found = dict(seen.filter(vehicle_id__in=named).values_list("vehicle_id", "pk"))
        count = update_vehicles(found.values(), {"customer": customer}, by=user)
        messages.success(request, _("%(n)d vehicles attached.") % {"n": count})
        if missing := sorted(named - found.keys()):
            messages.error(request, _("Not found: %(ids)s.") % {"ids": ", ".join(missing[:10])})
    return redirect(f"/customers/{pk}")


@writers
def customer_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@writers
def customer_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit(request, find_customer(request, pk))


def _edit(request: HttpRequest, customer: Customer | None) -> HttpResponse:
    user: Any = request.user
    form = CustomerForm(request.POST or None, instance=customer)
    if request.method == "POST" and form.is_valid():
        try:
            values = {**form.cleaned_data, "attributes": form.cleaned_data["attributes"] or {}}
            if customer:
                saved = services.update_customer(customer, values, by=user)
            else:
                saved = services.create_customer(values, by=user)
        except (ValidationError, CustomerConflict) as error:
            for text in told_errors(error):
                form.add_error(None, text)
        else:
            return redirect(f"/customers/{saved.pk}")
    heading = customer.name if customer else _("New customer")
    back = f"/customers/{customer.pk}" if customer else "/customers"
    return render(request, "pages/form_page.html", {"form": form, "heading": heading, "back": back})


@writers
@require_POST
def customer_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    services.hide_customers([find_customer(request, pk).pk], by=user)
    messages.success(request, _("The customer is deleted; an administrator can restore it."))
    return redirect("/customers")
