"""Vehicles: the list, one vehicle with all that is known of it, and its forms."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.models import Fleet
from customer_management.models import Customer
from dashboard.views.access import members, told_errors, writers
from dashboard.views.tables import Table, TableColumn, chosen_filters
from dashboard.views.vehicle_forms import StatusForm, VehicleForm
from rules.models import Firing, Rule
from task_management.models import Task
from vehicle_management import services
from vehicle_management.advance import as_text
from vehicle_management.attributes import STATUS_ATTRIBUTES
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.history import History
from vehicle_management.live import told_status
from vehicle_management.models import Vehicle, VehicleStatus

FILTERS = {
    "fleet": "fleet__fleet_id", "customer": "customer__pk", "status": "shown_status", "make": "make__iexact",
    "type": "vehicle_type__iexact",
}  # fmt: skip
SEARCHED = ("vehicle_id", "vin", "plate", "make", "model")
HISTORY_SHOWN = 100


def _known(name: str) -> Any:
    return lambda vehicle: getattr(getattr(vehicle, "status", None), name, None)


COLUMNS = (
    TableColumn("vehicle_id", gettext_lazy("Vehicle"), lambda v: v.vehicle_id, "vehicle_id"),
    TableColumn("plate", gettext_lazy("Plate"), lambda v: v.plate, "plate"),
    TableColumn(
        "make", gettext_lazy("Make and model"), lambda v: f"{v.make or ''} {v.model or ''}".strip(), "make"
    ),
    TableColumn("model_year", gettext_lazy("Year"), lambda v: v.model_year, "model_year", is_number=True),
    TableColumn(
        "customer", gettext_lazy("Customer"), lambda v: v.customer and v.customer.name, "customer__name"
    ),
    TableColumn("fleet", gettext_lazy("Fleet"), lambda v: v.fleet and v.fleet.fleet_id, "fleet__fleet_id"),
    TableColumn("status", gettext_lazy("Status"), lambda v: v.shown_status),
    TableColumn("speed_kmh", gettext_lazy("Speed"), _known("speed_kmh"), "status__speed_kmh", is_number=True),
    TableColumn(
        "battery_pct", gettext_lazy("Battery"), _known("battery_pct"), "status__battery_pct", is_number=True
    ),
    TableColumn(
        "odometer_km", gettext_lazy("Odometer"), _known("odometer_km"), "status__odometer_km", is_number=True
    ),
    TableColumn("vin", gettext_lazy("VIN"), lambda v: v.vin, "vin", is_shown=False),
    TableColumn(
        "vehicle_type", gettext_lazy("Type"), lambda v: v.vehicle_type, "vehicle_type", is_shown=False
    ),
    TableColumn("fuel_type", gettext_lazy("Fuel"), lambda v: v.fuel_type, "fuel_type", is_shown=False),
    TableColumn("color", gettext_lazy("Color"), lambda v: v.color, "color", is_shown=False),
    TableColumn("recorded_at", gettext_lazy("Last seen"), _known("recorded_at"), "status__recorded_at"),
)


def seen_vehicles(user: Any) -> QuerySet:
    return Vehicle.objects.visible_to(user).select_related("fleet", "customer", "status")


@members
def vehicle_list(request: HttpRequest) -> HttpResponseBase:
    user: Any = request.user
    rows = seen_vehicles(user).annotate(shown_status=told_status())
    filters = chosen_filters(request, FILTERS)
    if not str(filters.get("customer__pk", "0")).isdecimal():
        filters.pop("customer__pk")
    table = Table(request, rows.filter(**filters), COLUMNS, searched=SEARCHED, default_sort="vehicle_id")
    if table.wants_csv:
        return table.as_csv("vehicles")
    shown = {
        "table": table,
        "fleets": Fleet.objects.visible_to(user),
        "statuses": VehicleStatus.Status.choices,
        "filters": request.GET,
    }
    return render(request, "pages/vehicles/list.html", shown)


@writers
@require_POST
def attach(request: HttpRequest) -> HttpResponse:
    """Give the ticked vehicles a customer or a fleet; an empty choice takes it away."""
    user: Any = request.user
    field = "fleet" if request.POST.get("attach") == "fleet" else "customer"
    target = _target(user, field, request.POST.get(field, "").strip())
    back = request.POST.get("back") or "/vehicles"
    if target is Ellipsis:
        messages.error(request, _("There is no such %(field)s that you see.") % {"field": field})
        return redirect("/vehicles" if not back.startswith("/vehicles") else back)
    pks = [int(pk) for pk in request.POST.getlist("ticked") if pk.isdecimal()]
    seen = Vehicle.objects.visible_to(user).filter(pk__in=pks).values_list("pk", flat=True)
    count = services.update_vehicles(list(seen), {field: target}, by=user)
    messages.success(request, _("%(n)d vehicles changed.") % {"n": count})
    return redirect(back if back.startswith("/vehicles") else "/vehicles")


def _target(user: Any, field: str, text: str) -> Any:
    """The fleet or customer that is named, None for nothing, Ellipsis for one that is not seen."""
    if not text:
        return None if field == "customer" or user.is_administrator else ...
    if field == "fleet":
        return Fleet.objects.visible_to(user).filter(fleet_id=text).first() or ...
    seen = Customer.objects.visible_to(user)
    by_id = seen.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    return by_id or seen.filter(external_id=text).first() or seen.filter(name=text).first() or ...


def find_vehicle(request: HttpRequest, vehicle_id: str) -> Vehicle:
    vehicle = seen_vehicles(request.user).select_related("cause").filter(vehicle_id=vehicle_id).first()
    if vehicle is None:
        raise Http404(_("Vehicle %(id)s not found") % {"id": vehicle_id})
    return vehicle


@members
def vehicle_page(request: HttpRequest, vehicle_id: str) -> HttpResponse:
    user: Any = request.user
    vehicle = find_vehicle(request, vehicle_id)
    status = getattr(vehicle, "status", None)
    shown = {
        "vehicle": vehicle,
        "status": status,
        "shown_status": Vehicle.objects.filter(pk=vehicle.pk)
        .annotate(now=told_status())
        .values_list("now", flat=True)[0],
        "attributes": list(_attributes(status)),
        "history": History(vehicle)[0:HISTORY_SHOWN],
        "tasks": Task.objects.visible_to(user).filter(vehicle=vehicle).select_related("assignee")[:50],
        "firings": Firing.objects.filter(vehicle=vehicle)
        .select_related("rule")
        .prefetch_related("actions")[:50],
        "rules": Rule.objects.visible_to(user).filter(vehicles=vehicle),
        "facts": _facts(vehicle),
    }
    return render(request, "pages/vehicles/page.html", shown)


def _facts(vehicle: Vehicle) -> list[tuple[str, Any]]:
    named = (
        "vin",
        "plate",
        "make",
        "model",
        "model_year",
        "vehicle_type",
        "fuel_type",
        "color",
        "in_service_date",
        "notes",
    )
    facts = [(_label(name), getattr(vehicle, name)) for name in named]
    return [*facts, *sorted(vehicle.attributes.items())]


def _label(name: str) -> str:
    field: Any = Vehicle._meta.get_field(name)
    return str(field.verbose_name)


def _attributes(status: VehicleStatus | None) -> Any:
    """``{name, label, value, at}`` of every status attribute that is known, each with its own time."""
    if status is None:
        return
    newest = as_text(status.recorded_at)
    for name, attribute in STATUS_ATTRIBUTES.items():
        value = getattr(status, name)
        if value is not None:
            yield {
                "name": name,
                "label": attribute.label,
                "value": value,
                "at": status.times.get(name, newest),
            }
    for name, value in sorted(status.attributes.items()):
        yield {"name": name, "label": name, "value": value, "at": status.times.get(name, newest)}


@writers
def vehicle_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@writers
def vehicle_edit(request: HttpRequest, vehicle_id: str) -> HttpResponse:
    return _edit(request, find_vehicle(request, vehicle_id))


def _edit(request: HttpRequest, vehicle: Vehicle | None) -> HttpResponse:
    user: Any = request.user
    form = VehicleForm(request.POST or None, instance=vehicle, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            saved = form.store(by=user)
        except (ValidationError, VehicleConflict) as error:
            for text in told_errors(error):
                form.add_error(None, text)
        else:
            messages.success(request, _("Vehicle %(id)s is saved.") % {"id": saved.vehicle_id})
            return redirect(f"/vehicles/{saved.vehicle_id}")
    heading = vehicle.vehicle_id if vehicle else _("New vehicle")
    back = f"/vehicles/{vehicle.vehicle_id}" if vehicle else "/vehicles"
    return render(request, "pages/form_page.html", {"form": form, "heading": heading, "back": back})


@writers
def status_edit(request: HttpRequest, vehicle_id: str) -> HttpResponse:
    user: Any = request.user
    vehicle = find_vehicle(request, vehicle_id)
    form = StatusForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.record_status(vehicle, form.told(), at=None, by=user)
        except ValidationError as error:
            for text in told_errors(error):
                form.add_error(None, text)
        else:
            messages.success(request, _("The status is recorded."))
            return redirect(f"/vehicles/{vehicle.vehicle_id}")
    shown = {
        "form": form,
        "heading": _("Status of %(id)s") % {"id": vehicle.vehicle_id},
        "help": _("What you leave empty stays as it is known."),
        "back": f"/vehicles/{vehicle.vehicle_id}",
    }
    return render(request, "pages/form_page.html", shown)


@writers
@require_POST
def vehicle_delete(request: HttpRequest, vehicle_id: str) -> HttpResponse:
    user: Any = request.user
    services.hide_vehicles([find_vehicle(request, vehicle_id).pk], by=user)
    messages.success(
        request, _("Vehicle %(id)s is deleted; an administrator can restore it.") % {"id": vehicle_id}
    )
    return redirect("/vehicles")
