"""Logging in and out, and what a person says of himself."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.exceptions import WrongCredentials
from accounts.services import change_password, check_credentials, update_person
from accounts.throttling import guarded_login
from api_pattern.exceptions import TooManyAttempts
from dashboard.forms.people import LONGEST_PASSWORD, PasswordForm, ProfileForm
from dashboard.management.commands.load_demo import ACCOUNTS
from dashboard.pages.base import ANYONE, Page

LONGEST_EMAIL = 254


@method_decorator((never_cache, sensitive_post_parameters("password")), name="dispatch")
class Login(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.next_address(request))
        return self._show(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        email = request.POST.get("email", "")[:LONGEST_EMAIL].replace("\x00", "")
        password = request.POST.get("password", "")[:LONGEST_PASSWORD]
        try:
            with guarded_login(email, request.META.get("REMOTE_ADDR") or ""):
                person = check_credentials(email, password)
        except WrongCredentials as error:
            return self._show(request, 401, email=email, error=str(error))
        except TooManyAttempts as error:
            return self._show(request, 429, email=email, error=str(error))
        login(request, person, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponseRedirect(self.next_address(request))

    def _show(self, request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
        demo = (
            [(role.label, email, password) for email, password, _name, role in ACCOUNTS]
            if settings.DEMO
            else []
        )
        given = {"demo": demo, "next": request.POST.get("next", request.GET.get("next", "")), **context}
        return render(request, "dashboard/login.html", given, status=status)

    def next_address(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next", request.GET.get("next", ""))
        is_ours = url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
        return wanted if is_ours else "/"


class Logout(Page):
    written_by = ANYONE

    def post(self, request: HttpRequest) -> HttpResponse:
        logout(request)
        return HttpResponseRedirect("/login")


class Profile(Page):
    section = "profile"
    written_by = ANYONE

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page()

    def page(
        self, form: ProfileForm | None = None, password_form: PasswordForm | None = None
    ) -> HttpResponse:
        initial = {"name": self.me.name, "time_zone": self.me.time_zone, "units": self.me.units}
        context = {
            "form": form or ProfileForm(me=self.me, initial=initial),
            "password_form": password_form or PasswordForm(me=self.me),
            "fleets": sorted(self.me.fleets_by_id),
        }
        return self.show("profile.html", context, status=422 if form or password_form else 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST, me=self.me)
        if not form.is_valid():
            return self.page(form)
        update_person(self.me, dict(form.cleaned_data))
        return self.go("/profile", _("Your profile was saved."))


@method_decorator(sensitive_post_parameters(), name="dispatch")
class ChangePassword(Profile):
    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PasswordForm(request.POST, me=self.me)
        if form.is_valid():
            try:
                given = form.cleaned_data
                person = change_password(
                    self.me, password=given["password"], old_password=given["old_password"]
                )
            except ValidationError as error:
                form.take(error)
            else:
                update_session_auth_hash(request, person)
                return self.go("/profile", _("Your password was changed; other logins of yours have ended."))
        return self.page(password_form=form)
