"""A mail server and a webhook on 127.0.0.1 that note what reaches them, and fail as often as they are told to."""

import http.server
import random
import socketserver
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import orjson

# How a sink fails: before it took anything, or after it did, so that only its answer is lost.
WAYS = ("refuse", "hang up", "take and refuse", "take and hang up")


@dataclass
class Taken:
    """What reached a sink: by what it is about (a text that no two actions share), the ids that it came under."""

    fails: float
    chance: random.Random
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, about: str, id_: str) -> None:
        with self.lock:
            self.ids[about].append(id_)

    def way(self) -> str:
        """How to fail this time; empty: not at all."""
        with self.lock:
            if self.chance.random() >= self.fails:
                return ""
            self.failed += 1
            return self.chance.choice(WAYS)


class _Quiet(socketserver.ThreadingMixIn):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever was killed left in the middle of a word."""


class MailServer(_Quiet, socketserver.TCPServer):
    def __init__(self, taken: Taken) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.taken = taken


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        way = self.server.taken.way()
        self._say("220 sink")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self._say("354 go on")
                if not self._take(way):
                    return
            elif word == b"RCPT" and way == "refuse":
                self._say("451 not now")
            elif word == b"MAIL" and way == "hang up":
                return
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _take(self, way: str) -> bool:
        lines = iter(self.rfile.readline, b".\r\n")
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.taken.note(str(message["Subject"]), str(message["Message-ID"]))
        if way == "take and hang up":
            return False
        self._say("451 not now" if way == "take and refuse" else "250 taken")
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class HookServer(_Quiet, http.server.HTTPServer):
    def __init__(self, taken: Taken) -> None:
        super().__init__(("127.0.0.1", 0), _HookHandler)
        self.taken = taken


class _HookHandler(http.server.BaseHTTPRequestHandler):
    server: HookServer

    def do_POST(self) -> None:
        way = self.server.taken.way()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if way not in {"refuse", "hang up"}:
            told = orjson.loads(body)
            self.server.taken.note(told["message"], self.headers["webhook-id"])
        # A killed caller must have a chance to be caught in the middle.
        time.sleep(0.05)
        if "hang up" in way:
            self.close_connection = True
            return
        self.send_response(503 if way else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *told: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(server: MailServer | HookServer) -> Iterator[int]:
    """Yields its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
