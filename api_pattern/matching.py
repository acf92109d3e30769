"""``If-Match``: a write happens only to what its sender has seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.request import Request

from api_pattern.exceptions import PreconditionFailed


@contextmanager
def matched(view: Any, request: Request, *, tag: Callable[[Any], str] | None = None) -> Iterator[Any]:
    """The row to write; ``tag`` tells its tag where that is not its detail's.

    With ``If-Match`` it stays locked until the write is done, so one of many wins.
    """
    wanted = request.headers.get("If-Match")
    if wanted is None:
        yield view.get_object()
        return
    with transaction.atomic():
        instance = view.find(view.get_queryset().select_for_update(of=("self",)))
        check_match(wanted, (tag or view.tag)(instance))
        yield instance


def check_match(wanted: str, tag: str) -> None:
    """Raises PreconditionFailed unless ``wanted``, an ``If-Match``, names ``tag``."""
    named = {one.strip().removeprefix("W/") for one in wanted.split(",")}
    if "*" not in named and tag not in named:
        told = _("This is no longer what If-Match says; it is {tag} now. Read it again, then write.")
        raise PreconditionFailed(told.format(tag=tag))
