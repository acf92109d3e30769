"""Firings that owe actions, written as the lanes write them, and sinks that count what reaches them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.utils import timezone

from accounts.models import Fleet
from accounts.tests.factories import FleetFactory
from rules.actions import ACTIONS
from rules.models import ActionAttempt, Firing, FiringAction, Rule
from rules.outbox import run_pending_actions
from rules.tests.factories import OVER, administrator
from rules.texts import texts_of
from vehicle_management.models import Vehicle
from vehicle_management.tests.factories import VehicleFactory


def rule_of(*actions: dict[str, Any], **values: Any) -> Rule:
    held = {"name": "Service due", "pattern": OVER, "everything": True, "created_by": administrator()}
    return Rule.objects.create(**{**held, "actions": list(actions), **values})


def vehicle_of(vehicle_id: str = "VH-1", **values: Any) -> Vehicle:
    fleet = values.pop("fleet", None) or Fleet.objects.first() or FleetFactory()
    return VehicleFactory(vehicle_id=vehicle_id, fleet=fleet, **values)


def fire(rule: Rule, vehicle: Vehicle, *, known: dict[str, Any] | None = None, **values: Any) -> Firing:
    """A firing that owes the rule's actions, their texts filled with ``known``."""
    held = {
        "rule_version": rule.version,
        "explanation": "odometer_km 10412 > 10000",
        "cause": {"kind": "message"},
    }
    firing = Firing.objects.create(rule=rule, vehicle=vehicle, **{**held, **values})
    texts = texts_of({"vehicle_id": vehicle.vehicle_id, **(known or {})}, {}, rule=rule.name)
    for index, action in enumerate(rule.actions):
        kind = ACTIONS[action["type"]]
        params = kind.render(action, texts)
        FiringAction.objects.create(firing=firing, index=index, type=kind.type, params=params)
    return firing


def owe(*actions: dict[str, Any], **known: Any) -> list[FiringAction]:
    """What a firing of a new rule for a new vehicle owes."""
    return actions_of(fire(rule_of(*actions), vehicle_of(), known=known))


def actions_of(firing: Firing) -> list[FiringAction]:
    return list(FiringAction.objects.filter(firing=firing).select_related("firing__rule"))


def work(*actions: FiringAction, times: int = 1) -> None:
    """Run what is due, so often, without waiting for the next attempt."""
    for _ in range(times):
        FiringAction.objects.filter(status="PENDING").update(next_at=timezone.now())
        run_pending_actions()
    for action in actions:
        action.refresh_from_db()


def tries_of(action: FiringAction) -> list[tuple[int, str]]:
    return list(ActionAttempt.objects.filter(action=action).values_list("number", "status"))


class Sink:
    """A server on 127.0.0.1 that keeps what it gets; ``answers`` come in turn, the last one for ever."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(200, {}, b"ok")]
        self.before_answer: Callable[[], None] = lambda: None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _path, headers, _body in self.calls]

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def listening() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            sink.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            sink.before_answer()
            status, headers, text = sink.answer()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST

        def log_message(self, *told: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    sink.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
