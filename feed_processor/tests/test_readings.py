"""What other programs say of vehicles on fleet.telemetry.raw."""

import json
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from feed_processor.readings import take_readings
from msg_pattern.bus import Outgoing
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel, Message, MessageType
from telemetry.models import ParkedEntry, Reading, StaleBuckets
from telemetry.partitions import partition_of
from vehicle_management.models import ChangeBatch, Vehicle, VehicleChange, VehicleStatus
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
NOON = (timezone.now() - timedelta(days=2)).replace(hour=12, minute=5, second=0, microsecond=0)
AT = NOON.isoformat()
EARLIER, LATER = (NOON - timedelta(hours=1)).isoformat(), (NOON + timedelta(minutes=1)).isoformat()
TOO_FAR_AHEAD = timedelta(minutes=5)


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
        bus.append(Channel.TELEMETRY_RAW, [Outgoing(raw)])
    consumer = bus.consume(Channel.TELEMETRY_RAW, group="feed")
    return take_readings(consumer, consumer.take(500, timeout_s=0))


def left_over(bus: MemoryBus) -> list:
    """What comes again because it was not acknowledged."""
    return bus.consume(Channel.TELEMETRY_RAW, group="feed").take(500, timeout_s=0)


def reasons() -> list[str]:
    return list(ParkedEntry.objects.order_by("pk").values_list("reason", flat=True))


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
    assert status.recorded_at == NOON
    batch = ChangeBatch.objects.get()
    assert (batch.vehicles, batch.times) == ([vehicle.pk], [NOON])
    assert dict(zip(batch.fields, batch.new[0], strict=True)) == {
        "recorded_at": NOON.isoformat().replace("+00:00", "Z"),
        "status.odometer_km": 10_412,
        "status.tyre_wear": 3,
    }
    told = batch.told_cause(0)
    assert (told["kind"], told["channel"]) == ("message", "fleet.telemetry.raw")
    assert datetime.fromisoformat(told["recorded_at"]) == NOON
    assert left_over(bus) == []


def test_the_same_given_twice_changes_nothing(bus, vehicle):
    reading = {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 10_412}
    say(bus, reading)
    say(bus, reading)
    assert Reading.objects.count() == 1
    assert ChangeBatch.objects.count() == 1
    assert reasons() == []


def test_an_older_reading_never_overwrites_a_newer_one(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 500})
    say(bus, {"vehicle_id": "VH-1", "timestamp": EARLIER, "odometer_km": 400, "speed_kmh": 30})
    status = VehicleStatus.objects.get()
    assert (status.odometer_km, status.speed_kmh) == (500, 30)


def test_one_message_speaks_of_many_vehicles_in_the_order_of_their_times(bus, vehicle):
    VehicleFactory(vehicle_id="VH-2")
    readings = [
        {"vehicle_id": "VH-1", "timestamp": LATER, "odometer_km": 2},
        {"vehicle_id": "VH-1", "timestamp": AT, "odometer_km": 1},
        {"vehicle_id": "VH-2", "recorded_at": AT, "odometer_km": 3},
    ]
    assert say(bus, readings) == 3
    found = VehicleStatus.objects.order_by("vehicle__vehicle_id").values_list("odometer_km", flat=True)
    assert list(found) == [2, 3]
    of_vehicle = ChangeBatch.objects.get(vehicles__contains=[vehicle.pk])
    assert [at for pk, at in zip(of_vehicle.vehicles, of_vehicle.times, strict=True) if pk == vehicle.pk] == [
        NOON,
        NOON + timedelta(minutes=1),
    ]
    assert not VehicleChange.objects.exists()


def test_what_has_no_time_is_of_now(bus, vehicle):
    before = timezone.now()
    say(bus, {"vehicle_id": "VH-1", "speed_kmh": 0})
    assert before - timedelta(milliseconds=1) <= VehicleStatus.objects.get().recorded_at <= timezone.now()


