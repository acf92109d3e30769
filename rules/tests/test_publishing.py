"""Messages of rules: an envelope for whoever listens, or a reading that goes the way of all readings."""

import json

import pytest

from accounts.tests.factories import FleetFactory, UserFactory
from msg_pattern.bus import BusError, get_bus
from rules.actions import check_actions
from rules.tests.factories import administrator
from rules.tests.owing import actions_of, fire, owe, rule_of, vehicle_of, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bus(settings, request):
    settings.MESSAGE_BUS_URL = f"memory://{request.node.name[:40]}"
    return get_bus()


def message(text, channel="workshop.jobs"):
    return {"type": "publish_message", "channel": channel, "message": text}


def reading(text):
    return message(text, "fleet.telemetry.raw")


def appended(bus):
    return bus.consume("fleet.telemetry.raw", group="test").take(10, 0.1)


def test_a_message_says_what_fired_under_an_id_that_stays(bus):
    with bus.subscribe("workshop.jobs") as heard:
        action = owe(message("$vehicle_id at $odometer_km"), odometer_km=10_412)[0]
        work(action)
        type(action).objects.update(status="PENDING")
        work(action)
        (channel, first), (_channel, again) = heard.receive(1), heard.receive(1)
    told = json.loads(first)
    assert (channel, told["type"], told["data"]["message"]) == (
        "workshop.jobs",
        "rule.fired",
        "VH-1 at 10412",
    )
    assert (told["data"]["vehicle_id"], told["data"]["firing_id"]) == ("VH-1", action.firing_id)
    assert again == first
    assert action.result == f"Published on workshop.jobs as {told['id']}."


def test_two_messages_of_a_firing_have_ids_of_their_own(bus):
    with bus.subscribe("workshop.jobs") as heard:
        work(*owe(message("a"), message("a")))
        ids = {json.loads(heard.receive(1)[1])["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_reading_is_of_the_firings_vehicle_and_tells_who_sent_it(bus):
    (action,) = owe(
        reading('{"speed_limit_kmh": $odometer_km, "note": "${plate}"}'), odometer_km=30, plate='A"B'
    )
    work(action)
    (entry,) = appended(bus)
    assert json.loads(entry.data) == {"vehicle_id": "VH-1", "speed_limit_kmh": 30, "note": 'A"B'}
    assert entry.sender == f"firing:{action.firing_id}"
    assert entry.received_ms == round(action.firing.fired_at.timestamp() * 1000)


def test_a_value_cannot_add_to_a_reading(bus):
    evil = '", "vehicle_id": "VH-2", "x": "'
    (inside,) = owe(reading('{"note": "$plate"}'), plate=evil)
    work(inside)
    assert json.loads(appended(bus)[0].data) == {"vehicle_id": "VH-1", "note": evil}
    (bare,) = actions_of(
        fire(rule_of(reading('{"note": $plate}')), vehicle_of("VH-3"), known={"plate": f"1{evil[1:]}"})
    )
    work(bare)
    assert (bare.status, bare.attempts) == ("FAILED", 1)
    assert bare.result.startswith("The message is no JSON object, so it is no reading: ")


def test_a_rule_reports_only_for_vehicles_that_its_maker_sees(bus):
    ours, theirs = FleetFactory(), FleetFactory()
    vehicle_of("VH-2", fleet=theirs)
    vehicle_of("VH-3", fleet=ours)
    manager = UserFactory(role="MANAGER", fleets=[ours])
    texts = [f'{{"vehicle_id": "{vehicle_id}", "speed_kmh": 1}}' for vehicle_id in ("VH-2", "VH-3", "nobody")]
    rule = rule_of(*map(reading, texts), reading('{"vehicle_id": ["VH-3"]}'), created_by=manager)
    actions = actions_of(fire(rule, vehicle_of(fleet=ours)))
    work(*actions)
    assert [action.status for action in actions] == ["FAILED", "DONE", "FAILED", "FAILED"]
    assert actions[0].result == "The rule's maker sees no vehicle “VH-2”, so it may not report for it."
    assert len(appended(bus)) == 1


def test_a_bus_that_is_away_is_asked_again(bus, monkeypatch):
    def append(self, channel, entries):
        raise BusError("1 entries could not be appended")

    monkeypatch.setattr(type(bus), "append", append)
    (action,) = owe(reading('{"speed_kmh": 1}'))
    work(action)
    assert (action.status, action.attempts) == ("PENDING", 1)
    monkeypatch.undo()
    work(action)
    assert action.status == "DONE"


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"channel": "fleet.telemetry.processed"}, "channel"),
        ({"channel": "fleet.commands"}, "channel"),
        ({"channel": "fleet.anything"}, "channel"),
        ({"channel": "Workshop"}, "channel"),
        ({"channel": "-x"}, "channel"),
        ({"channel": "x" * 101}, "channel"),
        ({"channel": "a b"}, "channel"),
        ({"channel": ["a"]}, "channel"),
        ({"channel": "a\n"}, "channel"),
        ({"channel": "fleet.telemetry.raw", "message": "$vehicle_id is due"}, "message"),
        ({"channel": "fleet.telemetry.raw", "message": "[1]"}, "message"),
        ({"message": " "}, "message"),
    ],
)
def test_what_cannot_be_published_is_refused_at_save(params, name):
    errors = check_actions([{**message("x"), **params}], by=administrator())
    assert list(errors) == [f"actions[0].{name}"]


@pytest.mark.parametrize(
    "text", ['{"a": $speed_kmh}', '{"a": "$plate", "b": ${next service km}}', '{"a": "$$"}']
)
def test_readings_with_placeholders_are_taken(text):
    assert check_actions([reading(text)], by=administrator()) == {}


def test_a_reading_of_long_values_stays_json_and_one_that_is_cut_fails(bus):
    long, many = '"\\\n' * 3_000, "$note" * 60
    held, cut = owe(reading('{"note": "$note"}'), reading(f'{{"note": "{many}"}}'), note=long)
    work(held, cut)
    (entry,) = appended(bus)
    assert json.loads(entry.data)["note"] == f"{long[:999]}…"
    assert (held.status, cut.status) == ("DONE", "FAILED")
    assert cut.result.startswith("The message came out longer than 50,000 characters and was cut")


def test_a_text_is_not_multiplied_without_bound(bus):
    (log,) = owe({"type": "store_log", "message": "$note" * 2_000}, note="x" * 10_000)
    assert len(log.params["message"]) == 50_000
    assert log.params["message"].endswith("…")
