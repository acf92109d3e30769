"""History as rules read it: in event time, whole, and as it was."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import FleetFactory, UserFactory
from rules.history import OF_STATUS, archived_days, causes_of, count_readings, events_of
from rules.history_start import known_at
from telemetry.models import Rollup
from telemetry.readings import to_ms
from telemetry.rollups import DAY
from telemetry.tests.factories import store
from vehicle_management.models import AttributeType, Vehicle, VehicleStatus
from vehicle_management.services import StatusRow, create_vehicles, record_statuses, update_vehicle

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEYS = ("status.speed_kmh", "status.odometer_km")
PERSON = {"kind": "person", "email": "a@b.example"}


def make_vehicle(vehicle_id: str = "VH-1", **values: Any) -> Vehicle:
    person = UserFactory(role="ADMINISTRATOR")
    return create_vehicles([{"vehicle_id": vehicle_id, "fleet": FleetFactory(), **values}], by=person)[0]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ms(seconds: float) -> int:
    return to_ms(at(seconds))


def told(vehicle: Vehicle, keys: Any = KEYS, first: float = 0, last: float = 600) -> list[Any]:
    events = events_of([vehicle.pk], keys, at(first), at(last))
    return [((one[1] - ms(0)) / 1000, one[2], one[3]) for one in events]


def said(vehicle: Vehicle, seconds: float, **values: Any) -> None:
    record_statuses([StatusRow(vehicle.pk, values, at(seconds))], cause=PERSON)


def test_readings_come_in_the_order_of_their_times_with_what_they_say_and_nothing_else() -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(20), {"speed_kmh": 80.1, "fuel_pct": 3}), (at(10), {"odometer_km": 10_412.35})])
    store(vehicle, [(at(30), {"fuel_pct": 2})])
    assert told(vehicle) == [
        (10, {"status.odometer_km": 10_412.35}, True),
        (20, {"status.speed_kmh": 80.1}, True),
        (30, {}, True),
    ]


def test_the_end_does_not_belong_to_the_span_and_the_start_does() -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(second), {"speed_kmh": second}) for second in (0, 10, 20)])
    assert [one[0] for one in told(vehicle, first=0, last=20)] == [0, 10]
    assert [one[0] for one in told(vehicle, first=10, last=21)] == [10, 20]
    assert told(vehicle, first=20, last=20) == []


def test_events_of_several_vehicles_and_days_come_in_one_order() -> None:
    one, two = make_vehicle("VH-1"), make_vehicle("VH-2")
    hours = 3_600
    store(one, [(at(-20 * hours), {}), (at(5), {}), (at(20 * hours), {})])
    store(two, [(at(-19 * hours), {}), (at(6), {}), (at(19 * hours), {})])
    found = list(events_of([one.pk, two.pk], KEYS, at(-86_400), at(86_400)))
    assert [event[0] for event in found] == [one.pk, two.pk, one.pk, two.pk, two.pk, one.pk]
    assert [event[1] for event in found] == sorted(event[1] for event in found)


def test_each_vehicle_may_have_a_start_of_its_own() -> None:
    one, two = make_vehicle("VH-1"), make_vehicle("VH-2")
    for vehicle in (one, two):
        store(vehicle, [(at(second), {}) for second in (10, 20, 30)])
    starts = {one.pk: at(20), two.pk: at(30)}
    found = list(events_of([one.pk, two.pk], KEYS, starts, at(60)))
    assert [(event[0], event[1]) for event in found] == [
        (one.pk, ms(20)),
        (one.pk, ms(30)),
        (two.pk, ms(30)),
    ]
    assert list(events_of([one.pk], KEYS, {}, at(60))) == []


def test_places_accelerations_and_attributes_of_ones_own_are_read_as_they_were_said() -> None:
    AttributeType.objects.create(name="door", kind="text")
    AttributeType.objects.create(name="tyre wear", kind="number")
    vehicle = make_vehicle()
    text = '{"door": true, "tyre wear": 0.3, "note": "a\\\\b\\t"}'
    store(vehicle, [(at(1), {"latitude": 53.550341, "g_force_long": -0.41, "attributes": text})])
    store(vehicle, [(at(2), {"attributes": '{"door": null, "g_force_long": "strong"}'})])
    keys = [f"status.{name}" for name in ("latitude", "g_force_long", "door", "tyre wear", "note")]
    assert told(vehicle, keys) == [
        (
            1,
            {
                "status.latitude": 53.550341,
                "status.g_force_long": -0.41,
                "status.door": "true",
                "status.tyre wear": 0.3,
                "status.note": "a\\b\t",
            },
            True,
        ),
        (2, {"status.door": None, "status.g_force_long": "strong"}, True),
    ]


def test_changes_that_people_and_files_made_stand_between_the_readings() -> None:
    vehicle = make_vehicle(plate="A")
    store(vehicle, [(at(second), {"speed_kmh": second}) for second in (10, 30)])
    said(vehicle, 20, speed_kmh=25.0)
    said(vehicle, 25, fuel_pct=25.0)
    assert told(vehicle)[1:3] == [(20, {"status.speed_kmh": 25.0}, True), (25, {}, True)]
    begin = timezone.now()
    update_vehicle(vehicle, {"plate": "B"}, by=UserFactory(role="ADMINISTRATOR"))
    events = list(events_of([vehicle.pk], ["plate"], begin, timezone.now()))
    assert [(event[2], event[3]) for event in events] == [({"plate": "B"}, False)]


def test_an_event_tells_its_cause() -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(10), {"received_at": at(12)})])
    said(vehicle, 20, speed_kmh=25.0)
    events = list(events_of([vehicle.pk], KEYS, at(0), at(60)))
    reading, change = causes_of([(event[0], event[1], event[4]) for event in events])
    assert reading["kind"] == "reading"
    assert reading["received_at"] == "2026-03-02T12:00:12Z"
    assert change == PERSON


def test_a_first_status_that_came_with_a_file_is_a_report_too() -> None:
    vehicle = make_vehicle()
    VehicleStatus.objects.create(vehicle=vehicle, recorded_at=at(15), odometer_km=12_000)
    store(vehicle, [(at(10), {"speed_kmh": 5})])
    assert told(vehicle) == [
        (10, {"status.speed_kmh": 5.0}, True),
        (15, {"status.odometer_km": 12_000.0}, True),
    ]
    (event,) = list(events_of([vehicle.pk], KEYS, at(12), at(60)))
    assert event[4] == OF_STATUS
    assert causes_of([(event[0], event[1], event[4])])[0]["kind"] == "user"


def test_what_was_known_at_a_time_is_the_last_that_was_said_before() -> None:
    vehicle = make_vehicle(plate="A")
    store(vehicle, [(at(10), {"speed_kmh": 10.5}), (at(20), {"odometer_km": 7}), (at(40), {"speed_kmh": 40})])
    said(vehicle, 10, speed_kmh=10.5)
    said(vehicle, 20, odometer_km=7.0)
    said(vehicle, 30, speed_kmh=30.0)
    said(vehicle, 40, speed_kmh=40.0, odometer_km=9.0)
    known = {second: known_at([vehicle.pk], KEYS, at(second))[vehicle.pk] for second in (5, 15, 25, 35, 45)}
    speeds = {second: one.values["status.speed_kmh"] for second, one in known.items()}
    assert speeds == {5: None, 15: 10.5, 25: 10.5, 35: 30, 45: 40}
    odometers = {second: one.values["status.odometer_km"] for second, one in known.items()}
    assert odometers == {5: None, 15: None, 25: 7, 35: 7, 45: 9}
    assert [one.heard for one in known.values()] == [None, ms(10), ms(20), ms(30), ms(40)]


def test_main_data_is_walked_back_from_now() -> None:
    vehicle = make_vehicle(plate="A")
    fleet = vehicle.fleet
    begin = timezone.now()
    for plate in ("B", "C"):
        update_vehicle(vehicle, {"plate": plate}, by=UserFactory(role="ADMINISTRATOR"))
    keys = ("plate", "fleet_id")
    assert known_at([vehicle.pk], keys, begin)[vehicle.pk].values["plate"] == "A"
    values = known_at([vehicle.pk], keys, timezone.now())[vehicle.pk].values
    assert (values["plate"], values["fleet_id"]) == ("C", fleet and fleet.fleet_id)


def test_a_value_that_was_first_changed_later_was_there_before() -> None:
    vehicle = make_vehicle()
    VehicleStatus.objects.create(vehicle=vehicle, recorded_at=at(15), odometer_km=9_000)
    said(vehicle, 100, odometer_km=11_000.0)
    assert known_at([vehicle.pk], KEYS, at(50))[vehicle.pk].values["status.odometer_km"] == 9_000


def test_time_itself_is_told_where_it_is_asked_for() -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(0.25), {})])
    assert told(vehicle, ["recorded_at"]) == [(0.25, {"recorded_at": "2026-03-02T12:00:00.250000Z"}, True)]


def test_readings_are_counted_up_to_a_bound_and_archived_days_are_named() -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(second), {}) for second in range(5)])
    assert count_readings([vehicle.pk], at(0), at(60)) == 5
    assert count_readings([vehicle.pk], at(0), at(60), most=3) == 4
    midnight = NOON.replace(hour=0)
    Rollup.objects.create(
        width=DAY,
        vehicle=vehicle.pk,
        bucket=midnight,
        archived=True,
        readings=1,
        speed_count=0,
        battery_count=0,
        temp_count=0,
        odometer_count=0,
        distance_km=0,
    )
    assert archived_days([vehicle.pk], at(0), at(60)) == [NOON.date()]
    assert archived_days([vehicle.pk], at(86_400), at(90_000)) == []
