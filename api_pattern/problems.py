"""The one form of an error."""

from collections.abc import Mapping, Sequence
from typing import Any

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}

Errors = Mapping[str, Sequence[str]]


def problem(code: int, detail: str, errors: Errors | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    told: dict[str, Any] = {"detail": detail, "status_code": code, "error": CODES[code]}
    if errors:
        told["errors"] = errors
    return told


def flat(errors: Any, path: str = "") -> dict[str, list[str]]:
    """Nested errors as ``{"actions[1].to": ["…"]}``; items of arrays are counted from 0, as JSON paths do."""
    if isinstance(errors, Mapping):
        parts: list[tuple[str | int, Any]] = list(errors.items())
    elif isinstance(errors, list | tuple) and any(isinstance(item, Mapping | list) for item in errors):
        parts = list(enumerate(errors))
    else:
        found = errors if isinstance(errors, list | tuple) else [errors]
        return {path or "body": [str(item) for item in found]} if found else {}
    told: dict[str, list[str]] = {}
    for name, below in parts:
        for place, messages in flat(below, _below(path, name)).items():
            told.setdefault(place, []).extend(messages)
    return told


def _below(path: str, name: str | int) -> str:
    # DRF names the items of a list field by their index.
    if isinstance(name, int):
        return f"{path}[{name}]"
    own = "body" if name in ("non_field_errors", "__all__") else name
    return f"{path}.{own}" if path else own


def sentence(errors: Errors) -> str:
    """One sentence for all: the first fault, and how many more there are."""
    field, messages = next(iter(errors.items()))
    first = messages[0] if field == "body" else f"{field}: {messages[0]}"
    more = sum(map(len, errors.values())) - 1
    return f"{first} (and {more} more)" if more else first
