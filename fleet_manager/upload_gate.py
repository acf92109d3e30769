"""In front of Django where files are handed in: who sends one, and how much, before its body is read.

Django's own handler takes the whole body first, and only then asks who sent it.
"""

import io
import re
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication, BearerAuthentication
from api_pattern.problems import problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Servers and frameworks each have types of their own for the three.
Application = Callable[[Any, Any, Any], Awaitable[None]]

FILES = re.compile(r"/api/v1/files/?")
# What a multipart form says beside the file.
FORM_BYTES = 1 << 20


class TooLarge(Exception):
    """The body turned out larger than any file may be."""


class UploadGate:
    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not FILES.fullmatch(scope["path"]):
            await self.application(scope, receive, send)
            return
        refusal = await sync_to_async(refusal_of)(scope)
        if refusal is not None:
            await answer(send, *refusal)
            return
        try:
            await self.application(scope, limited(receive), send)
        except TooLarge:
            await answer(send, 413, too_large())


def refusal_of(scope: Scope) -> tuple[int, str] | None:
    """The status and the sentence that a request is refused with, None where its body may come."""
    request = ASGIRequest(dict(scope), io.BytesIO())
    if int(request.META.get("CONTENT_LENGTH") or 0) > most_bytes():
        return 413, too_large()
    try:
        actor = actor_of(request)
    except APIException as error:
        return error.status_code, str(error.detail)
    finally:
        close_old_connections()
    if actor is None:
        return 401, _("Log in, or send a key: a file needs a sender.")
    if not actor.can_write:
        return 403, _("Your role does not hand in files; managers and administrators do.")
    return None


def actor_of(request: ASGIRequest) -> Any:
    """Whoever the headers or the session's cookie name; the view checks them again, and the form's token."""
    wrapped = Request(request, authenticators=[BearerAuthentication(), ApiKeyAuthentication()])
    if wrapped.successful_authenticator:
        return wrapped.user
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key is None:
        return None
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if user.is_authenticated else None


def most_bytes() -> int:
    return int(settings.UPLOAD_MAX_BYTES) + FORM_BYTES


def too_large() -> str:
    return _("The file is larger than the %(n)d bytes that are taken; cut it into several.") % {
        "n": settings.UPLOAD_MAX_BYTES
    }


def limited(receive: Receive) -> Receive:
    """Receives until the body is larger than any file may be. Raises TooLarge."""
    taken = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most_bytes():
            raise TooLarge
        return message

    return counted


async def answer(send: Send, code: int, detail: str) -> None:
    body = orjson.dumps(problem(code, detail))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if code == 401:
        headers.append((b"www-authenticate", b'Bearer realm="api"'))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
