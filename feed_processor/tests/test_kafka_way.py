"""The whole way of a reading with Kafka as the bus: posted, kept, stored, held against rules, told."""

import json
import threading
import time

import orjson
import pytest
from confluent_kafka import Producer
from django.db import OperationalError

from accounts.models import Fleet
from accounts.services import create_key
from feed_processor import listener
from feed_processor.listener import Listener
from feed_processor.tests.test_listener import wait_until
from fleet_manager.readiness import readings_backlog
from msg_pattern import kafka_consumer
from msg_pattern.bus import get_bus
from msg_pattern.messages import Channel
from msg_pattern.tests.tansu import HURRIED, running_tansu
from rules.tests.factories import count, make_rule
from telemetry.models import ParkedEntry, Reading
from telemetry.tests.learnt import nothing_learnt
from telemetry.tests.test_ingest import PATH, now, through_gate
from vehicle_management.models import VehicleStatus
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kafka(settings, monkeypatch):
    for name, value in HURRIED.items():
        monkeypatch.setitem(kafka_consumer.IN_A_GROUP, name, value)
    with running_tansu() as broker:
        settings.MESSAGE_BUS_URL = f"{broker.url}?partitions=3&delivery.timeout.ms=2000"
        yield broker
        get_bus().close()


@pytest.fixture
def anew(monkeypatch):
    with nothing_learnt(monkeypatch):
        yield


@pytest.fixture
def vehicles():
    fleet = Fleet.objects.create(fleet_id="north", fleet_name="North")
    return [VehicleFactory(vehicle_id=f"VH-{number}", fleet=fleet) for number in range(1, 6)]


@pytest.fixture
def headers(vehicles):
    _key, secret = create_key({"name": "gate", "scopes": ["ingest"]}, fleets=[vehicles[0].fleet], by=None)
    return {"Authorization": f"Api-Key {secret}", "Content-Type": "application/json"}


@pytest.fixture
def running(kafka):
    started = Listener()
    thread = threading.Thread(target=started.run)
    thread.start()
    yield started
    started.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


def reading(number=1, **values):
    return {"vehicle_id": f"VH-{number}", "timestamp": now(minutes=1), "odometer_km": 10_412, **values}


def is_known(number: int) -> bool:
    found = VehicleStatus.objects.filter(vehicle__vehicle_id=f"VH-{number}", odometer_km=10_412)
    return found.exists()


def test_readings_come_by_kafka_into_the_database_to_the_rules_and_to_the_world(
    client, running, kafka, vehicles, headers, anew
):
    rule = make_rule()
    with get_bus().subscribe(Channel.TELEMETRY_PROCESSED) as world:
        assert through_gate(client, orjson.dumps(reading(1)), headers)[0] == 202
        batch = orjson.dumps({"readings": [reading(2), reading(3), reading(3, timestamp=now(minutes=2))]})
        authorization = {"Authorization": headers["Authorization"]}
        answer = client.post(PATH, batch, content_type="application/json", headers=authorization)
        assert answer.status_code == 202
        foreign = Producer({"bootstrap.servers": kafka.address})
        foreign.produce(Channel.TELEMETRY_RAW, orjson.dumps(reading(4)), key="VH-4")
        foreign.produce(Channel.TELEMETRY_RAW, b"nonsense", key="VH-4")
        foreign.produce(Channel.TELEMETRY_RAW, orjson.dumps(reading(5)), key="VH-5")
        assert foreign.flush(5) == 0
        wait_until(lambda: all(is_known(number) for number in range(1, 6)), within_s=30)
        wait_until(lambda: count(rule) == 5)
        told: dict[str, dict] = {}
        deadline = time.monotonic() + 20
        while len(told) < 5 and time.monotonic() < deadline:
            if heard := world.receive(timeout_s=0.1):
                data = json.loads(heard[1])["data"]
                told.setdefault(data["vehicle_id"], {}).update(data["changes"])
    assert told == {f"VH-{number}": {"status.odometer_km": [None, 10_412]} for number in range(1, 6)}
    assert Reading.objects.count() == 6
    assert [bytes(parked.data) for parked in ParkedEntry.objects.all()] == [b"nonsense"]
    wait_until(lambda: readings_backlog().entries == 0)


def test_what_the_database_did_not_take_is_given_again(client, running, vehicles, headers, anew, monkeypatch):
    failures = iter([OperationalError("the server closed the connection")])

    def fail_once(consumer, entries):
        if error := next(failures, None):
            raise error
        return take(consumer, entries)

    take = listener.take_readings
    monkeypatch.setattr(listener, "take_readings", fail_once)
    assert through_gate(client, orjson.dumps(reading(1)), headers)[0] == 202
    wait_until(lambda: is_known(1), within_s=30)
    assert next(failures, "used") == "used"


def test_readings_are_refused_while_kafka_is_away_and_taken_again_after(
    client, running, kafka, vehicles, headers, anew, settings
):
    wait_until(lambda: get_bus().ping())
    assert through_gate(client, orjson.dumps(reading(1)), headers)[0] == 202
    wait_until(lambda: is_known(1), within_s=30)
    kafka.kill()
    status, told, answered = through_gate(client, orjson.dumps(reading(2)), headers)
    assert (status, told["error"]) == (503, "UNAVAILABLE")
    assert int(answered["retry-after"]) > 0
    kafka.start()
    wait_until(lambda: through_gate(client, orjson.dumps(reading(2)), headers)[0] == 202, within_s=60)
    wait_until(lambda: is_known(2), within_s=60)
