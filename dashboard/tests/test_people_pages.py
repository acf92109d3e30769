"""People, fleets and keys in pages: for administrators alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, Fleet, User
from accounts.tests.factories import PASSWORD, ApiKeyFactory, FleetFactory, UserFactory
from accounts.tests.people import People
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
LISTS = ("/people", "/fleets", "/keys")
PERSON = {
    "email": "new@example.org",
    "role": "OPERATOR",
    "time_zone": "UTC",
    "units": "METRIC",
    "is_active": "on",
}
FLEET = {"fleet_id": "fleet-west", "fleet_name": "West", "time_zone": "Europe/Berlin", "date_order": "DMY"}


@pytest.fixture
def people():
    return People.make()


@pytest.fixture
def page(client, people):
    client.force_login(people.administrator)
    return client


@pytest.mark.parametrize("path", [*LISTS, "/people/new", "/new-fleet", "/keys/new"])
def test_only_administrators_open_them(client, people, path):
    assert client.get(path).url.startswith("/login")
    client.force_login(people.manager)
    assert client.get(path).status_code == 403
    client.force_login(people.administrator)
    assert client.get(path).status_code == 200


def test_a_person_is_added_with_fleets_and_can_log_in(page, people):
    answer = page.post("/people/new", {**PERSON, "fleets": [people.north.pk], "password": PASSWORD})
    assert answer.url == "/people"
    made = User.objects.get(email="new@example.org")
    assert made.check_password(PASSWORD)
    assert made.fleet_pks == {people.north.pk}
    assert "new@example.org" in page.get("/people").content.decode()


def test_a_weak_password_is_told_at_its_field_and_nothing_typed_is_lost(page):
    answer = page.post("/people/new", {**PERSON, "name": "Nora", "password": "12345678"})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"password"}
    assert 'value="Nora"' in answer.content.decode()
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_change_of_role_ends_the_persons_sessions(page, client, people):
    operator = people.operator
    other = type(client)()
    other.force_login(operator)
    page.post(f"/people/{operator.pk}", {**PERSON, "email": operator.email, "role": "MANAGER"})
    operator.refresh_from_db()
    assert operator.role == "MANAGER"
    assert other.get("/").url.startswith("/login")


def test_the_last_administrator_stays(page, people):
    administrator = people.administrator
    answer = page.post(f"/people/{administrator.pk}", {**PERSON, "email": administrator.email})
    assert answer.status_code == 422
    assert "last active administrator" in answer.content.decode()
    administrator.refresh_from_db()
    assert administrator.role == "ADMINISTRATOR"


def test_a_person_is_deleted(page, people):
    operator = people.operator
    page.post(f"/people/{operator.pk}/delete")
    assert not User.objects.filter(pk=operator.pk).exists()


def test_a_fleet_is_added_changed_and_deleted(page):
    page.post("/new-fleet", FLEET)
    fleet = Fleet.objects.get(fleet_id="fleet-west")
    page.post(f"/fleets/{fleet.fleet_id}", {**FLEET, "fleet_name": "Far West"})
    fleet.refresh_from_db()
    assert fleet.fleet_name == "Far West"
    page.post(f"/fleets/{fleet.fleet_id}/delete")
    assert not Fleet.objects.filter(pk=fleet.pk).exists()


def test_a_fleets_id_that_is_taken_is_told(page, people):
    answer = page.post("/new-fleet", {**FLEET, "fleet_id": people.north.fleet_id})
    assert answer.status_code == 422
    assert "exists already" in answer.content.decode()


def test_a_fleet_with_vehicles_stays_and_says_so(page, people):
    VehicleFactory(fleet=people.north)
    answer = page.post(f"/fleets/{people.north.fleet_id}/delete", follow=True)
    assert "still has 1 vehicle" in answer.content.decode()
    assert Fleet.objects.filter(pk=people.north.pk).exists()


def test_a_keys_secret_is_shown_once_and_opens_the_api(page, people, client):
    answer = page.post("/keys/new", {"name": "depot", "scopes": ["read"], "fleets": [people.north.pk]})
    secret = answer.context["secret"]
    assert answer.content.decode().count(secret) == 2
    assert "no-store" in answer["Cache-Control"]
    assert secret not in page.get("/keys").content.decode()
    key = {"HTTP_AUTHORIZATION": f"Api-Key {secret}"}
    assert type(client)().get("/api/v1/auth/me", **key).status_code == 200
    page.post(f"/keys/{ApiKey.objects.get().pk}/revoke")
    assert type(client)().get("/api/v1/auth/me", **key).status_code == 401


def test_a_key_that_would_see_nothing_is_refused(page):
    answer = page.post("/keys/new", {"name": "depot", "scopes": ["read"]})
    assert answer.status_code == 422
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(page, people, path):
    def counted():
        with CaptureQueriesContext(connection) as queries:
            assert page.get(path).status_code == 200
        return len(queries)

    UserFactory(fleets=[people.north])
    ApiKeyFactory(fleets=[people.north])
    few = counted()
    for _number in range(10):
        fleet = FleetFactory()
        UserFactory(fleets=[fleet, people.north])
        ApiKeyFactory(fleets=[fleet])
        VehicleFactory(fleet=fleet)
    assert counted() == few
