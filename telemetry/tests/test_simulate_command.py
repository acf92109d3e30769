"""``manage.py simulate`` on a real bus and against a real web server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from redis import Redis

from accounts.services import create_key, revoke_key
from accounts.tests.factories import FleetFactory
from feed_processor.readings import take_readings
from fleet_manager.env import CHECKOUT
from msg_pattern.bus import get_bus
from msg_pattern.messages import Channel, Message, MessageType
from telemetry import acceptance, simulated_vehicles
from telemetry.models import ParkedEntry, Reading
from telemetry.simulated_vehicles import INSISTS_S, Neighbours, known_of
from telemetry.simulation import simulator as simulator_module
from telemetry.simulation.fleet import SimulatedFleet
from telemetry.simulation.http import Api, Away
from telemetry.simulation.listening import HttpOrders
from telemetry.simulation.outbox import Outbox
from telemetry.simulation.scenarios import SCENARIOS
from telemetry.simulation.simulator import Simulator
from telemetry.simulation.streets import AREAS, streets_of
from telemetry.simulation.transports import HttpTransport, Refused
from telemetry.simulation.vehicles import Known
from vehicle_management.models import Vehicle
from vehicle_management.services import hide_vehicles
from vehicle_management.tests.factories import VehicleFactory, VehicleStatusFactory

pytestmark = pytest.mark.django_db(transaction=True)
OPTIONS = {"fleet_id": "north", "vehicles": 3, "interval_ms": 100, "duration": 1.25, "scenario": "high-load"}


@pytest.fixture
def stream():
    client = Redis.from_url(settings.MESSAGE_BUS_URL)
    client.delete(Channel.TELEMETRY_RAW)
    yield lambda: [json.loads(fields[b"data"]) for _id, fields in client.xrange(Channel.TELEMETRY_RAW)]
    client.delete(Channel.TELEMETRY_RAW)
    client.close()


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    monkeypatch.setattr(acceptance.rates, "_left", {})
    monkeypatch.setattr(acceptance.backlog, "_is_full", False)
    # Nobody stores what is sent here.
    monkeypatch.setattr(simulated_vehicles, "DRAINED_WITHIN_S", 0.3)
    monkeypatch.setattr(simulator_module, "LAST_WORDS_WITHIN_S", 2)


@pytest.fixture
def fleet():
    return FleetFactory(fleet_id="north")


@pytest.fixture
def vehicles(fleet):
    return [VehicleFactory(vehicle_id=f"north-VH-{number:03}", fleet=fleet) for number in (1, 2, 3)]


@pytest.fixture
def key(fleet):
    return create_key({"name": "simulator", "scopes": ["read", "ingest", "write"]}, fleets=[fleet], by=None)


def simulate(**options):
    call_command("simulate", **{**OPTIONS, **options})


def each(readings):
    by_vehicle = defaultdict(list)
    for reading in readings:
        by_vehicle[reading["vehicle_id"]].append(reading)
    return by_vehicle


def take_all() -> None:
    consumer = get_bus().consume(Channel.TELEMETRY_RAW, group=acceptance.GROUP)
    while entries := consumer.take(500, timeout_s=0.01):
        take_readings(consumer, entries)


# ---------------------------------------------------------------- on the bus


def test_the_fleets_own_vehicles_report_on_the_bus_at_the_interval(stream, vehicles):
    simulate()

    told = each(reading for entry in stream() for reading in entry)
    assert sorted(told) == [vehicle.vehicle_id for vehicle in vehicles]
    assert all(10 <= len(readings) <= 13 for readings in told.values())


@pytest.fixture
def stored(transactional_db):
    """The readings' table, whose rows no test but its own takes away."""
    yield Reading.objects
    Reading.objects.all().delete()


def test_what_it_reports_is_taken_in_whole(stream, vehicles, stored):
    simulate(scenario="fault-injection")
    said = [reading for entry in stream() for reading in entry]
    take_all()

    assert not ParkedEntry.objects.exists()
    assert stored.count() == len({(one["vehicle_id"], one["timestamp"]) for one in said})
    status = Vehicle.objects.get(vehicle_id="north-VH-001").status
    assert status.attributes.keys() == {"ignition", "g_force_long"}


