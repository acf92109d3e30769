"""The kinds of values: numbers, texts, times …, as patterns compare them and as messages quote them."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

MAX_TEXT = 1_000
MAX_NUMBER = 1e18

KIND_NAMES = {"number": "number", "text": "text", "boolean": "yes or no", "time": "time", "date": "date"}
EXAMPLES = {
    "number": "a number such as 10000",
    "text": "a text such as “MOVING”",
    "boolean": "true or false",
    "time": "a time with its offset such as 2026-01-31T08:00:00Z",
    "date": "a date such as 2026-01-31",
}


def text_fault(value: str) -> str:
    if value == "":
        return "An empty text matches nothing that we store; use is_not_set for what has no value."
    if len(value) > MAX_TEXT:
        return f"A text has at most {MAX_TEXT:,} characters; this one has {len(value):,}."
    return f"{quoted(value)} holds a character that cannot be stored, such as NUL or half a surrogate pair."


def is_storable(text: str) -> bool:
    return "\x00" not in text and not any(unicodedata.category(letter) == "Cs" for letter in text)


def read_value(value: Any, kind: str) -> Any:
    """The value as it is compared; None where it is not of this kind."""
    if kind == "number":
        # Not-a-number fails this comparison as well as what is too large.
        return value if type(value) in (int, float) and abs(value) <= MAX_NUMBER else None
    if kind == "boolean":
        return value if type(value) is bool else None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not is_storable(value):
        return None
    return AS_KIND[kind](value)


def _as_number(value: Any) -> Any:
    return value if type(value) is float or type(value) is int else None


def _as_boolean(value: Any) -> Any:
    return value if type(value) is bool else None


def _as_text(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    return str(value)


def _as_time(value: Any) -> datetime | None:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None


def _as_date(value: Any) -> str | None:
    """ISO text: it sorts as the dates do."""
    try:
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(value).isoformat()
    except (ValueError, TypeError):
        return None


AS_KIND: dict[str, Callable[[Any], Any]] = {
    "number": _as_number,
    "boolean": _as_boolean,
    "text": _as_text,
    "time": _as_time,
    "date": _as_date,
}


def cut(value: Any, length: int = 50) -> str:
    """The value as text that any message and any JSON can carry."""
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return "a very large number"
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode().replace("\x00", "�")
    return text if len(text) <= length else f"{text[: length - 1]}…"


def quoted(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "A list" if isinstance(value, list) else "An object"
    return f"“{cut(value)}”"
