import pytest

from accounts.tests.people import People
from vehicle_management.models import ChangeBatch, Vehicle, VehicleChange
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


def made(people: People, **values: object) -> Vehicle:
    return VehicleFactory(fleet=people.north, **values)


def test_a_manager_creates_a_vehicle_and_reads_it_back(people: People) -> None:
    sent = {
        "vehicle_id": "VH 1.2",
        "fleet_id": "fleet-north",
        "vin": " 1ftbw2cm9k0000001 ",
        "attributes": {"Depot": "A"},
    }
    answer = people.client("manager").post("/api/v1/vehicles", sent)
    assert answer.status_code == 201, answer.content
    told = people.client("operator").get("/api/v1/vehicles/VH 1.2/").json()
    assert (told["vin"], told["attributes"]) == ("1FTBW2CM9K0000001", {"Depot": "A"})
    assert told["created_at"].endswith("Z")


def test_a_manager_has_to_name_the_fleet(people: People) -> None:
    answer = people.client("manager").post("/api/v1/vehicles", {"vehicle_id": "VH-1"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"fleet_id": ["Name the fleet that the vehicle belongs to."]}


def test_a_foreign_fleet_is_forbidden_whether_it_exists_or_not(people: People) -> None:
    for fleet_id in ("fleet-south", "no-such-fleet"):
        answer = people.client("manager").post(
            "/api/v1/vehicles", {"vehicle_id": "VH-1", "fleet_id": fleet_id}
        )
        assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")


def test_a_taken_id_is_a_conflict_that_tells_nothing_else(people: People) -> None:
    VehicleFactory(vehicle_id="VH-1", fleet=people.south)
    answer = people.client("manager").post(
        "/api/v1/vehicles", {"vehicle_id": "VH-1", "fleet_id": "fleet-north"}
    )
    assert answer.status_code == 409
    assert answer.json()["detail"] == "The vehicle_id “VH-1” is taken; choose another one."


def test_a_full_vin_is_unique_and_a_short_one_is_not(people: People) -> None:
    for vin, code in (("1FTBW2CM9K0000001", 409), ("SHORT", 201)):
        made(people, vin=vin)
        sent = {"vehicle_id": f"new-{vin}", "fleet_id": "fleet-north", "vin": vin}
        assert people.client("manager").post("/api/v1/vehicles", sent).status_code == code


def test_an_array_creates_all_or_none_and_names_the_faulty_item(people: People) -> None:
    good = {"vehicle_id": "VH-1", "fleet_id": "fleet-north"}
    bad = {"vehicle_id": "a/b", "fleet_id": "fleet-north", "model_year": 1196}
    answer = people.client("manager").post("/api/v1/vehicles", [good, bad])
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"[1].vehicle_id", "[1].model_year"}
    assert not Vehicle.objects.exists()
    answer = people.client("manager").post("/api/v1/vehicles", [good, {**good, "vehicle_id": "VH-2"}])
    assert (answer.status_code, len(answer.json())) == (201, 2)


def test_a_change_leaves_history_and_a_batch(people: People) -> None:
    vehicle = made(people, vehicle_id="VH-1", make="Ford")
    answer = people.client("manager").patch("/api/v1/vehicles/VH-1", {"make": "Iveco", "model": "Daily"})
    assert answer.status_code == 200, answer.content
    change = VehicleChange.objects.get(vehicle=vehicle)
    assert change.changes == {"make": ["Ford", "Iveco"], "model": ["Transit 350", "Daily"]}
    assert change.told_cause()["email"] == people.manager.email
    batch = ChangeBatch.objects.get()
    assert (batch.fields, batch.vehicles) == (["make", "model"], [vehicle.pk])
    assert (batch.old, batch.new) == ([["Ford", "Transit 350"]], [["Iveco", "Daily"]])


def test_a_change_that_changes_nothing_leaves_no_trace(people: People) -> None:
    made(people, vehicle_id="VH-1", make="Ford")
    assert people.client("manager").patch("/api/v1/vehicles/VH-1", {"make": "Ford"}).status_code == 200
    assert not VehicleChange.objects.exists()
    assert Vehicle.objects.get().version == 1


def test_a_write_with_an_old_tag_is_refused(people: People) -> None:
    made(people, vehicle_id="VH-1")
    client = people.client("manager")
    tag = client.get("/api/v1/vehicles/VH-1")["ETag"]
    assert client.patch("/api/v1/vehicles/VH-1", {"color": "red"}, HTTP_IF_MATCH=tag).status_code == 200
    answer = client.patch("/api/v1/vehicles/VH-1", {"color": "blue"}, HTTP_IF_MATCH=tag)
    assert (answer.status_code, answer.json()["error"]) == (412, "PRECONDITION_FAILED")
    assert Vehicle.objects.get().color == "red"


