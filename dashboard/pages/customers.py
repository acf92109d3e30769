"""Customers, and the vehicles that serve them."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer
from customer_management.services import create_customer, hide_customers, update_customer
from dashboard.bulk import MOST_AT_ONCE
from dashboard.exports import csv_of
from dashboard.forms.customers import CustomerForm
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.vehicle_table import vehicle_listing, vehicles_seen_by
from dashboard.shown import ago, link, number
from dashboard.tables import Column, Listing, Table
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.services import update_vehicles

MOST_TOLD = 5


def customer_link(customer: Customer) -> Any:
    return link(reverse("customer", args=[customer.pk]), customer.name, "fw-medium")


def _counted(name: str, label: Any, route: str) -> Column:
    def cell(customer: Any, me: User) -> Any:
        count = getattr(customer, name)
        return link(f"{reverse(route, args=[customer.pk])}", number(count)) if count else "0"

    return Column(name, label, lambda c: getattr(c, name), cell, name, is_number=True)


TABLE = Table(
    "customers",
    (
        Column("name", gettext_lazy("Customer"), lambda c: c.name, lambda c, me: customer_link(c), "name"),
        Column("external_id", gettext_lazy("External id"), lambda c: c.external_id, order="external_id"),
        Column("email", gettext_lazy("E-mail"), lambda c: c.email, order="email"),
        Column("phone", gettext_lazy("Phone"), lambda c: c.phone),
        Column("address", gettext_lazy("Address"), lambda c: c.address, is_shown=False),
        _counted("vehicle_count", gettext_lazy("Vehicles"), "customer"),
        _counted("open_tasks", gettext_lazy("Open tasks"), "customer"),
        Column(
            "updated_at",
            gettext_lazy("Changed"),
            lambda c: c.updated_at,
            lambda c, me: ago(c.updated_at),
            "updated_at",
            is_shown=False,
        ),
    ),
    ordering="name",
    search_fields=("name", "external_id", "email", "phone"),
    search_hint=gettext_lazy("Search name, external id, e-mail, phone"),
)


def customers_seen_by(me: User) -> QuerySet[Customer]:
    """With ``vehicle_count`` and ``open_tasks``, as far as one sees those."""
    counts = {
        "vehicle_count": Vehicle.objects.visible_to(me),
        "open_tasks": Task.objects.visible_to(me).open(),
    }
    return Customer.objects.visible_to(me).annotate(
        **{name: _count_per_customer(rows) for name, rows in counts.items()}
    )


def _count_per_customer(rows: QuerySet) -> Coalesce:
    per = rows.filter(customer=OuterRef("pk")).order_by().values("customer").annotate(n=Count("pk"))
    return Coalesce(Subquery(per.values("n"), output_field=IntegerField()), 0)


class Customers(Page):
    section = "customers"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = Listing(request, TABLE, customers_seen_by(self.me))
        context = {"listing": listing, "is_empty": not listing.total and not listing.is_narrowed}
        if self.part() == "listing":
            return self.show("customers/listing.html", context)
        return self.show("customers/list.html", context)


class CustomersCsv(Page):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return csv_of(Listing(request, TABLE, customers_seen_by(self.me)), "customers")


class OfCustomer(Page):
    section = "customers"

    def customer(self, pk: int) -> Customer:
        return get_object_or_404(Customer.objects.visible_to(self.me).select_related("cause"), pk=pk)


class CustomerPage(OfCustomer):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer = self.customer(pk)
        mine = vehicles_seen_by(self.me).filter(customer=customer)
        listing = vehicle_listing(request, self.me, mine)
        if self.part() == "listing":
            return self.show("customers/vehicles.html", {"customer": customer, "listing": listing})
        tasks = Task.objects.visible_to(self.me).open().filter(customer=customer)
        context = {
            "customer": customer,
            "listing": listing,
            "tasks": tasks.select_related("vehicle", "assignee").order_by("due_at", "pk")[:20],
            "task_count": tasks.count(),
        }
        return self.show("customers/page.html", context)


class CustomerVehicles(OfCustomer):
    """Attach vehicles by ids that were typed or pasted; detach the ticked ones."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer = self.customer(pk)
        address = reverse("customer", args=[pk])
        try:
            if request.POST.get("action") == "detach":
                told = self._detach(request, customer)
            else:
                told = self._attach(request, customer)
        except ValidationError as error:
            return self.refuse(address, error)
        return self.go(address, told)

    def _attach(self, request: HttpRequest, customer: Customer) -> str:
        ids = ids_of(request.POST.get("vehicle_ids", ""))
        found = dict(
            Vehicle.objects.visible_to(self.me).filter(vehicle_id__in=ids).values_list("vehicle_id", "pk")
        )
        if missing := [text for text in ids if text not in found]:
            told = _("There is no vehicle %(ids)s that you see; nothing was attached.")
            more = _(" and %(n)d more") % {"n": len(missing) - MOST_TOLD} if len(missing) > MOST_TOLD else ""
            raise ValidationError(told % {"ids": ", ".join(missing[:MOST_TOLD]) + more})
        count = update_vehicles(found.values(), {"customer": customer}, by=self.me)
        return ngettext("%(n)s vehicle was attached.", "%(n)s vehicles were attached.", count) % {
            "n": number(count)
        }

    def _detach(self, request: HttpRequest, customer: Customer) -> str:
        ticked = [
            int(text) for text in request.POST.getlist("selected") if text.isdecimal() and len(text) < 19
        ]
        mine = Vehicle.objects.visible_to(self.me).filter(customer=customer, pk__in=ticked)
        count = update_vehicles(mine.values_list("pk", flat=True), {"customer": None}, by=self.me)
        return ngettext("%(n)s vehicle was detached.", "%(n)s vehicles were detached.", count) % {
            "n": number(count)
        }


