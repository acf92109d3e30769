"""Bodies: strict JSON that can be stored and sent back."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from api_pattern.exceptions import BodyTooLarge, Unprocessable

DEEPEST = 32


class StrictJSONParser(BaseParser):
    """JSON without NaN, infinities, duplicate names, NUL, lone surrogates or bottomless nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return load_json(read_at_most(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


def read_at_most(stream: IO[bytes], most: int) -> bytes:
    body = stream.read(most + 1)
    if len(body) > most:
        raise BodyTooLarge(
            _("The body has more than {most} bytes; send less at once.").format(most=f"{most:,}")
        )
    return body


def load_json(body: bytes) -> Any:
    """The body's value; raises Unprocessable with the reason."""
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise Unprocessable(_("The body is not UTF-8.")) from error
    except RecursionError as error:
        raise Unprocessable(_too_deep()) from error
    except json.JSONDecodeError as error:
        told = _("The body is not JSON: line {line}, column {column}: {what}.")
        raise Unprocessable(told.format(line=error.lineno, column=error.colno, what=error.msg)) from error
    except ValueError as error:
        raise Unprocessable(_("The body is not JSON that can be taken: {why}").format(why=error)) from error
    check_storable(value)
    return value


def check_storable(value: Any) -> None:
    """Raises Unprocessable for texts that PostgreSQL cannot hold, and for nesting without end."""
    level: list[Any] = [value]
    for _depth in range(DEEPEST + 1):
        level = list(_children(level))
        if not level:
            return
    raise Unprocessable(_too_deep())


def is_storable_text(text: str) -> bool:
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text))


def _children(level: list[Any]) -> Iterator[Any]:
    for value in level:
        if isinstance(value, str):
            if not is_storable_text(value):
                raise Unprocessable(_("A text holds a NUL or half a surrogate pair, which cannot be stored."))
        elif isinstance(value, dict):
            yield from value.keys()
            yield from value.values()
        elif isinstance(value, list):
            yield from value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(_("“{name}” stands twice in one object.").format(name=twice[:100]))
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(_("{name} is not a number in JSON.").format(name=name))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(_("{number} is too large a number.").format(number=text[:60]))
    return number


def _too_deep() -> str:
    return _("The body is nested more than {deepest} levels deep.").format(deepest=DEEPEST)
