"""Health and metrics answer without a login, in time, and say what is down."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Cause
from fleet_manager import gauges, probes, readiness
from fleet_manager.probes import Probe
from msg_pattern.bus import Backlog, BusError, Outgoing, get_bus
from msg_pattern.messages import Channel
from telemetry.acceptance import GROUP
from vehicle_management.models import ChangeBatch

pytestmark = pytest.mark.django_db

PARTS = ("database", "bus", "broker", "backlog", "lag")


@pytest.fixture
def hanging() -> Iterator[Callable[[], str]]:
    """A server that does not answer before the test is over."""
    over = threading.Event()
    yield lambda: "up" if over.wait(30) else "down"
    over.set()


def sample(client: Client, name: str) -> float | None:
    lines = client.get("/metrics").content.decode().splitlines()
    values = {one.rpartition(" ")[0]: float(one.rpartition(" ")[2]) for one in lines if one[0] != "#"}
    return values.get(name)


def leave_change(*, ago: timedelta) -> ChangeBatch:
    cause, _made = Cause.objects.get_or_create(data={"kind": "reading"})
    batch = ChangeBatch.objects.create(lane=3, cause=cause, fields=["plate"], vehicles=[1])
    ChangeBatch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - ago)
    return batch


def test_the_process_says_that_it_is_up(client: Client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_a_system_whose_servers_answer_is_ready(client: Client):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", **dict.fromkeys(PARTS, "up")}


@pytest.mark.parametrize(
    ("setting", "part"), [("MESSAGE_BUS_URL", "bus"), ("CELERY_BROKER_URL", "broker")], ids=["bus", "broker"]
)
def test_a_server_that_is_away_is_named(client: Client, settings, tmp_path, setting: str, part: str):
    scheme = "unix://" if part == "bus" else "redis+socket://"
    setattr(settings, setting, f"{scheme}{tmp_path}/nothing.sock")
    began = time.monotonic()

    answer = client.get("/readyz")

    assert time.monotonic() - began < readiness.ANSWER_WITHIN_S + 1
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()[part] == "down"


def test_a_broker_of_another_kind_that_is_away_is_named(client: Client, settings):
    settings.CELERY_BROKER_URL = "amqp://guest@127.0.0.1:1//"

    assert client.get("/readyz").json()["broker"] == "down"
    assert sample(client, 'fleet_ready{part="broker"}') == 0
    assert sample(client, 'fleet_queue_messages{queue="imports"}') is None


@pytest.mark.parametrize("error", [BusError("no broker"), OSError("away"), RuntimeError("of a library")])
def test_a_bus_may_break_in_any_way(client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def broken(*args: Any, **named: Any) -> bool:
        raise error

    monkeypatch.setattr(type(get_bus()), "ping", broken)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["bus"] == "down"
    assert answer.json()["database"] == "up"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_hangs_is_down_in_time(
    client: Client, monkeypatch: pytest.MonkeyPatch, hanging: Callable[[], str], part: str
):
    monkeypatch.setattr(readiness, "ANSWER_WITHIN_S", 2)
    monkeypatch.setitem(readiness.PROBES, part, Probe(hanging))
    began = time.monotonic()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert {name for name, state in answer.json().items() if state == "down"} == {part}
    assert time.monotonic() - began < 5


def test_a_server_that_hangs_is_asked_once_however_many_ask(
    monkeypatch: pytest.MonkeyPatch, hanging: Callable[[], str]
):
    asked: list[None] = []

    def ask() -> str:
        asked.append(None)
        return hanging()

    probe = Probe(ask)

    for _ in range(5):
        with pytest.raises(TimeoutError):
            probe.start().answer(0.01)

    assert len(asked) == 1


def test_a_question_that_was_lost_is_asked_anew(monkeypatch: pytest.MonkeyPatch, hanging: Callable[[], str]):
    monkeypatch.setattr(probes, "FORGOTTEN_AFTER_S", 0.05)
    probe = Probe(hanging)
    with pytest.raises(TimeoutError):
        probe.start().answer(0.01)

    probe.ask = lambda: "up"
    time.sleep(0.06)

    assert probe.start().answer(1) == "up"


def test_readings_that_pile_up_make_it_unready(client: Client, monkeypatch: pytest.MonkeyPatch, settings):
    settings.READY_MAX_BACKLOG_MB = 2
    monkeypatch.setattr(readiness, "readings_backlog", lambda: Backlog(10, 2 * 2**20 + 1, 1.0))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["backlog"] == "over"
    assert answer.json()["lag"] == "up"


def test_a_reading_that_waits_too_long_makes_it_unready(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings
):
    settings.READY_MAX_LAG_S = 60
    monkeypatch.setattr(readiness, "readings_backlog", lambda: Backlog(1, 100, 60.5))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["lag"] == "over"
    assert answer.json()["backlog"] == "up"


@pytest.mark.django_db(transaction=True)
def test_a_change_that_rules_have_not_seen_for_too_long_makes_it_unready(client: Client):
    batch = leave_change(ago=timedelta(minutes=3))

    assert client.get("/readyz").json()["lag"] == "over"
    assert sample(client, 'fleet_lag_seconds{consumer="rules-3"}') == pytest.approx(180, abs=10)
    assert sample(client, 'fleet_lag_seconds{consumer="rules-4"}') == 0
    assert sample(client, "fleet_change_batches_pending") == 1

    ChangeBatch.objects.filter(pk=batch.pk).update(done_at=timezone.now())

    assert client.get("/readyz").json()["lag"] == "up"


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_catches_up_is_ready_and_one_that_stands_is_not(client: Client):
    leave_change(ago=timedelta(minutes=3))
    done = leave_change(ago=timedelta(minutes=3))
    done_at = ChangeBatch.objects.filter(pk=done.pk)

    done_at.update(done_at=timezone.now())
    assert client.get("/readyz").json()["lag"] == "up"

    done_at.update(done_at=timezone.now(), lane=4)
    assert client.get("/readyz").json()["lag"] == "over"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_asked_by_addresses_that_nobody_named(client: Client, settings, path: str):
    settings.ALLOWED_HOSTS = ["fleet.example"]
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path, HTTP_HOST="10.1.2.3:8000").status_code == 200


def test_metrics_tell_requests_by_route_and_what_waits(client: Client):
    client.get("/readyz")

    text = client.get("/metrics").content.decode()

    assert 'fleet_queue_messages{queue="imports"}' in text
    assert "fleet_change_batches_pending" in text
    assert 'fleet_request_seconds_count{method="GET",route="^readyz/?$",status="200"}' in text


def test_a_method_that_somebody_made_up_makes_no_series_of_its_own(client: Client):
    client.generic("BREW", "/vehicles")

    text = client.get("/metrics").content.decode()

    assert "BREW" not in text
    assert 'method="OTHER"' in text


def test_metrics_tell_how_much_lies_on_the_bus_and_for_how_long(client: Client):
    channel = str(Channel.TELEMETRY_RAW)
    consumer = get_bus().consume(channel, group=GROUP)
    get_bus().append(channel, [Outgoing(b'{"vehicle_id": "one"}', "one")])
    try:
        assert sample(client, f'fleet_backlog_entries{{channel="{channel}"}}') == 1
        assert sample(client, f'fleet_backlog_bytes{{channel="{channel}"}}') > 0
        assert sample(client, 'fleet_lag_seconds{consumer="feed"}') >= 0
    finally:
        consumer.acknowledge(consumer.take(10, timeout_s=0.1))
    assert sample(client, f'fleet_backlog_entries{{channel="{channel}"}}') == 0


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("database", "fleet_parked_entries"),
        ("bus", 'fleet_backlog_bytes{channel="fleet.telemetry.raw"}'),
        ("broker", 'fleet_queue_messages{queue="celery"}'),
    ],
    ids=["database", "bus", "broker"],
)
def test_metrics_leave_out_what_a_hanging_server_does_not_tell(
    client: Client, monkeypatch: pytest.MonkeyPatch, hanging: Callable[[], Any], source: str, missing: str
):
    assert sample(client, missing) is not None
    monkeypatch.setattr(gauges, "ANSWER_WITHIN_S", 1)
    monkeypatch.setitem(gauges.SOURCES, source, Probe(hanging))
    began = time.monotonic()

    assert sample(client, missing) is None
    assert time.monotonic() - began < 2.5


def test_metrics_tell_what_each_process_takes(client: Client, settings, tmp_path: Path):
    settings.FLEET_HOME = tmp_path
    (tmp_path / "run.json").write_text(json.dumps({"processes": {"supervisor": os.getpid(), "web": 2**22}}))

    assert sample(client, 'fleet_process_cpu_seconds_total{process="supervisor"}') > 0
    assert sample(client, 'fleet_process_resident_bytes{process="supervisor"}') > 10_000_000
    started = sample(client, 'fleet_process_start_time_seconds{process="supervisor"}')
    assert time.time() - 86_400 < started < time.time()
    assert sample(client, 'fleet_process_start_time_seconds{process="supervisor"}') == started
    assert sample(client, 'fleet_process_cpu_seconds_total{process="web"}') is None


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_can_only_be_read(client: Client, path: str):
    assert client.post(path).status_code == 405
