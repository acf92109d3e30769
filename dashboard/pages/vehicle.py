"""One vehicle: its facts, its history, its tasks and firings, and what is changed of it."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.alert_words import IS_OPEN, alerts_seen_by
from dashboard.forms.base import pairs
from dashboard.forms.vehicles import StatusForm, VehicleForm, merged, value_text
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.vehicle_facts import history_page, live_facts, main_data, status_rows
from dashboard.pages.vehicle_table import vehicles_seen_by
from dashboard.pages.vehicle_trips import trips_and_charts
from dashboard.picks import find_customer
from rules.models import Firing, Rule
from rules.services import sentence_of
from rules.table import attribute_table
from task_management.models import Task
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import Vehicle
from vehicle_management.registry import kinds
from vehicle_management.services import hide_vehicles, record_status, update_vehicle

TABS = ("live", "history", "attributes", "tasks", "rules", "trips", "alerts")
MOST_LISTED = 50
MOST_SHOWN = 3


class OfVehicle(Page):
    """A page below a vehicle's address."""

    section = "vehicles"

    def vehicle(self, vehicle_id: str) -> Any:
        found = vehicles_seen_by(self.me).select_related("fleet", "customer", "status", "cause")
        return get_object_or_404(found, vehicle_id=vehicle_id)

    @staticmethod
    def address(vehicle: Vehicle, tab: str = "") -> str:
        return reverse("vehicle", args=[vehicle.vehicle_id]) + (f"?tab={tab}" if tab else "")


