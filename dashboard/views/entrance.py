"""Logging in and out, and what a person says of themselves."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login, logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import services
from accounts.exceptions import WrongCredentials
from accounts.models import User
from accounts.throttling import guarded_login
from api_pattern.exceptions import TooManyAttempts
from dashboard.views.access import members
from dashboard.views.vehicle_forms import styled


def log_in(request: HttpRequest) -> HttpResponse:
    problem = ""
    if request.method == "POST":
        try:
            return _let_in(request)
        except (WrongCredentials, TooManyAttempts) as error:
            problem = str(error)
    status = 200 if not problem else 401
    shown = {"problem": problem, "email": request.POST.get("email", ""), "next": _next(request)}
    return render(request, "pages/login.html", shown, status=status)


def _let_in(request: HttpRequest) -> HttpResponse:
    email, password = request.POST.get("email", ""), request.POST.get("password", "")
    with guarded_login(email, request.META.get("REMOTE_ADDR", "")):
        user = services.check_credentials(email, password)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or "/"
    return target if url_has_allowed_host_and_scheme(target, {request.get_host()}) else "/"


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("/login")


class ProfileForm(forms.ModelForm):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=lambda: [(name, name) for name in sorted(zoneinfo.available_timezones())],
    )

    class Meta:
        model = User
        fields = ("name", "time_zone", "units")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class PasswordForm(forms.Form):
    old = forms.CharField(label=gettext_lazy("Password now"), widget=forms.PasswordInput, strip=False)
    new = forms.CharField(label=gettext_lazy("New password"), widget=forms.PasswordInput, strip=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


@members
def profile(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    is_password = request.method == "POST" and "new" in request.POST
    is_profile = request.method == "POST" and not is_password
    form = ProfileForm(request.POST if is_profile else None, instance=user)
    password = PasswordForm(request.POST if is_password else None)
    if is_profile and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("/profile")
    if is_password and password.is_valid() and _changed_password(request, password):
        return redirect("/profile")
    return render(request, "pages/profile.html", {"form": form, "password": password})


def _changed_password(request: HttpRequest, form: PasswordForm) -> bool:
    user: Any = request.user
    try:
        services.change_password(
            user, password=form.cleaned_data["new"], old_password=form.cleaned_data["old"]
        )
    except ValidationError as error:
        by_field = error.message_dict if hasattr(error, "error_dict") else {"new": error.messages}
        for name, texts in by_field.items():
            form.add_error("old" if name == "old_password" else "new", texts)
        return False
    user.refresh_from_db()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    messages.success(request, _("Your password is changed; you are logged out everywhere else."))
    return True
