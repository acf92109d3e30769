"""RabbitMQ instead of Valkey for the queues: a real broker rings a real worker, and its absence is told."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from celery import Task
from django.db import connection
from django.test import Client
from kombu.exceptions import OperationalError

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from file_manager.models import Upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in
from fleet_manager.celery import app
from fleet_manager.tests.rabbit import BINARY, Rabbit, running_rabbit
from telemetry.models import Trip
from telemetry.tasks import score_posted_trip
from telemetry.trips import submit_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)
RUNS = pytest.mark.skipif(not BINARY.exists(), reason="Debian's rabbitmq-server is not installed here")
SAMPLES = [{"g_force_long": -0.5, "speed_kmh": 30}, {"g_force_long": 0.1, "speed_kmh": 28}]


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory) -> Iterator[Rabbit]:
    with running_rabbit(tmp_path_factory.mktemp("rabbit")) as broker:
        yield broker


def ring(url: str, task: Task, *values: str) -> None:
    """As the services ring, but at this broker."""
    with app.connection_for_write(url) as broker:
        task.apply_async(args=values, retry=False, connection=broker)


@contextmanager
def worker(url: str, log: Path) -> Iterator[None]:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    command = [sys.executable, "-m", "celery", "-A", "fleet_manager", "worker", "-Q", "imports,celery"]
    environment = {**os.environ, "CELERY_BROKER_URL": url, "DATABASE_URL": urlunsplit(database)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-c", "1", "--without-mingle"], env=environment, stdout=out, stderr=out
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def wait_until(holds: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 45
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def queue_of_imports(client: Client) -> list[str]:
    text = client.get("/metrics").content.decode()
    return [
        line.split()[-1]
        for line in text.splitlines()
        if line.startswith('fleet_queue_messages{queue="imports"')
    ]


@pytest.mark.slow
@RUNS
def test_a_worker_is_rung_by_rabbitmq_and_found_again_by_a_broker_that_was_killed(
    rabbit: Rabbit, tmp_path: Path
):
    log, people = tmp_path / "worker.log", People.make()
    vehicle = VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)
    body = {"vehicle_id": vehicle.vehicle_id, "data": SAMPLES}
    trip = submit_trip(body, json.dumps(body).encode(), people.actor("device_key"), None)
    with worker(rabbit.url, log):
        ring(rabbit.url, score_posted_trip, str(trip.pk))
        wait_until(lambda: Trip.objects.get().status == Trip.Status.COMPLETED, log)
        assert Trip.objects.get().safety_score == 95

        rabbit.kill()
        upload = hand_in("vehicle_id,plate\nVH-1,N 1\n", fleet=people.north, by=people.manager)
        rabbit.start()
        ring(rabbit.url, work_uploads)
        wait_until(lambda: Upload.objects.get(pk=upload.pk).status == Upload.Status.APPLIED, log)


@pytest.mark.slow
@RUNS
def test_bells_that_wait_are_counted_and_a_broker_that_is_away_is_told(
    rabbit: Rabbit, client: Client, settings
):
    settings.CELERY_BROKER_URL = rabbit.url
    with app.connection_for_write(rabbit.url) as broker, broker.channel() as channel:
        channel.queue_delete("imports")
    assert client.get("/readyz").json()["broker"] == "up"
    assert queue_of_imports(client) == ["0.0"]
    for _ in range(3):
        ring(rabbit.url, work_uploads)
    assert queue_of_imports(client) == ["3.0"]

    rabbit.kill()
    assert client.get("/readyz").json()["broker"] == "down"
    assert queue_of_imports(client) == []


@pytest.mark.parametrize(
    "url", ["amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"], ids=["amqp", "redis"]
)
def test_a_bell_that_nobody_hears_holds_no_request_up(url: str):
    began = time.monotonic()
    with pytest.raises(OperationalError):
        ring(url, work_uploads)
    assert time.monotonic() - began < 1
