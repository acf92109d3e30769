"""People: who has access to what, for administrators."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import services
from accounts.exceptions import FleetConflict, FleetInUse, LastAdministrator
from accounts.models import User
from dashboard.forms.base import StyledForm
from dashboard.forms.people import PersonForm
from dashboard.views.access import administrators
from dashboard.views.tables import Table, TableColumn

REFUSALS = (LastAdministrator, FleetConflict, FleetInUse)
COLUMNS = (
    TableColumn("email", gettext_lazy("Person"), lambda person: person.email, "email"),
    TableColumn("name", gettext_lazy("Name"), lambda person: person.name, "name"),
    TableColumn("role", gettext_lazy("Role"), lambda person: person.role, "role"),
    TableColumn("fleets", gettext_lazy("Fleets"), lambda person: ", ".join(fleets_of(person))),
    TableColumn("is_active", gettext_lazy("May log in"), lambda person: person.is_active, "is_active"),
    TableColumn("last_login", gettext_lazy("Last login"), lambda person: person.last_login, "last_login"),
)


def fleets_of(person: User) -> list[str]:
    """Uses what was prefetched."""
    return sorted(fleet.fleet_id for fleet in person.fleets.all() if fleet.deleted_at is None)


def stored(form: StyledForm, store: Callable[[], Any]) -> bool:
    """Whether the service took it; what it refuses is told at the form's fields."""
    try:
        store()
    except ValidationError as error:
        form.take(error)
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
    return not form.errors


def show_form(
    request: HttpRequest, form: StyledForm, *, heading: str, back: str, address: str = "", help_text: str = ""
) -> HttpResponse:
    """``address`` is where the thing is deleted, where it can be."""
    shown = {"form": form, "heading": heading, "back": back, "help": help_text, "delete": address}
    return render(request, "pages/people/form.html", shown, status=422 if form.errors else 200)


def found_person(request: HttpRequest, pk: int) -> User:
    person: User | None = User.objects.visible_to(request.user).filter(pk=pk).first()
    if person is None:
        raise Http404(_("Person %(id)d not found") % {"id": pk})
    return person


@administrators
def person_list(request: HttpRequest) -> HttpResponseBase:
    rows = User.objects.visible_to(request.user).prefetch_related("fleets")
    role = request.GET.get("role", "")
    if role in User.Role.values:
        rows = rows.filter(role=role)
    table = Table(request, rows, COLUMNS, searched=("email", "name"), default_sort="email")
    if table.wants_csv:
        return table.as_csv("people")
    for person in table.page:
        person.fleet_ids = fleets_of(person)
    shown = {"table": table, "filters": request.GET, "roles": User.Role.choices}
    return render(request, "pages/people/people.html", shown)


@administrators
def person_new(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = PersonForm(request.POST or None, me=user)
    if request.method == "POST" and form.is_valid():
        fleets = form.cleaned_data["fleets"]
        if stored(form, lambda: services.create_person(form.values(), fleets=fleets)):
            messages.success(request, _("%(email)s is added.") % {"email": form.cleaned_data["email"]})
            return redirect("/people")
    return show_form(request, form, heading=_("New person"), back="/people")


@administrators
def person_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    person = found_person(request, pk)
    form = PersonForm(request.POST or None, me=user, person=person)
    if request.method == "POST" and form.is_valid():
        fleets = form.cleaned_data["fleets"]
        if stored(form, lambda: services.update_person(person, form.values(), fleets=fleets)):
            messages.success(request, _("%(email)s is saved.") % {"email": form.cleaned_data["email"]})
            return redirect("/people")
    told = _("A change of e-mail, role, activity or password ends this person's logins at once.")
    address = "" if person == user else f"/people/{pk}/delete"
    return show_form(request, form, heading=str(person), back="/people", address=address, help_text=told)


@administrators
@require_POST
def person_delete(request: HttpRequest, pk: int) -> HttpResponse:
    person = found_person(request, pk)
    try:
        services.delete_person(person)
    except LastAdministrator as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, _("%(email)s is deleted; histories keep the name.") % {"email": person.email}
        )
    return redirect("/people")
