"""People, memberships and keys: administrators alone."""

import pytest

from accounts import services
from accounts.exceptions import LastAdministrator
from accounts.models import ApiKey, Membership, User
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.people import People, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def admin(people):
    return people.client("administrator")


def create(admin, **values):
    body = {"email": "new@example.org", "name": "New", "role": "MANAGER", "password": PASSWORD, **values}
    return admin.post("/api/v1/users", body)


def test_a_person_is_created_with_fleets_and_can_log_in(admin, people):
    answer = create(admin, email="New@Example.org", fleet_ids=["fleet-north"])
    assert answer.status_code == 201
    told = answer.json()
    assert told["email"] == "new@example.org"
    assert told["fleet_ids"] == ["fleet-north"]
    assert "password" not in told
    assert services.check_credentials("new@example.org", PASSWORD).pk == told["id"]


def test_a_second_person_with_the_same_e_mail_is_a_conflict(admin):
    assert create(admin).status_code == 201
    answer = create(admin, email="NEW@example.org")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "A person with this e-mail exists already.",
        "status_code": 409,
        "error": "CONFLICT",
        "errors": {"email": ["A person with this e-mail exists already."]},
    }


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "no mail"}, "email"),
        ({"role": "KING"}, "role"),
        ({"password": "12345"}, "password"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "America"}, "time_zone"),
        ({"fleet_ids": ["nowhere"]}, "fleet_ids[0]"),
        ({"fleet_ids": "fleet-north"}, "fleet_ids"),
        ({"shoe_size": 43}, "shoe_size"),
        ({"id": 7}, "id"),
        ({"name": "a\u0000b"}, "body"),
    ],
)
def test_a_wrong_value_is_told_at_its_field(admin, values, field):
    answer = create(admin, **values)
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"] == "UNPROCESSABLE"
    assert field in told.get("errors", {"body": []})


def test_what_get_told_can_be_put_back(admin, people):
    told = admin.get(f"/api/v1/users/{people.manager.pk}").json()
    answer = admin.put(f"/api/v1/users/{people.manager.pk}", {**told, "name": "Renamed"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "Renamed"
    assert answer.json()["fleet_ids"] == ["fleet-north"]


def test_a_read_only_field_with_another_value_is_refused(admin, people):
    answer = admin.patch(f"/api/v1/users/{people.manager.pk}", {"created_at": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"created_at": ["“created_at” is read-only; leave it out."]}


def test_a_write_with_an_outdated_tag_is_refused(admin, people):
    path = f"/api/v1/users/{people.manager.pk}"
    tag = admin.get(path)["ETag"]
    first = admin.patch(path, {"name": "A"}, headers={"If-Match": tag})
    assert first.status_code == 200
    second = admin.patch(path, {"name": "B"}, headers={"If-Match": tag})
    assert second.status_code == 412
    assert second.json()["error"] == "PRECONDITION_FAILED"
    assert admin.patch(path, {"name": "B"}, headers={"If-Match": first["ETag"]}).status_code == 200
    assert admin.delete(path, headers={"If-Match": tag}).status_code == 412


def test_fleets_are_given_and_taken_by_a_patch(admin, people):
    path = f"/api/v1/users/{people.operator.pk}"
    assert admin.patch(path, {"fleet_ids": ["fleet-south"]}).json()["fleet_ids"] == ["fleet-south"]
    assert people.client("operator").get("/api/v1/fleet").json()["data"][0]["fleet_id"] == "fleet-south"


def test_the_last_active_administrator_stays(admin, people):
    path = f"/api/v1/users/{people.administrator.pk}"
    for answer in (
        admin.patch(path, {"role": "OPERATOR"}),
        admin.patch(path, {"is_active": False}),
        admin.delete(path),
    ):
        assert answer.status_code == 409
        assert "last active administrator" in answer.json()["detail"]
    UserFactory(role="ADMINISTRATOR")
    assert admin.delete(path).status_code == 204


def test_an_inactive_administrator_does_not_count(people):
    UserFactory(role="ADMINISTRATOR", is_active=False)
    with pytest.raises(LastAdministrator):
        services.delete_person(people.administrator)


def test_a_deleted_person_is_gone(admin, people):
    path = f"/api/v1/users/{people.operator.pk}"
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    assert not User.objects.filter(email="operator@example.org").exists()


def test_people_are_found_by_role_fleet_and_words(admin, people):
    assert people.manager
    assert people.operator
    assert people.stranger
    found = admin.get("/api/v1/users?role=MANAGER&ordering=-email").json()
    assert [one["email"] for one in found["data"]] == ["stranger@example.org", "manager@example.org"]
    assert admin.get("/api/v1/users?fleet_id=fleet-south").json()["total"] == 1
    assert admin.get("/api/v1/users?search=oper").json()["total"] == 1


def test_a_membership_is_made_moved_and_removed(admin, people):
    body = {"user_id": people.operator.pk, "fleet_id": "fleet-south"}
    made = admin.post("/api/v1/memberships", body)
    assert made.status_code == 201
    assert made.json().items() >= body.items()
    assert admin.post("/api/v1/memberships", body).status_code == 409
    path = f"/api/v1/memberships/{made.json()['id']}"
    moved = admin.patch(path, {"user_id": people.stranger.pk, "fleet_id": "fleet-north"})
    assert moved.json()["user_id"] == people.stranger.pk
    assert admin.delete(path).status_code == 204
    assert not Membership.objects.filter(user=people.stranger, fleet=people.north).exists()


def test_a_keys_secret_is_told_once_and_works(admin, people):
    body = {"name": "ERP", "fleets": ["fleet-north"], "vehicle_id": None, "scopes": ["write", "read"]}
    made = admin.post("/api/v1/api-keys", body)
    assert made.status_code == 201
    secret = made.json()["key"]
    path = f"/api/v1/api-keys/{made.json()['id']}"
    told = admin.get(path).json()
    assert "key" not in told
    assert told["scopes"] == ["read", "write"]
    assert told["expires_at"] is None
    assert ApiKey.objects.get().secret_sha256 != secret
    key = ApiKey.objects.get()
    key.secret = secret
    assert client_of(key).get("/api/v1/fleet").json()["total"] == 1
    assert admin.patch(path, {"fleets": ["fleet-north", "fleet-south"]}).status_code == 200
    assert client_of(key).get("/api/v1/fleet").json()["total"] == 2
    assert admin.delete(path).status_code == 204
    assert client_of(key).get("/api/v1/fleet").status_code == 401
    assert admin.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a", "scopes": ["read"]}, "fleets"),
        ({"name": "a", "scopes": [], "fleets": ["fleet-north"]}, "scopes"),
        ({"name": "a", "scopes": ["rule"], "fleets": ["fleet-north"]}, "scopes[0]"),
        (
            {"name": "a", "scopes": ["read"], "fleets": ["fleet-north"], "expires_at": "2026-12-01T00:00:00"},
            "expires_at",
        ),
        ({"name": "a", "scopes": ["read"], "vehicle_id": "a/b"}, "vehicle_id"),
        ({"name": "a", "scopes": ["read"], "fleets": ["fleet-north"], "key": "mine"}, "key"),
    ],
)
def test_a_wrong_key_is_told_at_its_field(admin, body, field):
    answer = admin.post("/api/v1/api-keys", body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_a_read_key_only_reads_and_an_ingest_key_does_not_even_that(people):
    assert people.client("read_key").get("/api/v1/fleet").status_code == 200
    assert people.client("ingest_key").get("/api/v1/fleet").status_code == 403
