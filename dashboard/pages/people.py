"""People, keys and fleets: for administrators."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from accounts.exceptions import FleetInUse, LastAdministrator
from accounts.fleets import create_fleet, hide_fleet, update_fleet
from accounts.models import ApiKey, Fleet, User
from accounts.services import create_key, create_person, delete_person, revoke_key, update_person
from alerts.models import Alert
from dashboard.alert_words import IS_OPEN
from dashboard.forms.people import FleetForm, KeyForm, PersonForm, RetentionForm
from dashboard.pages.base import ADMINISTRATORS, Page
from telemetry.models import Archive, Retention
from vehicle_management.models import Vehicle

MOST_LISTED = 500


class AdministratorPage(Page):
    read_by = ADMINISTRATORS
    written_by = ADMINISTRATORS


class People(AdministratorPage):
    section = "people"

    def get(self, request: HttpRequest) -> HttpResponse:
        people = User.objects.visible_to(self.me).prefetch_related("fleets").order_by("email")
        return self.show("people/people.html", {"people": people[:MOST_LISTED]})


class EditPerson(AdministratorPage):
    """A person that is there (``pk``), or a new one."""

    section = "people"

    def person(self, pk: int | None) -> User | None:
        return get_object_or_404(User.objects.visible_to(self.me), pk=pk) if pk is not None else None

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        person = self.person(pk)
        return self._form(person, PersonForm(me=self.me, person=person))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        person = self.person(pk)
        form = PersonForm(request.POST, me=self.me, person=person)
        if form.is_valid():
            try:
                self._save(person, form)
            except ValidationError as error:
                form.take(error)
            except LastAdministrator as error:
                form.add_error("role", str(error))
            except IntegrityError:
                form.add_error("email", _("A person with this e-mail exists already."))
            else:
                return self.go(
                    reverse("people"), _("%(who)s was saved.") % {"who": form.cleaned_data["email"]}
                )
        return self._form(person, form, 422)

    def _save(self, person: User | None, form: PersonForm) -> None:
        fleets = form.cleaned_data["fleets"]
        with transaction.atomic():
            if person is None:
                create_person(form.values(), fleets=fleets)
            else:
                update_person(person, form.values(), fleets=fleets)

    def _form(self, person: User | None, form: PersonForm, status: int = 200) -> HttpResponse:
        return self.show("people/person.html", {"person": person, "form": form}, status=status)


class DeletePerson(AdministratorPage):
    section = "people"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        person = get_object_or_404(User.objects.visible_to(self.me), pk=pk)
        try:
            delete_person(person)
        except LastAdministrator as error:
            return self.refuse(reverse("people"), error)
        return self.go(reverse("people"), _("%(who)s was deleted.") % {"who": person.email})


# ---------------------------------------------------------------- keys


class Keys(AdministratorPage):
    section = "keys"

    def get(self, request: HttpRequest) -> HttpResponse:
        keys = ApiKey.objects.visible_to(self.me).prefetch_related("fleets").order_by("revoked_at", "-pk")
        context = {"keys": keys[:MOST_LISTED], "now": timezone.now()}
        return self.show("people/keys.html", context)


class NewKey(AdministratorPage):
    section = "keys"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("people/key.html", {"form": KeyForm(me=self.me)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(request.POST, me=self.me)
        if not form.is_valid():
            return self.show("people/key.html", {"form": form}, status=422)
        key, secret = create_key(form.values(), fleets=form.cleaned_data["fleets"], by=self.me)
        # Told this once: it is neither stored nor put into an address.
        answer = self.show("people/key_made.html", {"key": key, "secret": secret})
        patch_cache_control(answer, no_store=True)
        return answer


class RevokeKey(AdministratorPage):
    section = "keys"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        key = get_object_or_404(ApiKey.objects.visible_to(self.me), pk=pk)
        revoke_key(key)
        return self.go(reverse("keys"), _("The key “%(name)s” is dead from now on.") % {"name": key.name})


# ---------------------------------------------------------------- fleets


class Fleets(AdministratorPage):
    section = "fleets"

    def get(self, request: HttpRequest) -> HttpResponse:
        per = (
            Vehicle.objects.visible_to(self.me)
            .filter(fleet=OuterRef("pk"))
            .order_by()
            .values("fleet")
            .annotate(n=Count("pk"))
        )
        alerts = Alert.objects.visible_to(self.me).filter(IS_OPEN, vehicle__fleet=OuterRef("pk"))
        per_fleet = alerts.order_by().values("vehicle__fleet").annotate(n=Count("pk"))
        fleets = Fleet.objects.visible_to(self.me).annotate(
            vehicle_count=Coalesce(Subquery(per.values("n"), output_field=IntegerField()), 0),
            people_count=Count("membership"),
            alert_count=Coalesce(Subquery(per_fleet.values("n"), output_field=IntegerField()), 0),
        )
        return self.show("people/fleets.html", {"fleets": fleets[:MOST_LISTED]})


class EditFleet(AdministratorPage):
    """A fleet that is there (``fleet_id``), or a new one."""

    section = "fleets"

    def fleet(self, fleet_id: str | None) -> Fleet | None:
        if fleet_id is None:
            return None
        return get_object_or_404(Fleet.objects.visible_to(self.me), fleet_id=fleet_id)

    def get(self, request: HttpRequest, fleet_id: str | None = None) -> HttpResponse:
        fleet = self.fleet(fleet_id)
        return self._form(fleet, FleetForm(me=self.me, fleet=fleet))

    def post(self, request: HttpRequest, fleet_id: str | None = None) -> HttpResponse:
        fleet = self.fleet(fleet_id)
        form = FleetForm(request.POST, me=self.me, fleet=fleet)
        if form.is_valid():
            try:
                with transaction.atomic():
                    saved = (
                        update_fleet(fleet, form.cleaned_data) if fleet else create_fleet(form.cleaned_data)
                    )
            except IntegrityError:
                form.add_error("fleet_id", _("A fleet with this id exists already."))
            else:
                return self.go(reverse("fleets"), _("%(name)s was saved.") % {"name": saved.fleet_name})
        return self._form(fleet, form, 422)

    def _form(self, fleet: Fleet | None, form: FleetForm, status: int = 200) -> HttpResponse:
        return show_fleet(self, fleet, form=form, status=status)


def show_fleet(
    page: Page,
    fleet: Fleet | None,
    *,
    form: FleetForm | None = None,
    retention: RetentionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a fleet; what was typed into one of its forms stands in it again."""
    own = Retention.objects.filter(fleet=fleet).first() if fleet else None
    context = {
        "fleet": fleet,
        "form": form or FleetForm(me=page.me, fleet=fleet),
        "retention": retention or RetentionForm(me=page.me, initial={"days": own.days if own else None}),
        "archived": Archive.objects.filter(fleet=fleet).exclude(status=Archive.Status.WRITING).count()
        if fleet
        else 0,
        "people": fleet.people.order_by("email") if fleet else (),
    }
    return page.show("people/fleet.html", context, status=status)


class DeleteFleet(AdministratorPage):
    section = "fleets"

    def post(self, request: HttpRequest, fleet_id: str) -> HttpResponse:
        fleet = get_object_or_404(Fleet.objects.visible_to(self.me), fleet_id=fleet_id)
        try:
            hide_fleet(fleet)
        except FleetInUse as error:
            return self.go(reverse("fleets"), str(error), level=messages.ERROR)
        return self.go(reverse("fleets"), _("%(name)s was deleted.") % {"name": fleet.fleet_name})
