"""Every route of the project, read from the URL configuration itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The framework's own: the admin is walked by its own test, static files are nobody's secret.
NOT_OURS = ("/admin", "/static")


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    view: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/v1/")

    @property
    def action(self) -> str:
        """The view set's action that answers, or nothing."""
        return getattr(self.view, "actions", {}).get(self.method.lower(), "")

    @property
    def view_class(self) -> Any:
        return getattr(self.view, "cls", None) or getattr(self.view, "view_class", None)


def all_routes() -> list[Route]:
    found = {
        (path, method): Route(path, method, view)
        for path, view in _walk(get_resolver().url_patterns, "")
        if not path.startswith(NOT_OURS)
        for method in _methods(view)
    }
    return [found[key] for key in sorted(found)]


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield _plain(path), pattern.callback


def _plain(path: str) -> str:
    """``^vehicles/(?P<vehicle_id>[^/]+)/?$`` as ``/vehicles/{vehicle_id}``."""
    plain = simplify_regex(path.replace("^", "")).replace("/?", "")
    plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain)
    return plain.rstrip("/") or "/"


def _methods(view: Any) -> list[str]:
    """What the view answers; a function that does not say is read and written."""
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if view_class is None:
        return ["GET", "POST"]
    allowed = [method for method in METHODS if method.lower() in view_class.http_method_names]
    if actions := getattr(view, "actions", None):
        return [method for method in allowed if method.lower() in actions]
    return [method for method in allowed if hasattr(view_class, method.lower())]