def test_it_goes_on_where_the_vehicles_are(stream, vehicles, stored):
    VehicleStatusFactory(
        vehicle=vehicles[0], latitude=4.66, longitude=-74.1, odometer_km=84_000, battery_pct=50
    )
    simulate(duration=0.3)
    take_all()
    before = Vehicle.objects.get(vehicle_id="north-VH-001").status.odometer_km
    simulate(duration=0.5)

    first = each(reading for entry in stream() for reading in entry)["north-VH-001"][0]
    assert first["latitude"] == pytest.approx(4.66, abs=0.002)
    assert 84_000 <= before <= first["odometer_km"] < 84_000.1


def test_missing_vehicles_are_made_only_where_that_is_asked_for(stream, vehicles, capsys):
    simulate(vehicles=5, duration=0.1)
    assert "Fleet north has 3 vehicles, not 5; --make-vehicles makes more." in capsys.readouterr().out
    assert Vehicle.objects.count() == 3

    simulate(vehicles=5, duration=0.1, make_vehicles=True)
    simulate(fleet_id="south", vehicles=2, duration=0.1, make_vehicles=True)
    assert sorted(Vehicle.objects.values_list("vehicle_id", flat=True)) == [
        *(f"north-VH-{number:03}" for number in range(1, 6)),
        "south-VH-001",
        "south-VH-002",
    ]


def test_a_fleet_without_vehicles_is_told():
    with pytest.raises(CommandError, match="Fleet “north” is not there or has no vehicles"):
        simulate()


def test_a_duration_that_is_none_is_told():
    with pytest.raises(CommandError, match="“soon” is no duration; 90, 90s, 15m and 2h are"):
        call_command("simulate", "--duration", "soon")


def test_a_line_tells_what_was_sent(stream, vehicles, capsys):
    simulate()
    lines = capsys.readouterr().out.splitlines()

    sent = sum(len(entry) for entry in stream())
    assert "3 vehicles of north drive in bogota (high-load) and report every 100 ms over bus" in lines[0]
    assert f"{sent} readings sent, 0 wait" in lines[-1]


def test_nothing_is_added_to_a_bus_that_is_full(stream, vehicles, settings, capsys):
    settings.TELEMETRY_BACKLOG_MB = 0
    acceptance.backlog._looked_at = 0
    Redis.from_url(settings.MESSAGE_BUS_URL).xadd(Channel.TELEMETRY_RAW, {"data": "[]"})
    simulate(duration=0.3)

    assert stream() == [[]]
    assert "could not be sent any more: More readings wait than may" in capsys.readouterr().out


def test_it_obeys_commands_that_it_hears_on_the_bus(stream, vehicles):
    bus, answers = get_bus(), []

    def command() -> None:
        with bus.subscribe(Channel.COMMANDS) as subscription:
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline and not answers:
                data = {"id": 7, "vehicle_id": "north-VH-002", "command": "DANCE", "params": {}}
                bus.publish(Channel.COMMANDS, Message(MessageType.COMMAND, data))
                for _try in range(5):
                    heard = subscription.receive(timeout_s=0.1)
                    message = Message.from_json(heard[1]) if heard else None
                    if message and message.type == MessageType.COMMAND_RESULT:
                        answers.extend(message.data)

    commander = threading.Thread(target=command)
    commander.start()
    simulate(duration=3)
    commander.join()

    assert answers[0] == {
        "id": 7,
        "vehicle_id": "north-VH-002",
        "command": "DANCE",
        "status": "FAILED",
        "message": "“DANCE” is no command that a vehicle knows.",
    }


# ---------------------------------------------------------------- beside others


@pytest.fixture
def simulator(vehicles):
    """One that has been driving for long enough to give way."""
    fleet = SimulatedFleet(streets_of("bogota"), SCENARIOS["normal"], seed="1")
    for vehicle in vehicles:
        fleet.add(Known(vehicle.vehicle_id), at_s=time.time())
    driving = Simulator(
        fleet, Outbox(None), interval_ms=1_000, orders=SimpleQueue(), say=print, post=lambda answers: None
    )
    driving.started_ms -= int(INSISTS_S * 1000) + 60_000
    return driving


@pytest.fixture
def look(simulator):
    neighbours = Neighbours("north", 25)

    def now():
        neighbours._looked_at = 0
        neighbours(simulator)
        return sorted(simulator.fleet.vehicles)

    return now


