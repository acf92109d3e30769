"""The list of vehicles, what is done to many of them at once, and new ones."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Fleet
from dashboard.bulk import chosen
from dashboard.exports import csv_of
from dashboard.forms.vehicles import VehicleForm
from dashboard.pages.base import WRITERS, Page
from dashboard.pages.vehicle_table import vehicle_listing
from dashboard.picks import find_customer
from dashboard.shown import number
from vehicle_management.exceptions import VehicleConflict
from vehicle_management.models import Vehicle
from vehicle_management.services import create_vehicles, update_vehicles


class Vehicles(Page):
    section = "vehicles"

    def get(self, request: HttpRequest) -> HttpResponse:
        listing = vehicle_listing(request, self.me)
        context = {"listing": listing, "is_empty": not listing.total and not listing.is_narrowed}
        if self.part() == "listing":
            return self.show("vehicles/listing.html", context)
        return self.show("vehicles/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Give the ticked vehicles a customer or a fleet."""
        listing = vehicle_listing(request, self.me)
        back = listing.address()
        try:
            values, name = self._values(request)
            pks = chosen(request, listing.filtered, Vehicle.objects.visible_to(self.me))
            count = update_vehicles(pks, values, by=self.me)
        except ValidationError as error:
            return self.refuse(back, error)
        told = ngettext("%(n)s vehicle now has %(what)s.", "%(n)s vehicles now have %(what)s.", count)
        unchanged = len(pks) - count
        rest = _(" %(n)s had it already.") % {"n": number(unchanged)} if unchanged else ""
        return self.go(back, told % {"n": number(count), "what": name} + rest)

    def _values(self, request: HttpRequest) -> tuple[dict[str, Any], str]:
        action = request.POST.get("action", "")
        if action == "detach_customer":
            return {"customer": None}, _("no customer")
        if action == "attach_customer":
            text = request.POST.get("customer", "").strip()
            customer = find_customer(text, self.me) if text else None
            if customer is None:
                told = _("There is no customer “%(text)s” that you see; choose one of the suggestions.")
                raise ValidationError(told % {"text": text[:100]})
            return {"customer": customer}, _("the customer %(name)s") % {"name": customer.name}
        if action == "move_to_fleet":
            fleet_id = request.POST.get("fleet_id", "")
            fleet = self._fleet(fleet_id)
            return {"fleet": fleet}, _("the fleet %(name)s") % {"name": fleet.fleet_name}
        raise ValidationError(_("Choose what to do with the ticked vehicles."))

    def _fleet(self, fleet_id: str) -> Any:
        from_choices = {fleet.fleet_id: fleet for fleet in self.fleets()}
        if fleet_id not in from_choices:
            raise ValidationError(_("Choose one of your fleets."))
        return from_choices[fleet_id]

    def fleets(self) -> Any:
        return Fleet.objects.visible_to(self.me)


class VehiclesCsv(Page):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return csv_of(vehicle_listing(request, self.me), "vehicles")


class NewVehicle(Page):
    section = "vehicles"
    read_by = WRITERS

    def get(self, request: HttpRequest) -> HttpResponse:
        initial: dict[str, Any] = {"fleet": Fleet.objects.visible_to(self.me).first()}
        if customer := request.GET.get("customer"):
            initial["customer"] = customer
        return self._form(VehicleForm(me=self.me, initial=initial))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = VehicleForm(request.POST, me=self.me)
        if not form.is_valid():
            return self._form(form, 422)
        try:
            vehicle = create_vehicles([form.values()], by=self.me)[0]
        except ValidationError as error:
            form.take(error)
        except VehicleConflict as error:
            form.add_error("vin" if "VIN" in str(error) else "vehicle_id", str(error))
        else:
            told = _("Vehicle %(id)s was created.") % {"id": vehicle.vehicle_id}
            return self.go(reverse("vehicle", args=[vehicle.vehicle_id]), told)
        return self._form(form, 422)

    def _form(self, form: VehicleForm, status: int = 200) -> HttpResponse:
        return self.show("vehicles/form.html", {"form": form}, status=status)
