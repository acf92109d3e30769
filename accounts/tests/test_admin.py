"""People, fleets and keys in the admin."""

import re

import pytest
from django.contrib.messages import get_messages

from accounts import services
from accounts.models import ApiKey, Fleet, User
from accounts.tests.factories import PASSWORD
from accounts.tests.people import People, client_of
from accounts.tokens import person_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def browser(client, people):
    client.force_login(people.administrator)
    return client


MEMBERSHIPS = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}


def told(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_person_is_added_with_a_password(browser):
    body = {"email": "New@Example.org", "name": "N", "role": "MANAGER", "password": PASSWORD, "time_zone": "UTC",
            "units": "METRIC", **MEMBERSHIPS}  # fmt: skip
    answer = browser.post("/admin/accounts/user/add/", body)
    assert answer.status_code == 302
    assert services.check_credentials("new@example.org", PASSWORD).role == "MANAGER"


def test_a_weak_password_is_refused(browser):
    body = {
        "email": "new@example.org",
        "role": "MANAGER",
        "password": "123",
        "time_zone": "UTC",
        "units": "METRIC",
    }
    answer = browser.post("/admin/accounts/user/add/", {**body, **MEMBERSHIPS})
    assert answer.status_code == 200
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_new_role_or_password_ends_logins(browser, people):
    tokens = services.issue_tokens(people.operator)
    body = {
        "email": people.operator.email,
        "role": "MANAGER",
        "is_active": "on",
        "time_zone": "UTC",
        "units": "METRIC",
    }
    answer = browser.post(f"/admin/accounts/user/{people.operator.pk}/change/", {**body, **MEMBERSHIPS})
    assert answer.status_code == 302
    assert person_of(tokens.access_token) is None
    tokens = services.issue_tokens(User.objects.get(pk=people.operator.pk))
    passwords = {"password1": "An0ther-password", "password2": "An0ther-password"}
    answer = browser.post(f"/admin/accounts/user/{people.operator.pk}/password/", passwords)
    assert answer.status_code == 302
    assert person_of(tokens.access_token) is None


def test_the_last_administrator_cannot_be_deactivated_here_either(browser, people):
    body = {"action": "deactivate", "_selected_action": [people.administrator.pk]}
    answer = browser.post("/admin/accounts/user/", body)
    assert answer.status_code == 302
    assert "last active administrator" in told(answer)[0]
    assert User.objects.get(pk=people.administrator.pk).is_active


def test_a_fleet_is_hidden_restored_and_purged(browser, people):
    path = f"/admin/accounts/fleet/{people.south.pk}/delete/"
    assert browser.post(path, {"post": "yes"}).status_code == 302
    assert not Fleet.objects.filter(pk=people.south.pk).exists()
    for action, left in (("restore", 1), ("purge", 1)):
        browser.post("/admin/accounts/fleet/", {"action": action, "_selected_action": [people.south.pk]})
        assert Fleet.objects.filter(pk=people.south.pk).count() == left
    browser.post(path, {"post": "yes"})
    browser.post("/admin/accounts/fleet/", {"action": "purge", "_selected_action": [people.south.pk]})
    assert not Fleet.all_objects.filter(pk=people.south.pk).exists()


def test_a_keys_secret_is_shown_once(browser, people):
    body = {"name": "ERP", "fleets": [people.north.pk], "scopes": ["read"], "vehicle_id": ""}
    answer = browser.post("/admin/accounts/apikey/add/", body)
    assert answer.status_code == 302
    secret = re.search(r"fm_[\w-]+", told(answer)[0])[0]
    key = ApiKey.objects.get(name="ERP")
    assert key.created_by == people.administrator
    key.secret = secret
    assert client_of(key).get("/api/v1/fleet").status_code == 200
    path = f"/admin/accounts/apikey/{key.pk}/change/"
    assert secret in browser.get(path).content.decode()
    assert secret not in browser.get(path).content.decode()
    browser.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert client_of(key).get("/api/v1/fleet").status_code == 401
