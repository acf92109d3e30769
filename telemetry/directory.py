"""What the hot route knows of senders and vehicles, without asking the database for each request.

Requests that need to ask share one question. What was told lately is fresh; what was told a little before
holds while it is asked for anew, so that hardly a request waits. Where the database is away, what was told
before holds on, so that readings go on coming in.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

import structlog
from django.db import close_old_connections
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import KeyActor
from accounts.models import ApiKey
from accounts.tokens import end_of, person_of
from api_pattern.exceptions import Unavailable
from api_pattern.outages import is_away
from telemetry.acceptance import Sender, fleets_of, sender_as

log = structlog.get_logger(__name__)

# Seconds since it was asked for until it is asked for anew, and until nobody uses it before the answer.
# A key that is revoked is dead within 2 s.
SENDERS_FRESH_S, SENDERS_HOLD_S = 0.7, 1.7
VEHICLES_FRESH_S, VEHICLES_HOLD_S = 2.0, 5.0
ANSWERS_WITHIN_S = 3.0
MOST_HELD = 500_000

Credential = tuple[str, str]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Load = Callable[[Collection[Key]], dict[Key, Value]]

_asking = ThreadPoolExecutor(2, "directory")


class Directory(Generic[Key, Value]):
    """A cache over ``load``, which answers for many keys at once and leaves out what is not there."""

    def __init__(self, load: Load, *, fresh_s: float, hold_s: float) -> None:
        self._load, self._fresh_s, self._hold_s = load, fresh_s, hold_s
        # With the time when it was asked for.
        self._held: dict[Key, tuple[float, Value]] = {}
        self._wanted: set[Key] = set()
        self._asked: set[Key] = set()
        self._next: asyncio.Task[bool] | None = None
        self._is_away = False

    async def look_up(self, keys: Collection[Key]) -> dict[Key, Value]:
        """What is known of ``keys``. Raises Unavailable where the database is away and nothing is held."""
        now = time.monotonic()
        held = self._held
        ageing = [key for key in keys if key not in held or held[key][0] < now - self._fresh_s]
        stale = [key for key in ageing if key not in held or held[key][0] < now - self._hold_s]
        if ageing and not stale:
            self._refresh(ageing)
        elif stale and self._is_away and all(key in held for key in stale):
            # Asked for beside the request: what is held has to do for as long as the database is away.
            self._join(stale)
        elif stale and not await self._ask(stale) and any(key not in held for key in stale):
            raise Unavailable(_("The database does not answer, and you or a vehicle are not known yet."))
        return {key: held[key][1] for key in keys if key in held}

    def _refresh(self, keys: Collection[Key]) -> None:
        """Beside the request; what is being asked for now is not asked for again."""
        missing = [key for key in keys if key not in self._asked]
        if missing:
            self._join(missing)

    async def _ask(self, keys: Collection[Key]) -> bool:
        """Join the next question (the one that is being asked may have begun before); was it answered?"""
        return await asyncio.shield(self._join(keys))

    def _join(self, keys: Collection[Key]) -> "asyncio.Task[bool]":
        self._wanted.update(keys)
        if self._next is None:
            self._next = asyncio.create_task(self._ask_next())
        return self._next

    async def _ask_next(self) -> bool:
        # Whoever comes in this turn of the loop joins.
        await asyncio.sleep(0)
        wanted, self._wanted, self._next = self._wanted, set(), None
        asked_at = time.monotonic()
        self._asked |= wanted
        asked = asyncio.get_running_loop().run_in_executor(_asking, self._load_now, wanted)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                found = await asyncio.shield(asked)
        except Exception as error:
            if not (isinstance(error, TimeoutError) or is_away(error)):
                raise
            # An answer that comes after all still ends what has ended.
            asked.add_done_callback(partial(self._take_late, wanted, asked_at))
            self._make_do(wanted)
            if not self._is_away:
                log.warning("directory makes do", keys=len(wanted), reason=str(error).strip()[:200])
            self._is_away = True
            return False
        finally:
            self._asked -= wanted
        self._is_away = False
        self._take(wanted, found, asked_at)
        return True

    def _load_now(self, keys: Collection[Key]) -> dict[Key, Value]:
        close_old_connections()
        try:
            return self._load(keys)
        finally:
            close_old_connections()

    def _take(self, wanted: set[Key], found: dict[Key, Value], asked_at: float) -> None:
        if len(self._held) > MOST_HELD:
            self._held.clear()
        for key in wanted - found.keys():
            self._held.pop(key, None)
        self._held.update((key, (asked_at, value)) for key, value in found.items())

    def _take_late(self, wanted: set[Key], asked_at: float, late: "asyncio.Future[dict[Key, Value]]") -> None:
        if not late.cancelled() and late.exception() is None:
            self._take(wanted, late.result(), asked_at)

    def _make_do(self, wanted: set[Key]) -> None:
        """The database is away: what is held holds on for a moment."""
        now = time.monotonic()
        for key in wanted & self._held.keys():
            self._held[key] = (now, self._held[key][1])


def load_senders(credentials: Collection[Credential]) -> dict[Credential, Sender]:
    """By ``(scheme, secret)``, in lower case and as it came; wrong and ended ones are left out."""
    secrets = {ApiKey.digest(secret): (kind, secret) for kind, secret in credentials if kind == "api-key"}
    found: dict[Credential, Sender] = {}
    keys = ApiKey.objects.filter(secret_sha256__in=secrets, revoked_at=None).prefetch_related("fleets")
    for key in keys if secrets else ():
        if key.expires_at is None or key.expires_at > timezone.now():
            found[secrets[key.secret_sha256]] = sender_as(KeyActor(key))
    for kind, token in credentials:
        person = person_of(token) if kind == "bearer" else None
        if person is not None:
            found[kind, token] = replace(sender_as(person), ends_at=end_of(token))
    return found


def load_vehicles(ids: Collection[str]) -> dict[str, str | None]:
    return fleets_of(list(ids))


senders: Directory[Credential, Sender] = Directory(
    load_senders, fresh_s=SENDERS_FRESH_S, hold_s=SENDERS_HOLD_S
)
vehicles: Directory[str, str | None] = Directory(
    load_vehicles, fresh_s=VEHICLES_FRESH_S, hold_s=VEHICLES_HOLD_S
)
