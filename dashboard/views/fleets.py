"""Fleets, for administrators."""

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.actors import sender_of
from accounts.exceptions import FleetConflict, FleetInUse
from accounts.fleets import create_fleet, hide_fleet, update_fleet
from accounts.models import Fleet, Membership
from dashboard.forms.people import FleetForm
from dashboard.views.access import administrators
from dashboard.views.people import show_form, stored
from dashboard.views.tables import Table, TableColumn
from vehicle_management.models import Vehicle

COLUMNS = (
    TableColumn("fleet_id", gettext_lazy("Fleet"), lambda fleet: fleet.fleet_id, "fleet_id"),
    TableColumn("fleet_name", gettext_lazy("Name"), lambda fleet: fleet.fleet_name, "fleet_name"),
    TableColumn("vehicles", gettext_lazy("Vehicles"), lambda fleet: fleet.vehicle_count, is_number=True),
    TableColumn("people", gettext_lazy("People"), lambda fleet: fleet.people_count, is_number=True),
    TableColumn("time_zone", gettext_lazy("Time zone"), lambda fleet: fleet.time_zone, "time_zone"),
    TableColumn("date_order", gettext_lazy("Order of dates"), lambda fleet: fleet.date_order),
)


def found_fleet(request: HttpRequest, pk: int) -> Fleet:
    fleet: Fleet | None = Fleet.objects.visible_to(sender_of(request)).filter(pk=pk).first()
    if fleet is None:
        raise Http404(_("Fleet %(id)d not found") % {"id": pk})
    return fleet


def _count(fleets: list[Any], user: Any) -> None:
    """Counted for the page's rows alone."""
    pks = [fleet.pk for fleet in fleets]
    vehicles = Vehicle.objects.visible_to(user).filter(fleet__in=pks).order_by()
    by_fleet = dict(vehicles.values_list("fleet").annotate(count=Count("pk")))
    members = Membership.objects.visible_to(user).filter(fleet__in=pks).order_by()
    people = dict(members.values_list("fleet").annotate(count=Count("pk", filter=Q(user__is_active=True))))
    for fleet in fleets:
        fleet.vehicle_count, fleet.people_count = by_fleet.get(fleet.pk, 0), people.get(fleet.pk, 0)


@administrators
def fleet_list(request: HttpRequest) -> HttpResponseBase:
    rows = Fleet.objects.visible_to(sender_of(request))
    table = Table(request, rows, COLUMNS, searched=("fleet_id", "fleet_name"), default_sort="fleet_id")
    _count(list(table.page), request.user)
    return render(request, "pages/people/fleets.html", {"table": table, "filters": request.GET})


@administrators
def fleet_new(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = FleetForm(request.POST or None, me=user)
    if request.method == "POST" and form.is_valid() and stored(form, lambda: _create(form.cleaned_data)):
        messages.success(request, _("Fleet %(id)s is added.") % {"id": form.cleaned_data["fleet_id"]})
        return redirect("/fleets")
    return show_form(request, form, heading=_("New fleet"), back="/fleets")


def _create(values: dict[str, Any]) -> None:
    try:
        with transaction.atomic():
            create_fleet(values)
    except IntegrityError as error:
        told = _("A fleet with the id “%(id)s” exists already.")
        raise FleetConflict(told % {"id": values["fleet_id"]}) from error


@administrators
def fleet_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    fleet = found_fleet(request, pk)
    form = FleetForm(request.POST or None, me=user, fleet=fleet)
    if (
        request.method == "POST"
        and form.is_valid()
        and stored(form, lambda: update_fleet(fleet, form.cleaned_data))
    ):
        messages.success(request, _("Fleet %(id)s is saved.") % {"id": fleet.fleet_id})
        return redirect("/fleets")
    return show_form(request, form, heading=fleet.fleet_id, back="/fleets", address=f"/fleets/{pk}/delete")


@administrators
@require_POST
def fleet_delete(request: HttpRequest, pk: int) -> HttpResponse:
    fleet = found_fleet(request, pk)
    try:
        hide_fleet(fleet)
    except FleetInUse as refusal:
        messages.error(request, str(refusal))
        return redirect(f"/fleets/{pk}")
    messages.success(request, _("Fleet %(id)s is deleted; restore it in the admin.") % {"id": fleet.fleet_id})
    return redirect("/fleets")
