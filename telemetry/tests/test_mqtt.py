"""Readings of an MQTT broker reach the bus, each at least once, whoever of the three dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from paho.mqtt.client import MQTTMessage
from redis import Redis

from feed_processor.readings import take_readings
from fleet_manager.env import CHECKOUT
from msg_pattern.bus import BusError, get_bus
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel
from telemetry import acceptance
from telemetry.models import ParkedEntry, Reading
from telemetry.mqtt import Adapter, Broker
from telemetry.mqtt_payloads import TopicFilter, entries_of
from telemetry.tests.brokers import MOSQUITTO, RealBroker
from vehicle_management.tests.factories import VehicleFactory

TOPIC = "fleet/+/telemetry"
# Gets messages, and is killed when the bus has none of them yet.
DIES_BEFORE_IT_APPENDS = """
import os, signal, sys, threading
import django
django.setup()
from telemetry import mqtt
class Deadly:
    shards, assigns = 1, False
    def append(self, channel, entries):
        print(len(entries), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
mqtt.refuse_when_full = lambda bus: None
broker = mqtt.Broker.at(sys.argv[1])
mqtt.Adapter(Deadly(), broker, topic="fleet/+/telemetry", client_id="ours").run(threading.Event())
"""


@pytest.fixture(
    params=[
        "amqtt",
        pytest.param(
            "mosquitto", marks=pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed")
        ),
    ]
)
def broker(request, tmp_path):
    broker = RealBroker(request.param, tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def keeper(tmp_path):
    """A broker that gives again what was not acknowledged; amqtt forgets it after 5 s and at a disconnect."""
    if not MOSQUITTO:
        pytest.skip("mosquitto is not installed")
    broker = RealBroker("mosquitto", tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    monkeypatch.setattr(acceptance.backlog, "_is_full", False)
    # amqtt answers nothing to version 5.
    monkeypatch.setattr("telemetry.mqtt.ANSWERS_WITHIN_S", 1.0)


class Bus(MemoryBus):
    """Remembers how many entries each append brought, and is away for the first ``away_for`` of them."""

    def __init__(self, away_for=0):
        super().__init__()
        self.appends, self.away_for = [], away_for

    def append(self, channel, entries):
        if self.away_for:
            self.away_for -= 1
            raise BusError("away")
        super().append(channel, entries)
        self.appends.append(len(entries))

    def told(self):
        return [json.loads(entry.data) for entry in self._streams[Channel.TELEMETRY_RAW]]

    def entries(self):
        return list(self._streams[Channel.TELEMETRY_RAW])


class running:
    """An adapter in a thread, which has its subscription when the block begins."""

    def __init__(self, bus, broker, *, topic=TOPIC):
        self.adapter = Adapter(bus, Broker.at(broker.url), topic=topic, client_id="ours")
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.adapter.run, args=(self.stopping,))

    def __enter__(self):
        self.thread.start()
        assert until(lambda: self.adapter.connection and self.adapter.connection.is_subscribed, within_s=20)
        return self.adapter

    def __exit__(self, *_error):
        self.stopping.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def until(holds, *, within_s=10):
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def message(vehicle, **values):
    return f"fleet/{vehicle}/telemetry", json.dumps(values).encode()


# ---------------------------------------------------------------- topics and payloads


@pytest.mark.parametrize(
    ("topic_filter", "topic", "vehicle_id"),
    [
        (TOPIC, "fleet/VH-1/telemetry", "VH-1"),
        (TOPIC, "fleet/VH-1/status", None),
        (TOPIC, "fleet/VH-1/telemetry/x", None),
        ("$share/two/fleet/+/telemetry", "fleet/VH-1/telemetry", "VH-1"),
        ("trackers/+/#", "trackers/VH-1/a/b", "VH-1"),
        ("+", "VH-1", "VH-1"),
        ("all/telemetry", "all/telemetry", None),
    ],
)
def test_the_topic_names_the_vehicle(topic_filter, topic, vehicle_id):
    assert TopicFilter.of(topic_filter).vehicle_of(topic) == vehicle_id


@pytest.mark.parametrize("topic", ["+/+/telemetry", "fleet/#/telemetry", "$share/g", ""])
def test_a_topic_that_does_not_tell_the_vehicle_is_refused(topic):
    with pytest.raises(ValueError, match="MQTT_TOPIC is “"):
        TopicFilter.of(topic)


@pytest.mark.parametrize(
    "payload",
    [b'{"speed_kmh": 3}', b'[{"speed_kmh": 3}]', b'{"readings": [{"vehicle_id": "A", "speed_kmh": 3}]}'],
)
def test_a_payload_is_a_reading_or_several_and_need_not_name_the_vehicle(payload):
    ((key, data, count),) = entries_of(payload, "A")
    assert (key, json.loads(data), count) == ("A", [{"speed_kmh": 3, "vehicle_id": "A"}], 1)


def test_where_the_topic_names_nobody_each_reading_names_its_vehicle():
    payload = b'[{"vehicle_id": "A", "n": 1}, {"vehicle_id": "B", "n": 2}, {"vehicle_id": "A", "n": 3}]'
    told = [(key, json.loads(data), count) for key, data, count in entries_of(payload, None)]
    assert told == [
        ("A", [{"vehicle_id": "A", "n": 1}, {"vehicle_id": "A", "n": 3}], 2),
        ("B", [{"vehicle_id": "B", "n": 2}], 1),
    ]


@pytest.mark.parametrize("payload", [b"speed=3", b"\xff\xfe", b"3", b'["A"]', b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_reading_stays_as_it_is(payload):
    assert entries_of(payload, "A") == [("A", payload, 1)]


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://host", Broker("host", 1883)),
        ("mqtt://me:p%40ss@host:1885", Broker("host", 1885, "me", "p@ss")),
        ("mqtts://host?ca=/etc/ca.pem", Broker("host", 8883, is_tls=True, ca="/etc/ca.pem")),
    ],
)
def test_an_address_tells_where_and_as_whom(url, broker):
    assert Broker.at(url) == broker
    assert "p@ss" not in str(broker)


def test_an_address_without_a_host_is_refused():
    with pytest.raises(ValueError, match="MQTT_URL names no broker"):
        Broker.at("mqtt://")


# ---------------------------------------------------------------- with real brokers


def test_messages_reach_the_bus_with_their_vehicle_and_sender(broker):
    bus = Bus()
    with running(bus, broker):
        broker.publish(message("VH-1", speed_kmh=31), message("VH-2", vehicle_id="VH-2", speed_kmh=32))
        assert until(lambda: len(bus.entries()) == 2)

    assert bus.told() == [
        [{"speed_kmh": 31, "vehicle_id": "VH-1"}],
        [{"vehicle_id": "VH-2", "speed_kmh": 32}],
    ]
    assert [entry.sender for entry in bus.entries()] == ["mqtt:VH-1", "mqtt:VH-2"]


def test_what_comes_while_nobody_listens_is_kept_by_the_broker_and_comes_together(broker):
    bus = Bus()
    with running(bus, broker):
        pass
    broker.publish(*(message("VH-1", n=number) for number in range(300)))
    with running(bus, broker):
        assert until(lambda: len(bus.entries()) >= 300)

    assert sorted(told[0]["n"] for told in bus.told()) == list(range(300))
    assert len(bus.appends) < 150


def test_what_is_acknowledged_is_not_given_again(broker):
    bus = Bus()
    with running(bus, broker):
        broker.publish(message("VH-1", n=1))
        assert until(bus.entries)
    with running(bus, broker):
        broker.publish(message("VH-1", n=2))
        assert until(lambda: len(bus.entries()) == 2)

    assert [told[0]["n"] for told in bus.told()] == [1, 2]


def test_messages_wait_while_the_bus_is_away(broker, monkeypatch):
    monkeypatch.setattr("telemetry.mqtt.BUS_PAUSE_S", 0.05)
    bus = Bus(away_for=5)
    with running(bus, broker):
        broker.publish(*(message("VH-1", n=number) for number in range(20)))
        assert until(lambda: len(bus.entries()) == 20)

    assert bus.away_for == 0


def test_what_waits_for_the_bus_at_the_end_is_given_again_to_the_next(keeper, monkeypatch):
    monkeypatch.setattr("telemetry.mqtt.BUS_PAUSE_S", 0.05)
    away, bus = Bus(away_for=10**6), Bus()
    with running(away, keeper):
        keeper.publish(*(message("VH-1", n=number) for number in range(20)))
        assert until(lambda: away.away_for < 10**6 - 3)
    with running(bus, keeper):
        assert until(lambda: len({told[0]["n"] for told in bus.told()}) == 20)


def test_a_kill_between_receipt_and_append_loses_nothing(keeper):
    with running(Bus(), keeper):
        pass
    keeper.publish(*(message("VH-1", n=number) for number in range(50)))
    command = [sys.executable, "-c", DIES_BEFORE_IT_APPENDS, keeper.url]
    for _time in range(2):
        died = subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=60, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
        assert int(died.stdout) > 0

    bus = Bus()
    with running(bus, keeper):
        assert until(lambda: len({told[0]["n"] for told in bus.told()}) == 50)


def test_a_broker_that_was_away_is_found_again(broker):
    bus = Bus()
    with running(bus, broker):
        broker.publish(message("VH-1", n=1))
        assert until(bus.entries)
        broker.stop()
        time.sleep(0.3)
        broker.start()

        def comes_again() -> bool:
            broker.publish(message("VH-1", n=2))
            time.sleep(0.3)
            return len(bus.entries()) > 1

        # A broker without a disk knows nothing of us until we are back.
        assert until(comes_again, within_s=20)


def test_who_is_refused_tries_again_until_it_may_come_in(broker, caplog):
    bus = Bus()
    wrong = Broker.at(broker.url.replace("fleet:", "nobody:"))
    adapter, stopping = Adapter(bus, wrong, topic=TOPIC, client_id="ours"), threading.Event()
    thread = threading.Thread(target=adapter.run, args=(stopping,))
    thread.start()
    assert until(lambda: "refuses us" in caplog.text, within_s=20)
    adapter._broker = Broker.at(broker.url)
    assert until(lambda: adapter.connection.is_subscribed, within_s=20)
    stopping.set()
    thread.join(10)


def test_several_adapters_share_the_work(keeper):
    one, other = Bus(), Bus()
    topic = "$share/ours/fleet/+/telemetry"
    second = running(other, keeper, topic=topic)
    second.adapter._client_id = "ours-2"
    with running(one, keeper, topic=topic), second:
        keeper.publish(*(message("VH-1", n=number) for number in range(100)))
        assert until(lambda: len(one.entries()) + len(other.entries()) == 100)

    assert one.entries()
    assert other.entries()


class Told:
    """A connection that notes what becomes of it, among what the bus notes."""

    def __init__(self, notes):
        self.notes = notes

    def acknowledge(self, message):
        self.notes.append(("acknowledged", message.mid))

    def stay_alive(self, seconds):
        self.notes.append("waited")


class NotingBus(Bus):
    def __init__(self, notes, **more):
        super().__init__(**more)
        self.notes = notes

    def append(self, channel, entries):
        super().append(channel, entries)
        self.notes.append("appended")


def two_messages():
    told = [MQTTMessage(mid=mid, topic=b"fleet/VH-1/telemetry") for mid in (1, 2)]
    for one in told:
        one.payload, one.qos = b'{"speed_kmh": 3}', 1
    return told


def test_a_message_is_acknowledged_only_when_the_bus_has_it():
    notes = []
    adapter = Adapter(NotingBus(notes, away_for=2), Broker("nowhere", 1), topic=TOPIC, client_id="ours")
    adapter._keep(two_messages(), Told(notes), threading.Event())

    assert notes == ["waited", "waited", "appended", ("acknowledged", 1), ("acknowledged", 2)]


def test_who_stops_while_the_bus_is_away_acknowledges_nothing():
    notes, stopping = [], threading.Event()
    stopping.set()
    adapter = Adapter(NotingBus(notes, away_for=9), Broker("nowhere", 1), topic=TOPIC, client_id="ours")
    adapter._keep(two_messages(), Told(notes), stopping)

    assert notes == []


def test_readings_without_a_time_of_one_vehicle_are_each_of_a_time_of_their_own():
    bus = Bus()
    adapter = Adapter(bus, Broker("nowhere", 1), topic=TOPIC, client_id="ours")
    adapter._keep(two_messages() + two_messages(), Told([]), threading.Event())

    assert len({entry.received_ms for entry in bus.entries()}) == 4


# ---------------------------------------------------------------- into the pipeline


@pytest.fixture
def stream():
    client = Redis.from_url(django_settings.MESSAGE_BUS_URL)
    client.delete(Channel.TELEMETRY_RAW)
    yield lambda: client.xlen(Channel.TELEMETRY_RAW)
    client.delete(Channel.TELEMETRY_RAW)
    client.close()


def take_all():
    consumer = get_bus().consume(Channel.TELEMETRY_RAW, group=acceptance.GROUP)
    while entries := consumer.take(500, timeout_s=0.01):
        take_readings(consumer, entries)


@pytest.fixture
def readings(transactional_db):
    """Their table, whose rows no test but its own takes away."""
    Reading.objects.all().delete()
    yield Reading.objects
    Reading.objects.all().delete()


def test_good_messages_are_stored_and_bad_ones_parked_with_the_reason(broker, stream, readings):
    VehicleFactory(vehicle_id="VH-1")
    VehicleFactory(vehicle_id="VH-2")
    with running(get_bus(), broker):
        broker.publish(
            message("VH-1", speed_kmh=31),
            message("VH-1", speed_kmh=32),
            ("fleet/VH-1/telemetry", b"speed=3"),
            message("VH-1", vehicle_id="VH-2", speed_kmh=3),
            message("VH-9", speed_kmh=3),
            ("fleet/VH-1/telemetry", b""),
        )
        assert until(lambda: stream() == 5)
    take_all()

    assert sorted(readings.values_list("speed_kmh", flat=True)) == [31, 32]
    parked = {entry.sender: entry.reason for entry in ParkedEntry.objects.filter(sender="mqtt:VH-9")}
    assert parked == {"mqtt:VH-9": "No vehicle “VH-9” is known; make it first."}
    reasons = sorted(ParkedEntry.objects.filter(sender="mqtt:VH-1").values_list("reason", flat=True))
    assert reasons[0].startswith("This is no JSON")
    assert reasons[1].startswith("vehicle_id: “{'topic': 'VH-1', 'payload': 'VH-2'}” is not an id")


def test_nothing_is_taken_from_the_broker_while_the_bus_is_full(broker, stream, settings, monkeypatch):
    monkeypatch.setattr("telemetry.mqtt.BUS_PAUSE_S", 0.05)
    monkeypatch.setattr("telemetry.acceptance.LOOKED_AT_EVERY_S", 0.0)
    settings.TELEMETRY_BACKLOG_MB = 0
    get_bus()._client.xadd(Channel.TELEMETRY_RAW, {"data": "[]"})
    with running(get_bus(), broker):
        broker.publish(message("VH-1", speed_kmh=31))
        time.sleep(0.5)
        assert stream() == 1
        settings.TELEMETRY_BACKLOG_MB = 1_024
        assert until(lambda: stream() == 2)


# ---------------------------------------------------------------- the command


def test_the_command_needs_an_address(settings):
    settings.MQTT_URL = ""
    with pytest.raises(CommandError, match="MQTT_URL is not set"):
        call_command("listen_mqtt")
    settings.MQTT_URL, settings.MQTT_TOPIC = "mqtt://localhost", "+/+"
    with pytest.raises(CommandError, match=r"MQTT_TOPIC is “\+/\+”"):
        call_command("listen_mqtt")


@pytest.mark.slow
def test_the_command_listens_until_it_is_asked_to_stop(broker, stream):
    environment = {**os.environ, "MQTT_URL": broker.url}
    process = subprocess.Popen([sys.executable, "manage.py", "listen_mqtt"], cwd=CHECKOUT, env=environment)

    def arrives():
        broker.publish(message("VH-1", speed_kmh=31))
        time.sleep(0.2)
        return stream()

    assert until(arrives, within_s=40)
    process.terminate()
    assert process.wait(10) == 0
