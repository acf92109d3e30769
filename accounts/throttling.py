"""Wrong passwords are counted, in one place for all processes, before they are looked at."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _

from api_pattern.exceptions import TooManyAttempts

WINDOW_SECONDS = 60
# One address may stand for a whole office.
PEOPLE_PER_ADDRESS = 10


@contextmanager
def guarded_login(email: str, address: str) -> Iterator[None]:
    """Counts an attempt before it is made, so that many at once count all; a right one is not counted."""
    most = settings.LOGIN_ATTEMPTS_PER_MINUTE
    limits = {
        _counter("email", f"{address} {email.strip().lower()}"): most,
        _counter("address", address): most * PEOPLE_PER_ADDRESS,
    }
    for counter, limit in limits.items():
        if _counted(counter) > limit:
            told = _("Too many attempts to log in; try again in {seconds} s.")
            raise TooManyAttempts(told.format(seconds=WINDOW_SECONDS), WINDOW_SECONDS)
    yield
    _uncount(limits)


def _counter(kind: str, value: str) -> str:
    return f"login:{kind}:{hashlib.sha256(value.encode()).hexdigest()}"


def _counted(counter: str) -> int:
    cache.add(counter, 0, WINDOW_SECONDS)
    try:
        return int(cache.incr(counter))
    except ValueError:
        # It expired between the two.
        cache.add(counter, 1, WINDOW_SECONDS)
        return 1


def _uncount(counters: dict[str, int]) -> None:
    email, address = counters
    cache.delete(email)
    try:
        cache.decr(address)
    except ValueError:
        return