class VehiclePage(OfVehicle):
    def get(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        tab = request.GET.get("tab", "live")
        tab = tab if tab in TABS else "live"
        contexts: dict[str, Callable[[Vehicle], dict[str, Any]]] = {
            "live": self._live,
            "history": self._history,
            "attributes": self._attributes,
            "tasks": self._tasks,
            "rules": self._rules,
            "trips": self._trips,
            "alerts": self._alerts,
        }
        context = {"vehicle": vehicle, "tab": tab, "tabs": self._tabs(), **contexts[tab](vehicle)}
        context["worst_alerts"] = (
            self._alerts_of(vehicle).filter(IS_OPEN).order_by("-severity_rank", "-pk")[:MOST_SHOWN]
        )
        part = self.part()
        if part in ("tab-content", "history-more"):
            return self.show(f"vehicle/{tab if part == 'tab-content' else 'history_page'}.html", context)
        return self.show("vehicle/page.html", context)

    def _tabs(self) -> list[tuple[str, str]]:
        labels = (
            _("Live"),
            _("History"),
            _("Status attributes"),
            _("Tasks"),
            _("Rules and firings"),
            _("Trips and charts"),
            _("Alerts"),
        )
        return list(zip(TABS, labels, strict=True))

    def _live(self, vehicle: Vehicle) -> dict[str, Any]:
        return {"facts": live_facts(vehicle, self.me), "main_data": main_data(vehicle)}

    def _history(self, vehicle: Vehicle) -> dict[str, Any]:
        text = self.request.GET.get("page", "1")
        return history_page(vehicle, self.me, int(text) if text.isdecimal() and len(text) < 9 else 1)

    def _attributes(self, vehicle: Vehicle) -> dict[str, Any]:
        return {"rows": status_rows(vehicle, self.me), "own": sorted(vehicle.attributes.items())}

    def _tasks(self, vehicle: Vehicle) -> dict[str, Any]:
        tasks = Task.objects.visible_to(self.me).filter(vehicle=vehicle).select_related("assignee")
        return {"tasks": tasks.order_by("-pk")[:MOST_LISTED]}

    def _rules(self, vehicle: Vehicle) -> dict[str, Any]:
        firings = Firing.objects.visible_to(self.me).filter(vehicle=vehicle).select_related("rule")
        table = attribute_table()
        watching = self._watching(vehicle)
        return {
            "firings": firings.prefetch_related("actions").order_by("-pk")[:MOST_LISTED],
            "rules": [(rule, sentence_of(rule.pattern, table)) for rule in watching],
        }

    def _trips(self, vehicle: Vehicle) -> dict[str, Any]:
        return trips_and_charts(vehicle, self.me, self.request.GET)

    def _alerts(self, vehicle: Vehicle) -> dict[str, Any]:
        """The open ones first, then those that are over."""
        found = self._alerts_of(vehicle)
        return {
            "open_alerts": found.filter(IS_OPEN).order_by("-severity_rank", "-pk")[:MOST_LISTED],
            "closed_alerts": found.exclude(IS_OPEN).order_by("-triggered_at")[:MOST_LISTED],
        }

    def _alerts_of(self, vehicle: Vehicle) -> Any:
        return alerts_seen_by(self.me).filter(vehicle=vehicle)

    def _watching(self, vehicle: Vehicle) -> Any:
        naming = Q(everything=True) | Q(vehicles=vehicle)
        naming |= Q(fleets=vehicle.fleet_id) if vehicle.fleet_id else Q()
        naming |= Q(customers=vehicle.customer_id) if vehicle.customer_id else Q()
        naming |= Q(tasks__in=Task.objects.open().filter(vehicle=vehicle))
        seen = Rule.objects.visible_to(self.me).filter(naming)
        return seen.distinct().order_by("name", "pk")[:MOST_LISTED]


class EditVehicle(OfVehicle):
    read_by = WRITERS

    def get(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        held = [(name, value_text(value)) for name, value in sorted(vehicle.attributes.items())]
        return self._form(vehicle, VehicleForm(me=self.me, vehicle=vehicle), held)

    def post(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        form = VehicleForm(request.POST, me=self.me, vehicle=vehicle)
        typed = pairs(request.POST, "attribute-name", "attribute-value")
        if form.is_valid():
            values = form.values() | {"attributes": merged(vehicle.attributes, typed, kinds())}
            try:
                update_vehicle(vehicle, values, by=self.me)
            except ValidationError as error:
                form.take(error)
            except VehicleConflict as error:
                form.add_error("vin", str(error))
            else:
                return self.go(self.address(vehicle), _("The vehicle was saved."))
        return self._form(vehicle, form, typed, 422)

    def _form(
        self, vehicle: Vehicle, form: VehicleForm, typed: list[tuple[str, str]], status: int = 200
    ) -> HttpResponse:
        context = {"vehicle": vehicle, "form": form, "attributes": [*typed, ("", ""), ("", "")]}
        return self.show("vehicles/form.html", context, status=status)


class EditStatus(OfVehicle):
    read_by = WRITERS

    def get(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        status = getattr(vehicle, "status", None)
        others = status.attributes if status else {}
        held = [(name, value_text(value)) for name, value in sorted(others.items())]
        return self._form(vehicle, StatusForm(me=self.me, status=status), held)

    def post(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        status = getattr(vehicle, "status", None)
        form = StatusForm(request.POST, me=self.me, status=status)
        typed = pairs(request.POST, "attribute-name", "attribute-value")
        if form.is_valid():
            held = status.attributes if status else {}
            others = merged(held, typed, kinds())
            changed = {name: value for name, value in others.items() if held.get(name) != value}
            cleared = dict.fromkeys(held.keys() - others.keys())
            try:
                record_status(vehicle, {**form.changes(), **changed, **cleared}, at=None, by=self.me)
            except ValidationError as error:
                form.take(error)
            else:
                return self.go(self.address(vehicle, "attributes"), _("The status was saved."))
        return self._form(vehicle, form, typed, 422)

    def _form(
        self, vehicle: Vehicle, form: StatusForm, typed: list[tuple[str, str]], status: int = 200
    ) -> HttpResponse:
        context = {"vehicle": vehicle, "form": form, "attributes": [*typed, ("", ""), ("", "")]}
        return self.show("vehicle/status_form.html", context, status=status)


class AttachCustomer(OfVehicle):
    """The customer that the vehicle serves, from its header."""

    def post(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        text = request.POST.get("customer", "").strip()
        customer = find_customer(text, self.me) if text else None
        if text and customer is None:
            told = _("There is no customer “%(text)s” that you see; choose one of the suggestions.")
            return self.refuse(self.address(vehicle), ValidationError(told % {"text": text[:100]}))
        update_vehicle(vehicle, {"customer": customer}, by=self.me)
        told = (
            _("It serves %(name)s now.") % {"name": customer.name} if customer else _("It serves nobody now.")
        )
        return self.go(self.address(vehicle), told)


class DeleteVehicle(OfVehicle):
    def post(self, request: HttpRequest, vehicle_id: str) -> HttpResponse:
        vehicle = self.vehicle(vehicle_id)
        hide_vehicles([vehicle.pk], by=self.me)
        told = _("Vehicle %(id)s was deleted; an administrator can restore it.")
        return self.go(reverse("vehicles"), told % {"id": vehicle.vehicle_id})
