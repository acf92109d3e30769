"""What other programs say of vehicles on fleet.telemetry.raw."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from feed_processor.readings import CAUSE, TOO_FAR_AHEAD, take_readings
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel, Message, MessageType
from vehicle_management.models import ChangeBatch, VehicleChange, VehicleStatus
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
AT = "2026-01-31T14:05:00Z"


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def vehicle():
    return VehicleFactory(vehicle_id="VH-1")


def say(bus: MemoryBus, *readings) -> int:
    """Append one entry per reading, and take them all."""
    for reading in readings:
        raw = reading if isinstance(reading, bytes) else json.dumps(reading).encode()
        bus.append(Channel.TELEMETRY_RAW, raw)
    consumer = bus.consume(Channel.TELEMETRY_RAW, group="feed", name="test")
    return take_readings(consumer, consumer.take(500, timeout_s=0))


def left_over(bus: MemoryBus) -> list:
    """What comes again because it was neither acknowledged nor put aside."""
    consumer = bus.consume(Channel.TELEMETRY_RAW, group="feed", name="next")
    consumer.abandon()
    return consumer.take(500, timeout_s=0)


def reasons(bus: MemoryBus) -> list[str]:
    return [reason for _entry, reason in bus.rejected]


def test_a_reading_moves_the_status_and_leaves_a_batch_for_the_rules(bus, vehicle):
    reading = {
        "vehicle_id": "VH-1",
        "fleet_id": "any",
        "timestamp": AT,
        "odometer_km": 10_412,
        "tyre_wear": 3,
    }
    assert say(bus, Message(MessageType.READING, reading).to_json()) == 1
    status = VehicleStatus.objects.get(vehicle=vehicle)
    assert status.odometer_km == 10_412
    assert status.attributes == {"tyre_wear": 3}
    assert status.recorded_at == datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
    change = VehicleChange.objects.get()
    assert change.changes == {"status.odometer_km": [None, 10_412], "status.tyre_wear": [None, 3]}
    assert {name: change.cause.told(None)[name] for name in CAUSE} == CAUSE
    assert ChangeBatch.objects.get().vehicles == [vehicle.pk]
    assert left_over(bus) == []


def test_the_same_given_twice_changes_nothing(bus, vehicle):
    reading = {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 10_412}
    say(bus, reading)
    say(bus, reading)
    assert VehicleChange.objects.count() == 1
    assert ChangeBatch.objects.count() == 1
    assert bus.rejected == []


def test_an_older_reading_never_overwrites_a_newer_one(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 500})
    say(bus, {"vehicle_id": "VH-1", "timestamp": "2026-01-31T13:05:00Z", "odometer_km": 400, "speed_kmh": 30})
    status = VehicleStatus.objects.get()
    assert (status.odometer_km, status.speed_kmh) == (500, 30)


def test_one_message_speaks_of_many_vehicles_in_the_order_of_their_times(bus, vehicle):
    VehicleFactory(vehicle_id="VH-2")
    readings = [
        {"vehicle_id": "VH-1", "timestamp": "2026-01-31T14:06:00Z", "odometer_km": 2},
        {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 1},
        {"vehicle_id": "VH-2", "recorded_at": AT, "odometer_km": 3},
    ]
    assert say(bus, readings) == 3
    found = VehicleStatus.objects.order_by("vehicle__vehicle_id").values_list("odometer_km", flat=True)
    assert list(found) == [2, 3]
    assert VehicleChange.objects.filter(vehicle=vehicle).count() == 2


def test_what_has_no_time_is_of_now(bus, vehicle):
    before = timezone.now()
    say(bus, {"vehicle_id": "VH-1", "speed_kmh": 0})
    assert before <= VehicleStatus.objects.get().recorded_at <= timezone.now()


def test_an_unknown_vehicle_is_put_aside_and_the_known_ones_beside_it_are_taken(bus, vehicle):
    readings = [{"vehicle_id": "VH-1", "odometer_km": 5}, {"vehicle_id": "VH-9", "odometer_km": 5}]
    assert say(bus, readings, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 2
    assert reasons(bus) == ["No vehicle “VH-9” is known; make it first."]
    status = VehicleStatus.objects.get()
    assert (status.odometer_km, status.speed_kmh) == (5, 30)
    assert left_over(bus) == []


def test_a_deleted_vehicle_is_not_known(bus):
    VehicleFactory(vehicle_id="VH-1", deleted_at=timezone.now())
    assert say(bus, {"vehicle_id": "VH-1", "odometer_km": 5}) == 0
    assert reasons(bus) == ["No vehicle “VH-1” is known; make it first."]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"5", "a JSON object"),
        ([5], "a JSON object with a vehicle_id"),
        ({"odometer_km": 5}, "names its vehicle"),
        ({"vehicle_id": 5}, "names its vehicle"),
        ({"vehicle_id": ""}, "names its vehicle"),
        ({"vehicle_id": "VH-1\x00"}, "names its vehicle"),
        ({"vehicle_id": "VH-1", "odometer_km": "far"}, "odometer_km: “far” is not a number."),
        ({"vehicle_id": "VH-1", "odometer_km": -1}, "odometer_km: -1 is not between 0 and"),
        ({"vehicle_id": "VH-1", "note": "\x00"}, "note: The text holds a NUL"),
        ({"vehicle_id": "VH-1", "note": {"deep": ["\x00"]}}, "note: The text holds a NUL"),
        ({"vehicle_id": "VH-1", "note": {"\x00": 1}}, "note: The text holds a NUL"),
        ({"vehicle_id": "VH-1", "x" * 101: 1}, "1 to 100 printable"),
        ({"vehicle_id": "VH-1", **{f"a{n}": n for n in range(201)}}, "There are 201 attributes"),
        ({"vehicle_id": "VH-1", "timestamp": "yesterday"}, "“yesterday” is not a time"),
        ({"vehicle_id": "VH-1", "timestamp": "2026-01-31T14:05:00"}, "is not a time with an offset"),
        ({"vehicle_id": "VH-1", "timestamp": 5}, "“5” is not a time"),
        ({"vehicle_id": "VH-1", "timestamp": "0001-01-01T00:00:00+14:00"}, "is not a time"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[:60],
)
def test_what_cannot_be_is_put_aside_with_the_reason_and_stops_nothing(bus, vehicle, reading, reason):
    assert say(bus, reading, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 1
    assert len(bus.rejected) == 1
    assert reason in reasons(bus)[0]
    assert VehicleStatus.objects.get().speed_kmh == 30
    assert left_over(bus) == []


@pytest.mark.parametrize("depth", [50, 500, 1000, 5000])
def test_a_value_without_a_bottom_is_put_aside(bus, vehicle, depth):
    raw = b'{"vehicle_id": "VH-1", "note": ' + b"[" * depth + b"]" * depth + b"}"
    assert say(bus, raw, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 1
    assert len(bus.rejected) == 1


def test_numbers_beyond_all_bounds_stop_nothing(bus, vehicle):
    huge = b'{"vehicle_id": "VH-1", "n": 123456789012345678901234567890, "m": [1e308]}'
    assert say(bus, huge, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 2
    say(bus, b'{"vehicle_id": "VH-1", "n": 1e999}')
    assert left_over(bus) == []


def test_a_time_just_ahead_is_taken_and_one_far_ahead_is_not(bus, vehicle):
    for ahead in (TOO_FAR_AHEAD - timedelta(minutes=1), TOO_FAR_AHEAD + timedelta(minutes=1)):
        at = (timezone.now() + ahead).isoformat()
        say(bus, {"vehicle_id": "VH-1", "timestamp": at, "odometer_km": 1})
    assert len(bus.rejected) == 1
    assert "more than 5 minutes ahead" in reasons(bus)[0]


def test_many_readings_take_the_same_queries(bus, django_assert_max_num_queries):
    readings = [
        {"vehicle_id": VehicleFactory().vehicle_id, "timestamp": AT, "odometer_km": n} for n in range(100)
    ]
    with django_assert_max_num_queries(30):
        assert say(bus, readings) == 100