def test_an_unknown_vehicle_is_put_aside_and_the_known_ones_beside_it_are_taken(bus, vehicle):
    readings = [{"vehicle_id": "VH-1", "odometer_km": 5}, {"vehicle_id": "VH-9", "odometer_km": 5}]
    assert say(bus, readings, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 2
    assert reasons() == ["No vehicle “VH-9” is known; make it first."]
    status = VehicleStatus.objects.get()
    assert (status.odometer_km, status.speed_kmh) == (5, 30)
    assert left_over(bus) == []


def test_a_deleted_vehicle_is_not_known(bus):
    VehicleFactory(vehicle_id="VH-1", deleted_at=timezone.now())
    assert say(bus, {"vehicle_id": "VH-1", "odometer_km": 5}) == 0
    assert reasons() == ["No vehicle “VH-1” is known; make it first."]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"5", "a JSON object"),
        ([5], "a JSON object with a vehicle_id"),
        ({"odometer_km": 5}, "names its vehicle"),
        ({"vehicle_id": 5}, "“5” is not an id"),
        ({"vehicle_id": ""}, "“” is not an id"),
        ({"vehicle_id": "VH-1\x00"}, "“VH-1␀” is not an id"),
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
        ({"vehicle_id": "VH-1", "timestamp": "1999-01-01T00:00:00Z"}, "more than 400 days back"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[:60],
)
def test_what_cannot_be_is_put_aside_with_the_reason_and_stops_nothing(bus, vehicle, reading, reason):
    assert say(bus, reading, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 1
    assert len(reasons()) == 1
    assert reason in reasons()[0]
    assert VehicleStatus.objects.get().speed_kmh == 30
    assert left_over(bus) == []


@pytest.mark.parametrize("depth", [50, 500, 1000, 5000])
def test_a_value_without_a_bottom_is_put_aside(bus, vehicle, depth):
    raw = b'{"vehicle_id": "VH-1", "note": ' + b"[" * depth + b"]" * depth + b"}"
    assert say(bus, raw, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 1
    assert len(reasons()) == 1


def test_numbers_beyond_all_bounds_stop_nothing(bus, vehicle):
    huge = b'{"vehicle_id": "VH-1", "n": 123456789012345678901234567890, "m": [1e308]}'
    assert say(bus, huge, {"vehicle_id": "VH-1", "speed_kmh": 30}) == 2
    say(bus, b'{"vehicle_id": "VH-1", "n": 1e999}')
    assert left_over(bus) == []


def test_a_time_just_ahead_is_taken_and_one_far_ahead_is_not(bus, vehicle):
    for ahead in (TOO_FAR_AHEAD - timedelta(minutes=1), TOO_FAR_AHEAD + timedelta(minutes=1)):
        at = (timezone.now() + ahead).isoformat()
        say(bus, {"vehicle_id": "VH-1", "timestamp": at, "odometer_km": 1})
    assert len(reasons()) == 1
    assert "more than 5 minutes ahead" in reasons()[0]


def test_many_readings_take_the_same_queries(bus, django_assert_max_num_queries):
    readings = [
        {"vehicle_id": VehicleFactory().vehicle_id, "timestamp": AT, "odometer_km": n} for n in range(100)
    ]
    with django_assert_max_num_queries(30):
        assert say(bus, readings) == 100


def test_a_reading_is_stored_with_all_that_it_says(bus, vehicle):
    told = {
        "latitude": 4.123456,
        "longitude": -74.654321,
        "speed_kmh": 62.3,
        "odometer_km": 123_456.7,
        "battery_pct": 81,
        "status": "moving",
        "g_force_long": -0.41,
        "tyre_wear": [1, 2],
    }
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, **told})
    stored = Reading.objects.get()
    assert (stored.vehicle, stored.recorded_at) == (vehicle.pk, NOON)
    assert (stored.latitude_e6, stored.longitude_e6) == (4_123_456, -74_654_321)
    assert (stored.speed_kmh, stored.odometer_km, stored.battery_pct) == (pytest.approx(62.3), 123_456.7, 81)
    assert (stored.status, stored.g_force_long) == ("MOVING", pytest.approx(-0.41))
    assert stored.attributes == {"tyre_wear": [1, 2]}
    assert (stored.fuel_pct, stored.load_pct) == (None, None)


def test_late_and_repeated_readings_are_stored_once_and_the_first_wins(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "speed_kmh": 10})
    say(
        bus,
        {"vehicle_id": "VH-1", "timestamp": EARLIER, "speed_kmh": 20, "tyre_wear": 1},
        {"vehicle_id": "VH-1", "timestamp": AT, "speed_kmh": 30},
        {"vehicle_id": "VH-1", "timestamp": EARLIER, "speed_kmh": 40},
        {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 50},
        {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 60},
    )
    stored = Reading.objects.order_by("recorded_at").values_list("speed_kmh", "attributes")
    assert list(stored) == [(20, {"tyre_wear": 1}), (10, None), (50, None)]
    assert VehicleStatus.objects.get().speed_kmh == 50


