"""Statuses, histories, what a fleet is doing, and the registry of attributes."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from customer_management.services import hide_customers
from customer_management.tests.factories import CustomerFactory
from vehicle_management.advance import as_text
from vehicle_management.models import AttributeType, ChangeBatch, VehicleChange, VehicleStatus
from vehicle_management.tests.factories import VehicleFactory, VehicleStatusFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/vehicles"


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)


@pytest.fixture
def status_path(vehicle):
    return f"{PATH}/{vehicle.vehicle_id}/status"


def test_a_vehicle_that_said_nothing_has_a_status_of_nulls(people, status_path):
    told = people.client("operator").get(status_path).json()
    assert set(told.values()) == {None}
    assert {"odometer_km", "status", "recorded_at"} <= set(told)


def test_what_has_no_time_gets_the_time_of_receipt(people, status_path):
    before = timezone.now()
    told = people.client("manager").patch(status_path, {"odometer_km": 10_412}).json()
    assert told["recorded_at"].endswith("Z")
    assert VehicleStatus.objects.get().recorded_at >= before


def test_null_clears_an_attribute(people, status_path):
    client = people.client("manager")
    client.patch(status_path, {"odometer_km": 10_412, "tyre_wear": 0.4})
    told = client.patch(status_path, {"odometer_km": None, "tyre_wear": None}).json()
    assert told["odometer_km"] is None
    assert told.get("tyre_wear") is None


def test_the_same_status_again_changes_nothing(people, status_path):
    client = people.client("manager")
    sent = {"odometer_km": 10_412, "recorded_at": "2026-01-02T00:00:00Z"}
    assert client.patch(status_path, sent).json() == client.patch(status_path, sent).json()
    assert VehicleChange.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "body"),
        ("text", "body"),
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"recorded_at": "2026-01-01T00:00:00+24:00"}, "recorded_at"),
        ({"recorded_at": 1}, "recorded_at"),
        ({"speed_kmh": "1e999"}, "speed_kmh"),
        ({"speed_kmh": True}, "speed_kmh"),
        ({"speed_kmh": -1}, "speed_kmh"),
        ({"longitude": 181}, "longitude"),
        ({"x" * 101: 1}, "x" * 101),
        ({"note": "x" * 10_001}, "note"),
    ],
)
def test_a_status_that_cannot_be_is_refused_and_its_fault_named(people, status_path, body, fault):
    answer = people.client("manager").patch(status_path, body)
    assert answer.status_code == 422, answer.content
    assert list(answer.json()["errors"]) == [fault]
    assert not VehicleStatus.objects.exists()


def test_a_time_a_little_ahead_is_taken(people, status_path):
    ahead = (timezone.now() + timedelta(minutes=4)).isoformat()
    assert (
        people.client("manager").patch(status_path, {"speed_kmh": 1, "recorded_at": ahead}).status_code == 200
    )


def test_a_device_writes_its_own_vehicles_status_alone(people, status_path):
    other = VehicleFactory(fleet=people.north)
    client = people.client("device_key")
    assert client.patch(status_path, {"odometer_km": 10_412}).status_code == 200
    assert VehicleChange.objects.get().told_cause()["kind"] == "api_key"
    assert client.patch(f"{PATH}/{other.vehicle_id}/status", {"odometer_km": 1}).status_code == 404
    assert client.patch(f"{PATH}/{DEVICE_VEHICLE_ID}", {"color": "red"}).status_code == 403


def test_a_status_with_an_old_tag_is_refused(people, status_path):
    client = people.client("manager")
    tag = client.get(status_path)["ETag"]
    assert client.patch(status_path, {"odometer_km": 1}, HTTP_IF_MATCH=tag).status_code == 200
    assert client.patch(status_path, {"odometer_km": 2}, HTTP_IF_MATCH=tag).status_code == 412


def test_a_status_leaves_a_batch_with_old_and_new_values(people, vehicle, status_path):
    client = people.client("manager")
    client.patch(status_path, {"odometer_km": 9_000})
    client.patch(status_path, {"odometer_km": 10_412})
    batch = ChangeBatch.objects.latest("id")
    assert (batch.vehicles, batch.fields) == ([vehicle.pk], ["recorded_at", "status.odometer_km"])
    assert (batch.old[0][1], batch.new[0][1]) == (9_000, 10_412)
    assert batch.old[0][0] < batch.new[0][0] == as_text(vehicle.status.recorded_at)


def test_a_history_ends_with_the_creation_and_is_cut_into_pages(people, status_path):
    made = people.client("manager").post(PATH, {"vehicle_id": "VH-1", "fleet_id": "fleet-north"})
    assert made.status_code == 201
    for color in ("red", "green", "blue"):
        people.client("manager").patch(f"{PATH}/VH-1", {"color": color})
    client = people.client("operator")
    first = client.get(f"{PATH}/VH-1/history?limit=2").json()
    assert (first["total"], [entry["changes"] for entry in first["data"]]) == (
        4,
        [{"color": ["green", "blue"]}, {"color": ["red", "green"]}],
    )
    second = client.get(first["next"]).json()
    assert [entry["changes"] for entry in second["data"]] == [{"color": [None, "red"]}, {}]
    assert (second["next"], second["data"][1]["cause"]) == (None, people.manager.as_cause())
    assert client.get(f"{PATH}/VH-1/history?limit=2&page=3").json()["data"] == []
    assert second["data"][1]["at"] == made.json()["created_at"]


def test_a_fleet_tells_what_each_vehicle_does(people, settings):
    now = timezone.now()
    silent = now - timedelta(seconds=settings.OFFLINE_AFTER_S + 1)
    known = {
        "alert": {"status": "ALERT", "speed_kmh": 50},
        "idle": {"speed_kmh": 0},
        "moving": {"speed_kmh": 50},
        "silent": {"status": "MOVING", "recorded_at": silent},
        "unknown": {},
    }
    for name, values in known.items():
        vehicle = VehicleFactory(vehicle_id=name, fleet=people.north)
        VehicleStatusFactory(vehicle=vehicle, **{"recorded_at": now, **values})
    VehicleFactory(vehicle_id="unheard", fleet=people.north)
    client = people.client("operator")

    def shown(query: str = "") -> dict[str, str]:
        told = client.get(f"/api/v1/fleet/fleet-north/vehicles{query}").json()
        assert told["total"] == len(told["data"])
        return {vehicle["vehicle_id"]: vehicle["status"] for vehicle in told["data"]}

    assert shown() == {
        "alert": "ALERT", "idle": "IDLE", "moving": "MOVING", "silent": "OFFLINE", "unheard": "OFFLINE",
        "unknown": "IDLE",
    }  # fmt: skip
    assert set(shown("?status=OFFLINE")) == {"silent", "unheard"}
    assert set(shown("?status=IDLE")) == {"idle", "unknown"}
    assert client.get("/api/v1/fleet/fleet-north/vehicles?status=FLYING").status_code == 422
    moving = client.get("/api/v1/vehicles?status=MOVING").json()["data"]
    assert [vehicle["vehicle_id"] for vehicle in moving] == ["moving"]


def test_an_unknown_fleet_is_not_found_by_who_sees_all_and_forbidden_to_others(people):
    assert people.client("administrator").get("/api/v1/fleet/none/vehicles").status_code == 404
    assert people.client("manager").get("/api/v1/fleet/none/vehicles").status_code == 403


def test_the_registry_notes_a_type_that_only_administrators_change(people, status_path):
    people.client("manager").patch(status_path, {"tyre_wear": 0.4, "washed": True, "Depot/Bay": "A"})
    kinds = {one.name: one.kind for one in AttributeType.objects.all()}
    assert kinds == {"tyre_wear": "number", "washed": "boolean", "Depot/Bay": "text"}
    path = "/api/v1/attribute-types/tyre_wear"
    assert people.client("manager").patch(path, {"kind": "text"}).status_code == 403
    answer = people.client("administrator").patch(path, {"kind": "text"})
    assert (answer.status_code, answer.json()["kind"]) == (200, "text")
    assert people.client("administrator").patch(path, {"kind": "colour"}).status_code == 422
    assert people.client("administrator").patch(path, {"name": "x"}).status_code == 422
    assert people.client("operator").get("/api/v1/attribute-types?search=tyre").json()["total"] == 1


def test_a_value_that_does_not_fit_its_type_is_kept_as_text(people, status_path):
    client = people.client("manager")
    client.patch(status_path, {"tyre_wear": 0.4})
    assert client.patch(status_path, {"tyre_wear": True}).json()["tyre_wear"] == "true"


def test_a_customer_is_attached_and_taken_away(people, vehicle):
    customer = CustomerFactory(created_by=people.manager)
    client, path = people.client("manager"), f"{PATH}/{vehicle.vehicle_id}"
    assert client.patch(path, {"customer_id": customer.pk}).json()["customer_id"] == customer.pk
    listed = client.get(f"/api/v1/customers/{customer.pk}/vehicles").json()
    assert [one["vehicle_id"] for one in listed["data"]] == [vehicle.vehicle_id]
    assert client.get(f"{PATH}?customer_id={customer.pk}").json()["total"] == 1
    assert client.get(f"{PATH}?has_customer=false").json()["total"] == 0
    assert client.patch(path, {"customer_id": None}).json()["customer_id"] is None
    assert client.patch(path, {"customer_id": CustomerFactory().pk}).status_code == 422


def test_what_was_read_can_be_sent_back_also_when_its_customer_is_gone(people, vehicle):
    vehicle.customer = CustomerFactory()
    vehicle.save()
    hide_customers([vehicle.customer.pk], by=people.administrator)
    client, path = people.client("manager"), f"{PATH}/{vehicle.vehicle_id}"
    told = client.get(path).json()
    answer = client.put(path, told)
    assert (answer.status_code, answer.json()) == (200, told)
    assert not VehicleChange.objects.exists()


def test_a_vehicle_is_moved_between_ones_fleets_and_to_no_other(people, vehicle):
    path = f"{PATH}/{vehicle.vehicle_id}"
    assert people.client("manager").patch(path, {"fleet_id": "fleet-south"}).status_code == 403
    assert people.client("manager").patch(path, {"fleet_id": None}).status_code == 422
    moved = people.client("administrator").patch(path, {"fleet_id": "fleet-south"})
    assert (moved.status_code, moved.json()["fleet_id"]) == (200, "fleet-south")
    assert people.client("manager").get(path).status_code == 404


@pytest.mark.parametrize("vehicle_id", ["a b", "ü%", "9d7c5b6e-3c1f-4b0e-8c55-0b6a2f1d8f11", "x.y:z", "日本"])
def test_an_id_holds_any_character_but_a_slash(people, vehicle_id):
    client = people.client("manager")
    assert client.post(PATH, {"vehicle_id": vehicle_id, "fleet_id": "fleet-north"}).status_code == 201
    assert client.get(f"{PATH}/{quote(vehicle_id, safe='')}").json()["vehicle_id"] == vehicle_id
