"""What the world is told on fleet.telemetry.processed."""

import pytest

from accounts.models import Cause
from feed_processor import relay
from feed_processor.relay import publish_batches
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel, MessageType
from rules.tests.factories import make_vehicle, report
from vehicle_management.models import ChangeBatch
from vehicle_management.services import touch_vehicles

pytestmark = pytest.mark.django_db


@pytest.fixture
def bus(monkeypatch) -> MemoryBus:
    bus = MemoryBus()
    monkeypatch.setattr(relay, "get_bus", lambda: bus)
    return bus


def told(bus: MemoryBus) -> list[dict]:
    """What a listener hears of the batches that wait."""
    with bus.subscribe(Channel.TELEMETRY_PROCESSED):
        publish_batches(list(ChangeBatch.objects.order_by("pk").values_list("pk", flat=True)))
    assert {message.type for _channel, message in bus.published} <= {MessageType.VEHICLE_CHANGED}
    return [item for _channel, message in bus.published for item in message.data]


def test_a_change_is_told_with_its_vehicle_its_cause_and_both_values(bus):
    vehicle = make_vehicle()
    report(vehicle, odometer_km=10_000.0)
    ChangeBatch.objects.all().delete()
    report(vehicle, row=12, odometer_km=10_412.0)
    (change,) = told(bus)
    assert (change["vehicle_id"], change["fleet_id"]) == ("VH-1", vehicle.fleet.fleet_id)
    assert change["changes"] == {"status.odometer_km": [10_000.0, 10_412.0]}
    assert change["recorded_at"].endswith("Z")
    assert change["cause"] == {
        "kind": "upload",
        "upload_id": 7,
        "name": "status.csv",
        "uploaded_by": "a@b.example",
        "row": 12,
    }


def test_a_created_vehicle_is_told_with_what_it_has(bus):
    make_vehicle(plate="N 1")
    (change,) = told(bus)
    assert change["changes"]["plate"] == [None, "N 1"]
    assert "vin" not in change["changes"]


def test_a_touch_is_told_without_changes(bus):
    vehicle = make_vehicle()
    ChangeBatch.objects.all().delete()
    touch_vehicles([vehicle.pk], cause={"kind": "message"})
    assert [change["changes"] for change in told(bus)] == [{}]


def test_a_vehicle_that_was_purged_meanwhile_is_told_without_its_name(bus):
    vehicle = make_vehicle()
    cause = Cause.of({"kind": "message"})
    ChangeBatch.objects.update(cause=cause)
    vehicle.delete()
    assert [(change["vehicle_id"], change["fleet_id"]) for change in told(bus)] == [(None, None)]


def test_nothing_is_told_where_nobody_listens(bus, django_assert_num_queries):
    make_vehicle()
    batches = list(ChangeBatch.objects.values_list("pk", flat=True))
    with django_assert_num_queries(0):
        publish_batches(batches)
    assert bus.published == []


def test_one_message_speaks_of_no_more_vehicles_than_it_may(bus, monkeypatch):
    monkeypatch.setattr(relay, "VEHICLES_OF_A_MESSAGE", 2)
    pks = [make_vehicle(f"VH-{number}").pk for number in range(3)]
    ChangeBatch.objects.all().delete()
    cause = Cause.of({"kind": "message"})
    ChangeBatch.objects.create(lane=0, cause=cause, fields=[], vehicles=pks)
    assert len(told(bus)) == 3
    assert [len(message.data) for _channel, message in bus.published] == [2, 1]