def reported(vehicle, at, **values):
    VehicleStatusFactory(vehicle=vehicle, recorded_at=at, **values)


def milliseconds(at):
    return round(at.timestamp() * 1000)


def test_it_leaves_a_vehicle_to_who_else_reports_for_it(vehicles, simulator, look, capsys):
    ours, anothers = timezone.now(), timezone.now() + timedelta(milliseconds=7)
    simulator.said_ms.append(milliseconds(ours))
    reported(vehicles[0], ours)
    reported(vehicles[1], anothers)

    assert look() == ["north-VH-001", "north-VH-003"]
    assert "left to others, or gone: north-VH-002" in capsys.readouterr().out


def test_it_insists_for_a_while_so_that_of_two_simulators_the_newer_one_drives(vehicles, simulator, look):
    simulator.started_ms = milliseconds(timezone.now())
    reported(vehicles[1], timezone.now() + timedelta(seconds=5))

    assert len(look()) == 3


def test_it_leaves_a_vehicle_that_is_gone_and_takes_one_that_comes(vehicles, fleet, look):
    hide_vehicles([vehicles[0].pk], by=_Somebody())
    VehicleFactory(vehicle_id="north-VH-004", fleet=fleet)

    assert look() == ["north-VH-002", "north-VH-003", "north-VH-004"]


def test_it_takes_a_vehicle_back_when_nobody_has_reported_for_long(vehicles, simulator, look):
    simulator.fleet.remove("north-VH-001")
    simulator.fleet.remove("north-VH-002")
    simulator.fleet.remove("north-VH-003")
    long_ago = timezone.now() - timedelta(seconds=settings.OFFLINE_AFTER_S + 5)
    area = AREAS["bogota"]
    here = {"latitude": area.latitude, "longitude": area.longitude, "odometer_km": 777}
    reported(vehicles[0], long_ago, **here)
    reported(vehicles[1], timezone.now() - timedelta(seconds=60), **here)
    reported(vehicles[2], long_ago, latitude=53.5, longitude=10)

    assert look() == ["north-VH-001"]
    assert simulator.fleet.vehicles["north-VH-001"].odometer_km == 777
    assert any("north-VH-001" in portion for portion in simulator._portions)


def test_what_a_vehicle_runs_on_is_known_by_its_fuel_or_by_what_it_reports(vehicles):
    reported(vehicles[0], timezone.now(), odometer_km=5, fuel_pct=20)
    reported(vehicles[1], timezone.now(), odometer_km=5, battery_pct=20)
    Vehicle.objects.filter(pk=vehicles[1].pk).update(fuel_type="Diesel")

    told = [
        known_of(one).is_electric for one in Vehicle.objects.order_by("vehicle_id").select_related("status")
    ]
    assert told == [False, False, None]


class _Somebody:
    user = None
    is_administrator = can_write = True

    def as_cause(self):
        return {"kind": "message", "channel": "test"}


# ---------------------------------------------------------------- over the API


def test_it_drives_the_fleets_vehicles_over_the_api(live_server, stream, vehicles, key):
    VehicleStatusFactory(vehicle=vehicles[0], latitude=4.66, longitude=-74.1, odometer_km=84_000, fuel_pct=50)
    simulate(transport="http", url=live_server.url, key=key[1])

    told = each(reading for entry in stream() for reading in entry)
    assert sorted(told) == [vehicle.vehicle_id for vehicle in vehicles]
    assert all(8 <= len(readings) <= 13 for readings in told.values())
    first = told["north-VH-001"][0]
    assert (first["latitude"], first["fuel_pct"]) == (pytest.approx(4.66, abs=0.002), 50)
    assert 84_000 <= first["odometer_km"] < 84_000.1


def test_missing_vehicles_are_made_over_the_api(live_server, stream, vehicles, key):
    simulate(transport="http", url=live_server.url, key=key[1], vehicles=4, duration=0.3, make_vehicles=True)

    assert Vehicle.objects.filter(fleet__fleet_id="north").count() == 4