def test_late_readings_may_tell_whole_numbers_beside_others(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": LATER, "battery_pct": 4})
    late = [
        {"vehicle_id": "VH-1", "timestamp": AT, "battery_pct": 5, "g_force_long": 0, "odometer_km": 10},
        {
            "vehicle_id": "VH-1",
            "timestamp": EARLIER,
            "battery_pct": 5.5,
            "g_force_long": -0.25,
            "odometer_km": 9.5,
        },
    ]
    say(bus, json.dumps(late).encode())
    assert reasons() == []
    stored = Reading.objects.order_by("recorded_at").values_list("battery_pct", "g_force_long", "odometer_km")
    assert list(stored) == [(5.5, -0.25, 9.5), (5, 0, 10), (4, None, None)]


def test_a_time_is_kept_to_the_millisecond(bus, vehicle):
    for micros in (123_000, 123_999, 124_000):
        say(bus, {"vehicle_id": "VH-1", "timestamp": NOON.replace(microsecond=micros).isoformat()})
    times = Reading.objects.order_by("recorded_at").values_list("recorded_at", flat=True)
    assert [at.microsecond for at in times] == [123_000, 124_000]


def test_what_is_stored_is_marked_for_the_rollups(bus, vehicle):
    say(bus, [{"vehicle_id": "VH-1", "timestamp": at} for at in (AT, LATER, EARLIER)])
    mark = StaleBuckets.objects.get()
    assert mark.vehicles == [vehicle.pk] * 2
    assert mark.buckets == [NOON - timedelta(hours=1), NOON]


def test_a_file_of_a_later_time_does_not_hide_a_repeated_reading(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "speed_kmh": 10})
    VehicleStatus.objects.update(recorded_at=NOON + timedelta(hours=1))
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "speed_kmh": 20})
    say(bus, {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 30})
    assert list(Reading.objects.order_by("recorded_at").values_list("speed_kmh", flat=True)) == [10, 30]


def test_an_unknown_vehicle_may_go_into_quarantine(bus, settings):
    settings.UNKNOWN_VEHICLES = "quarantine"
    assert say(bus, {"vehicle_id": "NEW-1", "speed_kmh": 10}, {"vehicle_id": "NEW-1", "speed_kmh": 20}) >= 1
    made = Vehicle.objects.get(vehicle_id="NEW-1")
    assert made.fleet.fleet_id == "quarantine"
    assert made.told_cause() == {"kind": "reading"}
    assert Reading.objects.filter(vehicle=made.pk).exists()
    assert reasons() == []


def test_what_is_parked_is_stored_once_however_often_it_is_given(bus, vehicle):
    bus.append(
        Channel.TELEMETRY_RAW,
        [Outgoing(b'[{"vehicle_id": "VH-9"}, {"vehicle_id": "VH-1", "speed_kmh": -1}]')],
    )
    entries = left_over(bus)
    for _time in range(2):
        take_readings(NoAnswer(), entries)
    parked = ParkedEntry.objects.order_by("entry")
    assert [bytes(one.data) for one in parked][1] == b'{"vehicle_id":"VH-1","speed_kmh":-1}'
    assert [one.reason.split(":")[0] for one in parked] == [
        "No vehicle “VH-9” is known; make it first.",
        "speed_kmh",
    ]


class NoAnswer:
    """A bus that dies before the acknowledgement."""

    def acknowledge(self, entries):
        return


def test_a_whole_number_beyond_64_bits_stands_in_no_others_way(bus, vehicle):
    readings = [{"vehicle_id": "VH-1", "timestamp": at, "counter": 2**70} for at in (EARLIER, AT)]
    assert say(bus, readings) == 2
    assert [one.attributes for one in Reading.objects.all()] == [{"counter": 2**70}] * 2


def test_a_part_without_a_time_keeps_its_place_when_it_is_tried_again(bus, vehicle):
    say(bus, [{"vehicle_id": "VH-1", "speed_kmh": speed} for speed in (1, 9_999, 8_888)])
    (stored,) = Reading.objects.all()
    first, second = ParkedEntry.objects.order_by("entry")
    assert [(one.received_at - stored.recorded_at).total_seconds() for one in (first, second)] == [
        0.001,
        0.002,
    ]


def test_a_day_whose_table_was_taken_away_is_made_again(bus, vehicle):
    say(bus, {"vehicle_id": "VH-1", "timestamp": AT, "speed_kmh": 1})
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {partition_of(NOON.date())}")
    assert say(bus, {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 2}) == 1
    assert reasons() == []


def test_readings_that_the_status_says_nothing_of_are_looked_for(bus, vehicle):
    told = {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 1}
    say(bus, told)
    VehicleStatus.objects.update(recorded_at=NOON - timedelta(days=1))
    assert say(bus, told, {**told, "timestamp": AT}) == 1
    assert (reasons(), Reading.objects.count()) == ([], 2)


def test_an_unknown_vehicle_is_parked_once_when_readings_are_stored_with_care(bus, vehicle):
    told = {"vehicle_id": "VH-1", "timestamp": LATER, "speed_kmh": 1}
    say(bus, told)
    VehicleStatus.objects.all().delete()
    say(bus, told, {**told, "vehicle_id": "VH-9"})
    assert len(reasons()) == 1
