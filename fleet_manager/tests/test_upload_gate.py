"""The gate reads no byte of a file whose sender may not hand it in."""

from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from accounts.services import issue_tokens
from accounts.tests.people import People
from fleet_manager.upload_gate import UploadGate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def connections_that_close() -> Iterator[None]:
    """The gate's threads end with a test; what they opened must not outlive them."""
    settings = connections.settings["default"]
    kept, settings["CONN_MAX_AGE"] = settings["CONN_MAX_AGE"], 0
    yield
    settings["CONN_MAX_AGE"] = kept


class Asked:
    """One request through the gate: what was answered, and how many pieces of the body were read."""

    def __init__(
        self, headers: dict[str, str], path: str = "/api/v1/files", piece: bytes = b"x" * 1000
    ) -> None:
        self.status, self.pieces, self.reached = 0, 0, False
        self.piece = piece
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": path, "headers": named, "query_string": b"", "scheme": "http",
            "server": ("testserver", 80), "client": ("127.0.0.1", 1), "root_path": "", "http_version": "1.1",
        }  # fmt: skip
        # In a thread of its own: a browser test of the same worker may keep an event loop in this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(async_to_sync(UploadGate(self.application)), scope, self.receive, self.send).result()

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached = True
        for _piece in range(10):
            await receive()

    async def receive(self) -> MutableMapping[str, Any]:
        self.pieces += 1
        return {"type": "http.request", "body": self.piece, "more_body": True}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)


@pytest.fixture
def people() -> People:
    return People.make()


def bearer(person: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_tokens(person).access_token}"}


def test_nobody_and_a_wrong_token_are_refused_unread() -> None:
    for headers in ({}, {"Authorization": "Bearer no"}, {"Cookie": "sessionid=no"}):
        asked = Asked(headers)
        assert (asked.status, asked.pieces, asked.reached) == (401, 0, False)


def test_an_operator_is_refused_unread(people: People) -> None:
    asked = Asked(bearer(people.operator))
    assert (asked.status, asked.pieces) == (403, 0)


def test_a_manager_passes(people: People) -> None:
    assert Asked(bearer(people.manager)).reached


def test_a_length_that_is_too_large_is_refused_unread(people: People, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1_000
    asked = Asked({**bearer(people.manager), "Content-Length": "3000000"})
    assert (asked.status, asked.pieces) == (413, 0)


def test_a_body_without_a_length_ends_where_it_is_too_large(people: People, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1_000
    asked = Asked(bearer(people.manager), piece=b"x" * 400_000)
    assert (asked.status, asked.pieces) == (413, 3)


def test_other_addresses_are_not_looked_at() -> None:
    assert Asked({}, path="/api/v1/vehicles").reached
