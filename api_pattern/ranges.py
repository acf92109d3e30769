"""Parameters of endpoints that tell of a span of time: ``from`` (included), ``to`` (not) and numbers."""

import re
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from api_pattern.exceptions import Unprocessable
from api_pattern.filters import refuse_unknown_parameters, refuse_unstorable_parameters
from api_pattern.times import parse_time, told_time

LASTING = timedelta(days=1)
LONGEST = timedelta(days=400)
# A “+” that was not encoded arrives as a space.
LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)$")

FROM_AND_TO = (
    OpenApiParameter(
        "from", OpenApiTypes.DATETIME, description="Included. 24 hours before `to` unless given."
    ),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Not included. Now unless given."),
)


def asked_range(request: Request, *others: str) -> tuple[datetime, datetime]:
    """``from`` and ``to`` in UTC, up to 400 days apart; ``others`` may stand beside them.

    Raises Unprocessable by parameter.
    """
    refuse_unstorable_parameters(request)
    refuse_unknown_parameters(request, ("from", "to", *others))
    end = _time(request, "to") or timezone.now()
    start = _time(request, "from") or _before(end)
    if start >= end:
        told = _("from, %(start)s, does not lie before to, %(end)s.")
        raise _refused("from", told % {"start": told_time(start), "end": told_time(end)})
    if end - start > LONGEST:
        told = _("From %(start)s to %(end)s are more than 400 days; ask for less at once.")
        raise _refused("from", told % {"start": told_time(start), "end": told_time(end)})
    return start, end


def asked_number(request: Request, name: str, *, least: int, most: int, default: int) -> int:
    """A whole number. Raises Unprocessable where it is none or out of range."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        told = _("“%(value)s” is no whole number from %(least)s to %(most)s.")
        raise _refused(name, told % {"value": text[:60], "least": f"{least:,}", "most": f"{most:,}"})
    return int(text)


def asked_choice(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``, the first unless it is given. Raises Unprocessable for another."""
    text = request.query_params.get(name) or choices[0]
    if text not in choices:
        told = _("“%(value)s” is not known here; choose one of %(choices)s.")
        raise _refused(name, told % {"value": text[:60], "choices": ", ".join(choices)})
    return text


def _time(request: Request, name: str) -> datetime | None:
    text = LOST_PLUS.sub(r"\1+\2", request.query_params.get(name, ""))
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise _refused(name, str(error)) from error


def _before(end: datetime) -> datetime:
    try:
        return end - LASTING
    except OverflowError as error:
        raise _refused("to", _("There is no day before %(end)s.") % {"end": told_time(end)}) from error


def _refused(name: str, message: str) -> Unprocessable:
    return Unprocessable(message, {name: [message]})
