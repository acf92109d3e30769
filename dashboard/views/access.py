"""Who may open a page. What a role may not use answers 403."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

Page = Callable[..., HttpResponseBase]


def members(page: Page) -> Page:
    """Whoever is logged in."""
    return login_required(page)


def _only(page: Page, may: Callable[[Any], bool]) -> Page:
    @login_required
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may(request.user):
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return guarded


def writers(page: Page) -> Page:
    """Managers and administrators."""
    return _only(page, lambda user: user.can_write)


def administrators(page: Page) -> Page:
    return _only(page, lambda user: user.is_administrator)


def told_errors(error: Any) -> list[str]:
    """A refusal's sentences, each with its field."""
    if hasattr(error, "error_dict"):
        return [f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts]
    return list(getattr(error, "messages", [str(error)]))
