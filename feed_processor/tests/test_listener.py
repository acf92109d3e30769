"""The listener as it runs: threads of its own, a real PostgreSQL and a real Valkey."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.conf import settings
from django.db import OperationalError
from redis import Redis

from feed_processor import listener
from feed_processor.listener import Listener, work_lanes
from msg_pattern.bus import Outgoing, get_bus
from msg_pattern.messages import Channel, Message, MessageType
from rules.lanes import take_lane
from rules.tests.factories import count, make_rule, make_vehicle, report
from telemetry.models import ParkedEntry
from vehicle_management.models import LANES, ChangeBatch, VehicleStatus

pytestmark = pytest.mark.django_db(transaction=True)
AT = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
READING = {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 10_412}


def wait_until(happened: Callable[[], object], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def client():
    client = Redis.from_url(settings.MESSAGE_BUS_URL)
    client.delete(Channel.TELEMETRY_RAW)
    yield client
    client.delete(Channel.TELEMETRY_RAW)
    client.close()


@pytest.fixture
def running(client, monkeypatch, tmp_path):
    """A listener that runs until the test ends."""
    monkeypatch.setattr(listener, "HEARTBEAT_EVERY_S", 0.05)
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "heartbeat"))
    started = Listener()
    thread = threading.Thread(target=started.run)
    thread.start()
    wait_until(lambda: get_bus().has_listeners(Channel.CHANGES))
    wait_until(lambda: get_bus().has_listeners(Channel.TELEMETRY_RAW))
    yield started
    started.stop()
    thread.join(timeout=15)
    assert not thread.is_alive()


def is_worked_off() -> bool:
    return not ChangeBatch.objects.filter(done_at=None).exists()


@pytest.mark.parametrize("way", ["publish", "append"])
def test_a_reading_moves_the_status_fires_and_is_told_to_the_world(running, client, way):
    rule, vehicle = make_rule(), make_vehicle()
    wait_until(is_worked_off)
    with get_bus().subscribe(Channel.TELEMETRY_PROCESSED) as world:
        wait_until(lambda: get_bus().has_listeners(Channel.TELEMETRY_PROCESSED))
        message = Message(MessageType.READING, READING)
        if way == "publish":
            get_bus().publish(Channel.TELEMETRY_RAW, message)
        else:
            get_bus().append(Channel.TELEMETRY_RAW, [Outgoing(message.to_json())])
        wait_until(lambda: count(rule))
        heard = []
        wait_until(lambda: heard.append(world.receive(timeout_s=0.1)) or any(heard))
    (_channel, raw) = next(filter(None, heard))
    assert orjson.loads(raw)["data"][0]["changes"] == {"status.odometer_km": [None, 10_412]}
    assert VehicleStatus.objects.get(vehicle=vehicle).odometer_km == 10_412
    wait_until(lambda: client.xlen(Channel.TELEMETRY_RAW) == 0)


def test_a_lost_bell_is_made_good_by_the_sweep(running, monkeypatch):
    monkeypatch.setattr(get_bus(), "publish", lambda channel, message: None)
    rule = make_rule()
    report(make_vehicle(), odometer_km=10_412.0)
    wait_until(lambda: count(rule))


def test_a_reading_of_no_sense_is_put_aside_and_the_next_one_is_taken(running, client):
    make_vehicle()
    for raw in (b"nonsense", b'{"vehicle_id": "VH-1", "note": ["\\u0000"]}', orjson.dumps(READING)):
        get_bus().append(Channel.TELEMETRY_RAW, [Outgoing(raw)])
    wait_until(lambda: VehicleStatus.objects.filter(odometer_km=10_412).exists())
    assert ParkedEntry.objects.count() == 2


def test_it_goes_on_when_the_database_was_away(running, client, monkeypatch):
    make_vehicle()
    failures = iter([OperationalError("the server closed the connection")])

    def fail_once(consumer, entries):
        if error := next(failures, None):
            raise error
        return take(consumer, entries)

    take = listener.take_readings
    monkeypatch.setattr(listener, "take_readings", fail_once)
    get_bus().append(Channel.TELEMETRY_RAW, [Outgoing(orjson.dumps(READING))])
    wait_until(lambda: VehicleStatus.objects.filter(odometer_km=10_412).exists())


def test_a_reading_that_breaks_us_is_put_aside_and_its_neighbours_are_taken(running, client, monkeypatch):
    make_vehicle("VH-1"), make_vehicle("VH-2")

    def break_at_two(consumer, entries):
        if any(b"VH-2" in entry.data for entry in entries):
            raise ZeroDivisionError
        return take(consumer, entries)

    take = listener.take_readings
    monkeypatch.setattr(listener, "take_readings", break_at_two)
    get_bus().append(Channel.TELEMETRY_RAW, [Outgoing(b"nonsense")])
    for name in ("VH-2", "VH-1"):
        get_bus().append(Channel.TELEMETRY_RAW, [Outgoing(orjson.dumps({**READING, "vehicle_id": name}))])
    wait_until(lambda: VehicleStatus.objects.filter(odometer_km=10_412).exists())
    wait_until(lambda: ParkedEntry.objects.count() == 2)
    reasons = {bytes(parked.data): parked.reason for parked in ParkedEntry.objects.all()}
    assert ["ZeroDivisionError" in reason for reason in reasons.values()].count(True) == 1
    assert b"nonsense" in reasons


def test_a_bell_that_nobody_of_us_rang_does_no_harm(running, client):
    rule, vehicle = make_rule(), make_vehicle()
    for raw in (b"nonsense", b"[]", b'{"data": {"lanes": [999, "x"]}}', b'{"data": {"lanes": [[]]}}'):
        client.publish(Channel.CHANGES, raw)
    report(vehicle, odometer_km=10_412.0)
    wait_until(lambda: count(rule))


def test_a_lane_that_breaks_holds_up_no_other(monkeypatch):
    rule, vehicle = make_rule(), make_vehicle()
    report(vehicle, odometer_km=10_412.0)

    def break_elsewhere(lane, publish, may_go_on, **others):
        if lane != vehicle.pk % LANES:
            raise ZeroDivisionError
        return drain(lane, publish, may_go_on, **others)

    drain = listener.drain_lane
    monkeypatch.setattr(listener, "drain_lane", break_elsewhere)
    work_lanes(range(LANES))
    assert count(rule) == 1


def test_it_tells_the_supervisor_that_its_loops_turn(running, tmp_path):
    wait_until((tmp_path / "heartbeat").exists)


def test_it_tells_nothing_once_a_loop_stands_still(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "heartbeat"))
    stuck = Listener()
    stuck._alive["readings"] -= 60
    stuck._beat()
    assert not (tmp_path / "heartbeat").exists()


def test_a_lane_that_another_listener_holds_is_left_to_it():
    rule, vehicle = make_rule(), make_vehicle()
    report(vehicle, odometer_km=10_412.0)
    held, done = threading.Event(), threading.Event()

    def hold():
        with take_lane(vehicle.pk % LANES) as taken:
            assert taken
            held.set()
            done.wait(10)
        listener.connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    work_lanes(range(LANES))
    assert count(rule) == 0
    done.set()
    thread.join()
    work_lanes(range(LANES))
    assert count(rule) == 1


def test_lanes_are_left_when_the_listener_stops():
    rule = make_rule()
    report(make_vehicle(), odometer_km=10_412.0)
    work_lanes(range(LANES), lambda: False)
    assert count(rule) == 0
