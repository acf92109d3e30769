"""What every page has in common: who may open it, the person's time zone, whole pages and parts of them."""

from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.generic import View
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User

ANYONE, WRITERS, ADMINISTRATORS = "anyone", "writers", "administrators"


class Page(View):
    """A page for people who are logged in. ``read_by`` and ``written_by`` say which of them."""

    section: ClassVar[str] = ""
    read_by: ClassVar[str] = ANYONE
    written_by: ClassVar[str] = WRITERS

    @property
    def me(self) -> User:
        return cast(User, self.request.user)

    @property
    def is_part(self) -> bool:
        """HTMX asks for a part of the page that it shows already."""
        htmx: Any = self.request.htmx  # type: ignore[attr-defined]
        return bool(htmx) and not htmx.history_restore_request

    def part(self) -> str:
        """The id of the element that HTMX will fill."""
        htmx: Any = self.request.htmx  # type: ignore[attr-defined]
        return (htmx.target or "") if self.is_part else ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return ask_to_log_in(request)
        if not may(
            self.me, self.read_by if request.method in ("GET", "HEAD", "OPTIONS") else self.written_by
        ):
            raise PermissionDenied
        with timezone.override(ZoneInfo(self.me.time_zone)):
            response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ("HX-Request", "HX-Target", "Cookie"))
        patch_cache_control(response, private=True, no_cache=True)
        return response

    def show(
        self, template: str, context: dict[str, Any] | None = None, *, status: int = 200
    ) -> HttpResponse:
        given = {"page": self, "me": self.me, "section": self.section, **(context or {})}
        return render(self.request, f"dashboard/{template}", given, status=status)

    def go(self, address: str, told: str = "", *, level: int = messages.SUCCESS) -> HttpResponse:
        """On to another page, with a word about what was done."""
        if told:
            messages.add_message(self.request, level, told)
        if self.is_part:
            return cast(HttpResponse, HttpResponseClientRedirect(address))
        return HttpResponseRedirect(address)

    def refuse(self, address: str, error: Exception) -> HttpResponse:
        return self.go(address, " ".join(_sentences(error)), level=messages.ERROR)


def _sentences(error: Exception) -> list[str]:
    return list(getattr(error, "messages", None) or [str(error)])


def may(person: User, who: str) -> bool:
    return who == ANYONE or person.is_administrator or (who == WRITERS and person.can_write)


def ask_to_log_in(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        return cast(HttpResponse, HttpResponseClientRedirect("/login"))
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