def test_a_vehicle_of_another_fleet_is_not_found(people: People) -> None:
    VehicleFactory(vehicle_id="VH-1", fleet=people.south)
    answer = people.client("manager").get("/api/v1/vehicles/VH-1")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Vehicle VH-1 not found")


def test_a_deleted_vehicle_is_hidden_and_its_id_is_free(people: People) -> None:
    made(people, vehicle_id="VH-1")
    client = people.client("manager")
    assert client.delete("/api/v1/vehicles/VH-1").status_code == 204
    assert client.get("/api/v1/vehicles/VH-1").status_code == 404
    assert (
        client.post("/api/v1/vehicles", {"vehicle_id": "VH-1", "fleet_id": "fleet-north"}).status_code == 201
    )


def test_lists_filter_search_and_order(people: People) -> None:
    made(people, vehicle_id="A", make="Ford", model_year=2010)
    made(people, vehicle_id="B", make="Iveco", model_year=2021)
    made(people, vehicle_id="C", make="Iveco", model_year=2022)
    client = people.client("operator")

    def ids(query: str) -> list[str]:
        return [vehicle["vehicle_id"] for vehicle in client.get(f"/api/v1/vehicles?{query}").json()["data"]]

    assert ids("model_year_min=2021&ordering=-vehicle_id") == ["C", "B"]
    assert ids("search=ford") == ["A"]
    assert ids("status=OFFLINE&make=iveco") == ["B", "C"]
    assert client.get("/api/v1/vehicles?limit=201").status_code == 422
    assert client.get("/api/v1/vehicles?page=99").json()["data"] == []


def test_a_status_moves_forward_in_event_time(people: People) -> None:
    made(people, vehicle_id="VH-1")
    client = people.client("manager")

    def patch(**values: object) -> dict[str, object]:
        answer = client.patch("/api/v1/vehicles/VH-1/status", values)
        assert answer.status_code == 200, answer.content
        return answer.json()

    patch(odometer_km=10_000, recorded_at="2026-01-02T00:00:00Z")
    told = patch(speed_kmh=50, recorded_at="2026-01-03T00:00:00Z")
    assert (told["odometer_km"], told["speed_kmh"], told["recorded_at"]) == (
        10_000,
        50,
        "2026-01-03T00:00:00Z",
    )
    # Older than what is known of the odometer: history; newer than it, though older than the speed: taken.
    assert patch(odometer_km=9_000, recorded_at="2026-01-01T00:00:00Z")["odometer_km"] == 10_000
    assert patch(odometer_km=10_100, recorded_at="2026-01-02T12:00:00Z")["odometer_km"] == 10_100
    assert patch(tyre_wear=0.4, recorded_at="2026-01-03T00:00:00Z")["tyre_wear"] == 0.4
    history = client.get("/api/v1/vehicles/VH-1/history").json()
    assert [list(entry["changes"]) for entry in history["data"]] == [
        ["status.tyre_wear"], ["status.odometer_km"], ["status.speed_kmh"], ["status.odometer_km"], [],
    ]  # fmt: skip


def test_a_status_names_what_is_wrong_with_each_attribute(people: People) -> None:
    made(people, vehicle_id="VH-1")
    sent = {"latitude": 91, "battery_pct": "full", "status": "FLYING"}
    answer = people.client("manager").patch("/api/v1/vehicles/VH-1/status", sent)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"latitude", "battery_pct", "status"}


def test_a_time_ahead_or_without_an_offset_is_refused(people: People) -> None:
    made(people, vehicle_id="VH-1")
    for time in ("2099-01-01T00:00:00Z", "2026-01-01T00:00:00"):
        answer = people.client("manager").patch(
            "/api/v1/vehicles/VH-1/status", {"speed_kmh": 1, "recorded_at": time}
        )
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["recorded_at"]


def test_a_fleet_shows_what_its_vehicles_are_doing(people: People) -> None:
    made(people, vehicle_id="A")
    made(people, vehicle_id="B")
    client = people.client("manager")
    client.patch("/api/v1/vehicles/A/status", {"speed_kmh": 42})
    told = client.get("/api/v1/fleet/fleet-north/vehicles").json()["data"]
    assert [(vehicle["vehicle_id"], vehicle["status"]) for vehicle in told] == [
        ("A", "MOVING"),
        ("B", "OFFLINE"),
    ]
    moving = client.get("/api/v1/fleet/fleet-north/vehicles?status=MOVING").json()
    assert (moving["total"], moving["data"][0]["speed_kmh"]) == (1, 42)
    assert client.get("/api/v1/fleet/fleet-south/vehicles").status_code == 403
