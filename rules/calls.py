"""One HTTP call to a server that we do not know: to the very address that was judged, and soon over.

It follows nothing that the answer says: no redirects, no proxies of the environment, no cookies.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from rules.guard import Address, Allowed, Target, resolve

CONNECT_WITHIN_S = 3.0
WITHIN_S = 10.0
MOST_READ = 64 * 1024


class Slow(OSError):
    """The whole call took longer than it may."""


@dataclass(frozen=True)
class Answer:
    """``text`` is the first line of its body, cut; ``headers`` by their names in small letters."""

    status: int
    reason: str
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class _Connection(http.client.HTTPConnection):
    """Connects to one of ``addresses`` instead of asking for the host's name again."""

    def __init__(self, target: Target, addresses: list[Address], deadline: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._addresses, self._deadline = target, addresses, deadline
        self.wire: socket.socket | None = None

    def connect(self) -> None:
        self.wire = self.sock = _connect(self._addresses, self._target.port, self._deadline)
        self.sock.settimeout(_left(self._deadline))
        if self._target.is_secure:
            self._secure()

    def _secure(self) -> None:
        secured = ssl.create_default_context().wrap_socket(
            self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
        )
        self.wire = self.sock = secured
        secured.do_handshake()

    def end(self) -> None:
        """From another thread; whoever reads or writes is told that nothing more comes."""
        if self.wire is not None:
            with suppress(OSError):
                # Not that of TLS, which would take its state away from under the reader.
                socket.socket.shutdown(self.wire, socket.SHUT_RDWR)


def post(target: Target, body: bytes, headers: Mapping[str, str], *, allowed: Allowed) -> Answer:
    """Raises Refused for an address that we do not call, and OSError or HTTPException where it fails."""
    deadline = time.monotonic() + WITHIN_S
    connection = _Connection(target, list(resolve(target, allowed)), deadline)
    with closing(connection), _ended_at(connection, deadline) as is_over:
        try:
            connection.request("POST", target.path, body, {"Host": target.authority, **headers})
            answer = connection.getresponse()
            if is_over.is_set():
                raise TimeoutError("What came is not the whole answer.")
            text = _body(answer)
        except (OSError, http.client.HTTPException) as error:
            if is_over.is_set() or isinstance(error, TimeoutError):
                raise Slow(f"{target.authority} did not answer within {WITHIN_S:.0f} s.") from error
            raise
    told = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, answer.reason, _first_line(text), told)


def _connect(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    error: OSError = OSError("There is no address.")
    until = min(deadline, time.monotonic() + CONNECT_WITHIN_S)
    for address in addresses:
        family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(_left(until))
            raw.connect((str(address), port))
        except OSError as failed:
            raw.close()
            error = failed
        else:
            return raw
    raise error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


@contextmanager
def _ended_at(connection: _Connection, deadline: float) -> Iterator[threading.Event]:
    """End it then, also where one byte comes each second: a socket's own time limit begins anew with each."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        connection.end()

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _body(answer: http.client.HTTPResponse) -> bytes:
    """What there is of it: the status tells all that matters, and that has come."""
    try:
        return answer.read(MOST_READ)
    except (OSError, http.client.HTTPException):
        return b""


def _first_line(body: bytes) -> str:
    lines = body.decode("utf-8", "replace").replace("\x00", "␀").strip().splitlines()
    return lines[0][:200] if lines else ""