def ids_of(text: str) -> list[str]:
    """Ids with line breaks, commas, semicolons or tabs between; blanks only where nothing else divides."""
    divider = r"[\n\r,;\t]+" if re.search(r"[\n\r,;\t]", text) else r"\s+"
    ids = list(dict.fromkeys(part.strip() for part in re.split(divider, text) if part.strip()))
    if not ids:
        raise ValidationError(_("Name at least one vehicle by its id."))
    if len(ids) > MOST_AT_ONCE:
        raise ValidationError(
            _("More than %(most)d ids are given; attach them by a file.") % {"most": MOST_AT_ONCE}
        )
    return ids


class EditCustomer(OfCustomer):
    """A customer that is there (``pk``), or a new one."""

    read_by = WRITERS

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        customer = self.customer(pk) if pk is not None else None
        return self._form(customer, CustomerForm(me=self.me, customer=customer))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        customer = self.customer(pk) if pk is not None else None
        form = CustomerForm(request.POST, me=self.me, customer=customer)
        if form.is_valid():
            try:
                saved = self._save(customer, form.cleaned_data)
            except ValidationError as error:
                form.take(error)
            except CustomerConflict as error:
                form.add_error("external_id", str(error))
            else:
                return self.go(
                    reverse("customer", args=[saved.pk]), _("%(name)s was saved.") % {"name": saved.name}
                )
        return self._form(customer, form, 422)

    def _save(self, customer: Customer | None, values: dict[str, Any]) -> Customer:
        if customer is None:
            return create_customer(values, by=self.me)
        return update_customer(customer, values, by=self.me)

    def _form(self, customer: Customer | None, form: CustomerForm, status: int = 200) -> HttpResponse:
        return self.show("customers/form.html", {"customer": customer, "form": form}, status=status)


class DeleteCustomer(OfCustomer):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        customer = self.customer(pk)
        hide_customers([customer.pk], by=self.me)
        told = _("%(name)s was deleted; an administrator can restore it.")
        return self.go(reverse("customers"), told % {"name": customer.name})
