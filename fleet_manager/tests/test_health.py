"""Health and metrics answer without a login, and say what is down."""

import pytest
from django.test import Client

from fleet_manager import health

pytestmark = pytest.mark.django_db


def test_the_process_says_that_it_is_up(client: Client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_a_system_whose_servers_answer_is_ready(client: Client):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "database": "up", "bus": "up", "broker": "up"}


@pytest.mark.parametrize(
    ("setting", "part"), [("MESSAGE_BUS_URL", "bus"), ("CELERY_BROKER_URL", "broker")], ids=["bus", "broker"]
)
def test_a_server_that_is_away_is_named(client: Client, settings, tmp_path, setting: str, part: str):
    scheme = "unix://" if part == "bus" else "redis+socket://"
    setattr(settings, setting, f"{scheme}{tmp_path}/nothing.sock")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()[part] == "down"


def test_a_database_that_is_away_is_named(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(health.CHECKS, "database", lambda: "down")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"


def test_metrics_tell_requests_by_route_and_what_waits(client: Client):
    client.get("/readyz")

    text = client.get("/metrics").content.decode()

    assert 'fleet_queue_messages{queue="imports"}' in text
    assert "fleet_change_batches_pending" in text
    assert 'fleet_request_seconds_count{method="GET",route="^readyz/?$",status="200"}' in text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_can_only_be_read(client: Client, path: str):
    assert client.post(path).status_code == 405
