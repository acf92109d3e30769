"""Asking the REST API with a key, over one connection that is kept."""

import http.client
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 10.0


class Away(Exception):
    """Nobody answers, or not now; ``wait_s`` is how long to wait at least."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: Any = None
    retry_after_s: float = 0.0
    errors: dict[str, Any] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        told = self.body.get("detail") if isinstance(self.body, dict) else None
        return str(told or http.client.responses.get(self.status, self.status))


class Api:
    """One thread's way to ``url``; not to be shared."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"“{url}” is no address; one is http://localhost:8000.")
        self.url = url.rstrip("/")
        self._path = parts.path
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Answered:
        """``path`` is below ``/api/v1/``. Raises Away when no answer comes, also not to a second try."""
        sent = None if body is None else msgspec.json.encode(body)
        was_kept = self._connection.sock is not None
        try:
            return self._ask(method, path, sent)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not was_kept:
                raise Away(f"{self.url} does not answer: {error or type(error).__name__}.") from error
        # The server may have closed a connection that was kept: a new one tells.
        return self.ask(method, path, body)

    def _ask(self, method: str, path: str, body: bytes | None) -> Answered:
        self._connection.request(method, f"{self._path}/api/v1/{path}", body, self._headers)
        response = self._connection.getresponse()
        raw = response.read()
        told = None
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            told = msgspec.json.decode(raw) if raw else None
        wait = response.headers.get("Retry-After", "")
        errors = told.get("errors") if isinstance(told, dict) else None
        return Answered(
            response.status,
            told,
            float(wait) if wait.isdigit() else 0.0,
            errors if isinstance(errors, dict) else {},
        )

    def close(self) -> None:
        self._connection.close()
