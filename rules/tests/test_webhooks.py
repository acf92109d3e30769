"""Webhooks: signed, repeated under the same id, and soon over."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from rules import calls
from rules.actions import check_actions
from rules.guard import Refused, read_allowed, read_url
from rules.outbox import _claim, retry_action
from rules.tests.factories import administrator
from rules.tests.owing import actions_of, fire, listening, owe, rule_of, tries_of, vehicle_of, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings):
    with listening() as found:
        settings.WEBHOOK_ALLOW = [f"127.0.0.1:{found.port}"]
        yield found


def hook(sink, **values):
    return {"type": "call_webhook", "url": sink.url, "body": "$vehicle_id is due", **values}


def test_a_call_says_what_fired_and_is_signed(sink):
    rule, vehicle = rule_of({"type": "create_task", "title": "t"}, hook(sink)), vehicle_of()
    firing = fire(rule, vehicle)
    task, action = actions_of(firing)
    work(task, action)
    assert (action.status, action.result) == ("DONE", f"{sink.url} answered 200 OK: ok.")
    ((path, headers, body),) = sink.calls
    told = json.loads(body)
    assert path == "/hook"
    assert told == {
        "id": f"firing-{firing.pk}-1",
        "type": "rule.fired",
        "occurred_at": firing.occurred_at.isoformat().replace("+00:00", "Z"),
        "firing_id": firing.pk,
        "rule": {"id": rule.pk, "name": "Service due", "version": 1},
        "vehicle_id": "VH-1",
        "fleet_id": vehicle.fleet.fleet_id,
        "explanation": firing.explanation,
        "cause": {"kind": "message"},
        "alerts": [],
        "tasks": [task.task_id],
        "message": "VH-1 is due",
    }
    signed = f"{told['id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(rule.webhook_secret)
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == headers["idempotency-key"] == told["id"]
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{sink.port}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_every_repeat_bears_the_same_id_and_the_tenth_is_the_last(sink, settings):
    assert settings.ACTION_ATTEMPTS == 10
    sink.answers = [(500, {}, b"oh\nno")]
    (action,) = owe(hook(sink))
    work(action, times=12)
    assert (action.status, action.attempts) == ("PARKED", 10)
    assert action.result == f"Given up after 10 attempts: {sink.url} answered 500 Internal Server Error: oh."
    assert sink.ids == [f"firing-{action.firing_id}-0"] * 10
    assert tries_of(action) == [*((n, "FAILED") for n in range(1, 10)), (10, "PARKED")]
    sink.answers = [(204, {}, b"")]
    retry_action(action, by=administrator())
    work(action)
    assert (action.status, action.attempts) == ("DONE", 1)
    assert tries_of(action)[9:] == [(10, "PARKED"), (11, "DONE")]
    assert set(sink.ids) == {f"firing-{action.firing_id}-0"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_the_server_refuses_for_good_is_not_repeated(sink, status):
    sink.answers = [(status, {}, b"gone for ever")]
    (action,) = owe(hook(sink))
    work(action, times=2)
    assert (action.status, action.attempts, len(sink.calls)) == ("FAILED", 1, 1)
    assert action.result.endswith(": gone for ever, which is for good.")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 408, 425, 429, 500, 503])
def test_what_may_be_otherwise_later_is_repeated(sink, status):
    sink.answers = [(status, {"Location": f"http://127.0.0.1:{sink.port}/other"}, b""), (200, {}, b"")]
    (action,) = owe(hook(sink))
    work(action)
    assert (action.status, len(sink.calls)) == ("PENDING", 1)
    work(action)
    assert (action.status, [path for path, *_ in sink.calls]) == ("DONE", ["/hook", "/hook"])


@pytest.mark.parametrize(
    ("written", "seconds"), [("120", 120), ("999999", 3_600), ("soon", 5), ("-5", 5), ("", 5)]
)
def test_it_comes_again_when_the_server_says_but_within_an_hour(sink, written, seconds):
    sink.answers = [(503, {"Retry-After": written}, b"")]
    (action,) = owe(hook(sink))
    work(action)
    assert abs((action.next_at - timezone.now()).total_seconds() - seconds) < 3


def test_a_date_to_come_again_is_understood(sink):
    at = timezone.now() + timedelta(minutes=10)
    sink.answers = [(429, {"Retry-After": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}, b"")]
    (action,) = owe(hook(sink))
    work(action)
    assert abs((action.next_at - at).total_seconds()) < 3


def test_the_environments_proxies_are_not_asked(sink, monkeypatch):
    with listening() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        (action,) = owe(hook(sink))
        work(action)
        assert (action.status, proxy.connections, sink.connections) == ("DONE", 0, 1)


def test_a_server_that_drips_is_left(settings, monkeypatch):
    monkeypatch.setattr(calls, "WITHIN_S", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.WEBHOOK_ALLOW = [f"127.0.0.1:{port}"]
        is_over = threading.Event()

        def drip():
            peer, _address = server.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 ")
                    while not is_over.wait(0.1):
                        peer.sendall(b"x")
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        (action,) = owe({"type": "call_webhook", "url": f"http://127.0.0.1:{port}/"})
        began = time.monotonic()
        work(action)
        is_over.set()
        thread.join()
    assert time.monotonic() - began < 3
    assert action.result == f"Attempt 1 failed: 127.0.0.1:{port} did not answer within 1 s."


def test_a_server_that_does_not_answer_is_tried_again(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.WEBHOOK_ALLOW = ["127.0.0.0/8"]
    (action,) = owe({"type": "call_webhook", "url": f"http://127.0.0.1:{port}/"})
    work(action)
    assert action.status == "PENDING"
    assert "ConnectionRefusedError" in action.result


def test_a_long_answer_is_read_no_further(sink):
    sink.answers = [(200, {}, b"x" * 10_000_000)]
    (action,) = owe(hook(sink))
    work(action)
    assert (action.status, len(action.result)) == ("DONE", len(f"{sink.url} answered 200 OK: .") + 200)


def test_a_slow_sink_does_not_hold_up_the_others(sink, settings):
    is_over = threading.Event()
    sink.before_answer = lambda: is_over.wait(20)
    slow = rule_of(*[hook(sink)] * 12)
    vehicle = vehicle_of()
    fire(slow, vehicle)
    with listening() as quick:
        other = fire(rule_of({**hook(quick), "url": quick.url}), vehicle)
        quick.before_answer = is_over.set
        settings.WEBHOOK_ALLOW = ["127.0.0.0/8"]
        began = time.monotonic()
        work()
        assert time.monotonic() - began < 10
        assert actions_of(other)[0].status == "DONE"
    assert len(sink.calls) == 12
    assert len(set(sink.ids)) == 12


def test_a_call_that_a_killed_process_began_is_taken_up_when_its_lease_ends(sink):
    (action,) = owe(hook(sink))
    (one,) = _claim(1, [])
    action.refresh_from_db()
    assert (action.attempts, action.status) == (1, "PENDING")
    assert timedelta(seconds=20) < action.next_at - timezone.now() < timedelta(seconds=40)
    assert _claim(1, []) == []
    work(action)
    assert (action.status, action.attempts) == ("DONE", 2)
    assert tries_of(action) == [(1, "FAILED"), (2, "DONE")]
    assert one.row.action.tries.first().answer == "It broke off: the process that ran it ended."


def test_what_kills_its_process_ten_times_is_parked(sink):
    (action,) = owe(hook(sink))
    type(action).objects.update(attempts=10)
    work(action)
    assert (action.status, sink.calls) == ("PARKED", [])
    assert action.result == "Given up after 10 attempts: It broke off: the process that ran it ended."


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/", "it is an internal or reserved address"),
        ("https://2130706433/", "2130706433 is 127.0.0.1, and that is an internal or reserved address"),
        ("https://[::1]/", "it is an internal or reserved address"),
        ("https://localhost/", "it is this machine itself"),
        ("ftp://hooks.example.com/", "it does not begin with https:// or http://"),
        ("https://me:secret@hooks.example.com/", "it holds a name or a password, which an address must not tell"),
        ("https://hooks.example.com:0/", "a port is a number from 1 to 65535"),
        ("https://hooks.example.com:70000/", "its host or its port cannot be read"),
        ("https://hooks.example.com/a b", "it holds a blank"),
        ("https:///path", "it names no host such as hooks.example.com"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_called_is_refused_at_save(url, why):
    errors = check_actions([{"type": "call_webhook", "url": url}], by=administrator())
    assert why in errors["actions[0].url"][0]


def test_addresses_of_the_world_are_taken():
    for url in (
        "https://hooks.example.com/a?b=c",
        "http://hooks.example.com:8080",
        "https://[2606:4700::1]/",
    ):
        assert check_actions([{"type": "call_webhook", "url": url}], by=administrator()) == {}


def test_what_the_operator_names_is_let_through(settings):
    settings.WEBHOOK_ALLOW = ["sink.internal:8080", "10.1.0.0/16", "[::1]:90"]
    for url in ("http://10.1.2.3/", "http://[::1]:90/"):
        assert check_actions([{"type": "call_webhook", "url": url}], by=administrator()) == {}
    with pytest.raises(ValueError, match="neither host:port nor a network"):
        read_allowed(["sink.internal"])


def test_a_name_may_have_several_addresses_and_one_internal_spoils_all(monkeypatch):
    places = [("93.184.216.34", 80), ("127.0.0.1", 80)]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *a, **k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", p) for p in places],
    )
    with pytest.raises(Refused):
        calls.post(read_url("http://hooks.example.com/"), b"", {}, allowed=read_allowed([]))
