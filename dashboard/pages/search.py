"""Finding from anywhere: the search box, inputs that suggest, and the choice of columns."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from api_pattern.parsers import is_storable_text
from customer_management.models import Customer
from dashboard.pages.base import ANYONE, Page
from dashboard.picks import PICKS
from dashboard.tables import LONGEST_SEARCH, searched
from file_manager.models import Upload
from task_management.models import Task
from vehicle_management.models import Vehicle

PER_KIND = 5
TABLES = (
    "vehicles",
    "customers",
    "files",
    "tasks",
    "alerts",
    "firings",
    "performance",
    "driver-scores",
    "vehicle-scores",
    "trips",
    "parked",
    "archives",
)


class Search(Page):
    """Vehicles, customers, tasks and files that hold every word."""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("q", "")[:LONGEST_SEARCH].strip()
        text = text if is_storable_text(text) else ""
        groups = self._groups(text) if text else []
        context = {"text": text, "groups": groups, "found": any(hits for _label, _icon, hits in groups)}
        return self.show("search/results.html" if self.is_part else "search/page.html", context)

    def _groups(self, text: str) -> list[tuple[str, str, list[dict[str, Any]]]]:
        return [
            (_("Vehicles"), "tabler-truck", self._vehicles(text)),
            (_("Customers"), "tabler-building-store", self._customers(text)),
            (_("Tasks"), "tabler-checklist", self._tasks(text)),
            (_("Files"), "tabler-file-import", self._files(text)),
        ]

    def _vehicles(self, text: str) -> list[dict[str, Any]]:
        fields = ("vehicle_id", "plate", "vin", "make", "model")
        found = searched(Vehicle.objects.visible_to(self.me), text, fields).order_by("vehicle_id")
        return [
            _hit(
                "vehicle",
                one.vehicle_id,
                one.vehicle_id,
                " · ".join(filter(None, (one.plate, one.make, one.model))),
            )
            for one in found[:PER_KIND]
        ]

    def _customers(self, text: str) -> list[dict[str, Any]]:
        found = searched(Customer.objects.visible_to(self.me), text, ("name", "external_id", "email"))
        return [
            _hit("customer", one.pk, one.name, one.external_id or one.email)
            for one in found.order_by("name", "pk")[:PER_KIND]
        ]

    def _tasks(self, text: str) -> list[dict[str, Any]]:
        found = searched(
            Task.objects.visible_to(self.me), text, ("title", "external_id", "vehicle__vehicle_id")
        )
        return [
            _hit("task", one.pk, one.title, str(one.get_status_display()))
            for one in found.order_by("-pk")[:PER_KIND]
        ]

    def _files(self, text: str) -> list[dict[str, Any]]:
        found = searched(Upload.objects.visible_to(self.me), text, ("name",))
        return [
            _hit("upload", one.pk, one.name, str(one.get_status_display()))
            for one in found.order_by("-pk")[:PER_KIND]
        ]


def _hit(route: str, key: Any, label: str, hint: str | None) -> dict[str, Any]:
    return {"address": reverse(route, args=[key]), "label": label, "hint": hint or ""}


class Picks(Page):
    """Suggestions below an input."""

    def get(self, request: HttpRequest, thing: str) -> HttpResponse:
        if thing not in PICKS:
            raise Http404
        text = request.GET.get("q", "")[:LONGEST_SEARCH]
        picks = PICKS[thing](text, self.me) if is_storable_text(text) else []
        return self.show("parts/picks.html", {"picks": picks})


class Columns(Page):
    """Which columns of a table a person sees, kept in the session."""

    written_by = ANYONE

    def post(self, request: HttpRequest, table: str) -> HttpResponse:
        if table not in TABLES:
            raise Http404
        request.session[f"columns:{table}"] = [name[:50] for name in request.POST.getlist("columns")[:50]]
        back = request.POST.get("back", "")
        is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
        return HttpResponseRedirect(back if is_ours else "/")