def test_a_key_that_is_not_good_is_told(live_server, vehicles, key):
    with pytest.raises(CommandError, match=r"--transport http needs a key"):
        simulate(transport="http")
    revoke_key(key[0])
    with pytest.raises(CommandError, match=rf"{live_server.url} answers 401"):
        simulate(transport="http", url=live_server.url, key=key[1])
    with pytest.raises(CommandError, match="“localhost” is no address"):
        simulate(transport="http", url="localhost", key=key[1])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_after_its_last_words(live_server, stream, vehicles, key, number):
    command = [sys.executable, "manage.py", "simulate", "--fleet-id", "north", "--vehicles", "3"]
    command += ["--interval-ms", "200", "--transport", "http", "--url", live_server.url, "--key", key[1]]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, env=os.environ.copy(), stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not stream() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    output, _errors = process.communicate(timeout=10)

    assert process.returncode == 0
    assert f"{sum(len(entry) for entry in stream())} readings sent, 0 wait" in output


# ---------------------------------------------------------------- its HTTP by itself


@pytest.fixture
def scripted():
    """A server that answers as ``script`` says, and remembers what it was asked."""
    answers, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, json.loads(body) if body else None))
            status, told, headers = answers.pop(0) if answers else (202, {}, {})
            raw = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST

        def log_message(self, *_args):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield url, answers, asked
    server.shutdown()
    server.server_close()


def test_the_readings_that_are_named_are_left_out_and_the_others_sent_again(scripted):
    url, answers, asked = scripted
    told = {
        "detail": "readings[1].vehicle_id: No vehicle “B” is known.",
        "errors": {"readings[1].vehicle_id": ["…"]},
    }
    answers.append((422, told, {}))

    transport = HttpTransport(Api(url, "k"))
    sent = transport.send([{"vehicle_id": "A"}, {"vehicle_id": "B"}, {"vehicle_id": "C"}])
    transport.close()

    assert (sent.accepted, sent.refused, sent.why) == (2, 1, told["detail"])
    assert asked[-1][2] == {"readings": [{"vehicle_id": "A"}, {"vehicle_id": "C"}]}


def test_a_body_that_is_too_large_is_sent_in_halves(scripted):
    url, answers, asked = scripted
    answers.append((413, {}, {}))

    transport = HttpTransport(Api(url, "k"))
    assert transport.send([{"n": number} for number in range(5)]).accepted == 5
    transport.close()
    assert [len(body["readings"]) for _method, _path, body in asked] == [5, 2, 3]


@pytest.mark.parametrize("status", [429, 503, 500])
def test_who_is_busy_is_asked_again_after_the_time_it_named(scripted, status):
    url, answers, _asked = scripted
    answers.append((status, {"detail": "later"}, {"Retry-After": "7"}))
    transport = HttpTransport(Api(url, "k"))

    with pytest.raises(Away, match="later") as caught:
        transport.send([{}])
    transport.close()
    assert caught.value.wait_s == 7


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_stays_is_no_outage(scripted, status):
    url, answers, _asked = scripted
    answers.append((status, {"detail": "no"}, {}))
    transport = HttpTransport(Api(url, "k"))

    with pytest.raises(Refused, match=f"answers {status}: no"):
        transport.send([{}])
    transport.close()


def test_nobody_at_the_address_is_an_outage():
    with pytest.raises(Away, match=r"http://127.0.0.1:9 does not answer"):
        Api("http://127.0.0.1:9", "k").ask("GET", "fleet")


def test_commands_are_asked_for_and_answered_until_a_vehicle_answers_404(scripted, monkeypatch):
    url, answers, asked = scripted
    monkeypatch.setattr("telemetry.simulation.listening.ASKED_EVERY_S", 0.02)
    order = {"id": 7, "command": "STOP", "params": {}}
    answers += [(200, {"data": [order]}, {}), (200, {"data": [order]}, {}), (200, {}, {}), (404, {}, {})]
    heard, stopping = [], threading.Event()
    orders = HttpOrders(Api(url, "k"), heard.append, stopping, ["A/1"])
    orders.start()
    while not heard:
        time.sleep(0.01)
    fleet = SimulatedFleet(streets_of("cali"), SCENARIOS["normal"], seed="1")
    fleet.add(Known("A/1"), at_s=time.time())
    fleet.obey({**heard[0], "command": "DANCE"})
    orders.answer(fleet.take_answers())
    orders.join(5)

    assert not orders.is_alive()
    assert heard == [{"vehicle_id": "A/1", **order}]
    assert ("POST", "/api/v1/commands/A%2F1/7/result") in [(method, path) for method, path, _body in asked]
