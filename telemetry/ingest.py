"""``POST /api/v1/telemetry`` in front of Django: a reading is checked, on disk, and answered, and nothing else.

Django's view beside it (``telemetry.views``) answers alike; it is given whatever is no plain reading here:
trips, browsers' sessions, other methods.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import orjson
import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed

from api_pattern import metrics
from api_pattern.exceptions import BodyTooLarge, Unavailable
from msg_pattern.bus import Appender, BusError, get_bus
from msg_pattern.messages import Channel
from telemetry.acceptance import Sender, backlog, judge, outgoing, rates, read_all, refuse_who_may_not
from telemetry.bodies import Body, read_body
from telemetry.directory import senders, vehicles

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Servers and frameworks each have types of their own for the three.
Application = Callable[[Any, Any, Any], Awaitable[None]]

TELEMETRY = re.compile(r"/api/v1/telemetry/?")
SCHEMES = ("api-key", "bearer")
LONGEST_CREDENTIAL = 4096
accepted = metrics.readings_accepted.labels("hot")


class Told(Protocol):
    """What an exception answers."""

    code: int
    body: dict[str, Any]
    headers: dict[str, str]


class TelemetryGate:
    """``tell`` knows what an expected exception answers, and None for one that nobody expected."""

    def __init__(self, application: Application, tell: Callable[[Exception], Told | None]) -> None:
        self.application, self.tell = application, tell
        self._appender: tuple[asyncio.AbstractEventLoop, Appender] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not TELEMETRY.fullmatch(scope["path"]):
            await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scheme, credential = credential_of(headers.get(b"authorization", b""))
        if not settings.TELEMETRY_HOT_ROUTE or scheme not in SCHEMES:
            await self.application(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            sender = await sender_of(scheme, credential)
            raw = await read_whole(receive, int(headers.get(b"content-length") or 0))
            body = read_body(
                raw, *(_text(headers.get(name)) for name in (b"content-type", b"content-encoding"))
            )
            if body.trip is not None:
                await self.application(scope, replayed(raw, receive), send)
                return
            count = await self.take(body, sender)
            await answer(send, 202, {"status": "QUEUED", "accepted": count}, {})
            accepted.inc(count)
            metrics.ingest_seconds.observe(time.perf_counter() - began)
        except Disconnected:
            return
        except Exception as error:
            await self._refuse(send, error)

    async def take(self, body: Body, sender: Sender) -> int:
        """Readings onto the bus; answers how many. Returns when they are on disk."""
        now_ms = time.time_ns() // 1_000_000
        readings = read_all(body, now_ms=now_ms)
        judge(readings, sender, await vehicles.look_up([one.vehicle_id for one in readings]), path=body.path)
        rates.take(sender, len(readings))
        self._look_at_backlog()
        backlog.refuse_when_full()
        bus = get_bus()
        entries = outgoing(body, readings, sender=sender, now_ms=now_ms, shards=bus.shards)
        await self._append(entries)
        return len(readings)

    async def _append(self, entries: list[Any]) -> None:
        loop = asyncio.get_running_loop()
        if self._appender is None or self._appender[0] is not loop:
            self._appender = (loop, get_bus().appender())
        try:
            await self._appender[1].append(Channel.TELEMETRY_RAW, entries)
        except BusError as error:
            log.warning("readings are not accepted", reason=str(error)[:200])
            raise Unavailable(_("Readings cannot be stored at the moment; send this again.")) from error

    def _look_at_backlog(self) -> None:
        """Beside the requests: none of them waits for it."""
        if backlog.is_due and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            await asyncio.to_thread(backlog.look, get_bus())
        except Exception as error:
            log.warning("backlog cannot be told", reason=str(error)[:200])

    async def _refuse(self, send: Send, error: Exception) -> None:
        told = self.tell(error)
        if told is None:
            log.error("telemetry broke", exc_info=error)
            raise error
        metrics.readings_refused.labels(str(told.code)).inc()
        await answer(send, told.code, told.body, told.headers)


class Disconnected(Exception):
    """The client went away before its body was whole."""


def credential_of(header: bytes) -> tuple[str, str]:
    """``Authorization: Api-Key …`` or ``Bearer …``: the scheme in lower case, and the secret."""
    words = header.split()
    if len(words) != 2 or len(words[1]) > LONGEST_CREDENTIAL:
        return "", ""
    return words[0].decode("latin-1").lower(), words[1].decode("latin-1")


async def sender_of(scheme: str, credential: str) -> Sender:
    """Who may send. Raises AuthenticationFailed, and PermissionDenied for one who may not."""
    found = (await senders.look_up([(scheme, credential)])).get((scheme, credential))
    if found is not None and not found.is_over:
        refuse_who_may_not(found)
        return found
    error = AuthenticationFailed(
        _("The key is wrong, has expired or was revoked.")
        if scheme == "api-key"
        else _("The access token is wrong, has expired or was ended; log in again.")
    )
    error.auth_header = 'Bearer realm="api"'  # type: ignore[attr-defined]
    raise error


async def read_whole(receive: Receive, length: int) -> bytes:
    """The body. Raises BodyTooLarge as soon as it is known to be, and Disconnected."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    parts: list[bytes] = []
    size, goes_on = length, True
    while goes_on:
        if size > most:
            raise BodyTooLarge(
                _("The body has more than {most} bytes; send less at once.").format(most=f"{most:,}")
            )
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        goes_on = message.get("more_body", False)
        size = max(length, sum(map(len, parts)))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def replayed(raw: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already to whoever comes next."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return again


async def answer(send: Send, code: int, body: dict[str, Any], headers: dict[str, str]) -> None:
    content = orjson.dumps(body)
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    told += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": told})
    await send({"type": "http.response.body", "body": content})


def _text(header: bytes | None) -> str:
    return header.decode("latin-1") if header else ""
