"""Logging in, keeping logged in and logging out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import RefreshToken, User
from accounts.tests.factories import PASSWORD, ApiKeyFactory, UserFactory
from accounts.tests.people import People, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_counted_attempts() -> None:
    cache.clear()


@pytest.fixture
def people() -> People:
    return People.make()


def log_in(email: str, password: str = PASSWORD, **headers):
    return APIClient().post("/api/v1/auth/login", {"email": email, "password": password}, **headers)


def refresh(token: str):
    return APIClient().post("/api/v1/auth/refresh", {"refresh_token": token})


def me(access_token: str):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token}")
    return client.get("/api/v1/auth/me")


def test_login_answers_the_tokens_and_who_one_is(people):
    answer = log_in(" Operator@Example.org " if people.operator else "")
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == {"access_token", "refresh_token", "token_type", "expires_in", "operator"}
    assert told["token_type"] == "bearer"
    assert told["expires_in"] == 900
    assert told["operator"] == {
        "id": people.operator.pk,
        "email": "operator@example.org",
        "role": "OPERATOR",
        "fleet_ids": ["fleet-north"],
    }
    assert me(told["access_token"]).json()["email"] == "operator@example.org"


def test_an_administrators_fleet_ids_name_all_fleets(people):
    assert people.administrator
    assert log_in("administrator@example.org").json()["operator"]["fleet_ids"] == [
        "fleet-north",
        "fleet-south",
    ]


@pytest.mark.parametrize(
    ("email", "password"), [("operator@example.org", "wrong"), ("nobody@example.org", PASSWORD)]
)
def test_wrong_credentials_are_refused_alike(people, email, password):
    assert people.operator
    answer = log_in(email, password)
    assert answer.status_code == 401
    assert answer.json() == {
        "detail": "E-mail or password is wrong.",
        "status_code": 401,
        "error": "UNAUTHORIZED",
    }
    assert "WWW-Authenticate" in answer


def test_an_inactive_person_cannot_log_in(people):
    UserFactory(email="gone@example.org", is_active=False)
    assert log_in("gone@example.org").status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"email": "a@b.c"}, {"email": 3, "password": None}, {"email": "a", "password": "b", "x": 1}]
)
def test_an_incomplete_login_tells_the_fields(body):
    answer = APIClient().post("/api/v1/auth/login", body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_attempts_are_counted_and_then_refused_for_a_while(people, settings):
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 3
    assert people.operator
    codes = [log_in("operator@example.org", "wrong").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    refused = log_in("operator@example.org")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert refused.json()["error"] == "TOO_MANY_REQUESTS"
    assert log_in("manager@example.org" if people.manager else "").status_code == 200


def test_a_right_password_starts_the_count_anew(people, settings):
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 3
    assert people.operator
    codes = []
    for _ in range(3):
        codes += [
            log_in("operator@example.org", "wrong").status_code,
            log_in("operator@example.org").status_code,
        ]
    assert codes == [401, 200] * 3


@pytest.mark.django_db(transaction=True)
def test_attempts_that_come_at_once_are_all_counted(settings):
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 5
    UserFactory(email="busy@example.org")

    def attempt(_number: int) -> int:
        try:
            return log_in("busy@example.org", "wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(attempt, range(16)))
    assert codes.count(401) == 5
    assert codes.count(429) == 11


def test_a_refresh_token_serves_once_and_its_reuse_ends_the_login(people):
    first = services.issue_tokens(people.operator)
    second = refresh(first.refresh_token)
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first.refresh_token
    assert refresh(first.refresh_token).status_code == 401
    assert refresh(second.json()["refresh_token"]).status_code == 401
    assert me(second.json()["access_token"]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_many_refreshes_at_once_exactly_one_succeeds():
    user = UserFactory()
    for _ in range(5):
        token = services.issue_tokens(user).refresh_token

        def attempt(_number: int, token: str = token) -> tuple[int, str]:
            try:
                answer = refresh(token)
                return answer.status_code, answer.json().get("refresh_token", "")
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(attempt, range(4)))
        assert sorted(code for code, _token in answers) == [200, 401, 401, 401]


@pytest.mark.parametrize("token", ["", "x", "a.b", "0" * 32 + ".secret", "\u0000", "é" * 40])
def test_a_refresh_token_that_never_was_is_refused(token):
    assert refresh(token).status_code in (401, 422)


def test_an_expired_refresh_token_is_refused(people):
    tokens = services.issue_tokens(people.operator)
    RefreshToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refresh(tokens.refresh_token).status_code == 401


def test_a_deleted_persons_tokens_are_refused(people):
    tokens = services.issue_tokens(people.operator)
    services.delete_person(people.operator)
    assert refresh(tokens.refresh_token).status_code == 401
    assert me(tokens.access_token).status_code == 401


def test_logout_ends_the_login_and_no_other(people):
    here, elsewhere = services.issue_tokens(people.operator), services.issue_tokens(people.operator)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {here.access_token}")
    answer = client.post("/api/v1/auth/logout", {"refresh_token": here.refresh_token})
    assert answer.status_code == 204
    assert answer.content == b""
    assert me(here.access_token).status_code == 401
    assert refresh(here.refresh_token).status_code == 401
    assert me(elsewhere.access_token).status_code == 200


def test_one_cannot_log_out_another(people):
    tokens = services.issue_tokens(people.operator)
    assert (
        people.client("stranger")
        .post("/api/v1/auth/logout", {"refresh_token": tokens.refresh_token})
        .status_code
        == 204
    )
    assert me(tokens.access_token).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda user: services.change_password(user, password="An0ther-password"),
        lambda user: services.set_role(user, role="MANAGER"),
        lambda user: services.update_person(user, {"is_active": False}),
        lambda user: User.objects.filter(pk=user.pk).update(password="!changed by hand"),
    ],
)
def test_a_change_of_password_role_or_activity_ends_tokens_and_sessions_at_once(people, client, change):
    tokens = services.issue_tokens(people.operator)
    client.force_login(people.operator)
    assert client.get("/api/v1/auth/me").status_code == 200
    change(people.operator)
    assert me(tokens.access_token).status_code == 401
    assert refresh(tokens.refresh_token).status_code == 401
    assert client.get("/api/v1/auth/me").status_code == 401


def test_a_change_of_fleets_is_seen_at_once_and_ends_nothing(people):
    tokens = services.issue_tokens(people.operator)
    services.add_membership(people.operator, fleet=people.south)
    assert me(tokens.access_token).json()["fleet_ids"] == ["fleet-north", "fleet-south"]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer x", "Bearer a b", "Bearer é", "Api-Key", "Api-Key nope", "Basic eDp4", "x" * 9000],
)
def test_what_is_no_credential_is_refused(header):
    answer = APIClient().get("/api/v1/auth/me", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer.json()["error"] == "UNAUTHORIZED"


def test_a_key_tells_what_it_is(people):
    told = people.client("write_key").get("/api/v1/auth/me").json()
    assert told["kind"] == "api_key"
    assert told["role"] == "MANAGER"
    assert told["fleet_ids"] == ["fleet-north"]
    assert told["scopes"] == ["read", "write"]


def test_a_revoked_or_expired_key_is_dead_at_once(people):
    key = people.read_key
    client = client_of(key)
    assert client.get("/api/v1/fleet").status_code == 200
    services.revoke_key(key)
    assert client.get("/api/v1/fleet").status_code == 401
    expired = ApiKeyFactory(expires_at=timezone.now(), fleets=[people.north])
    assert client_of(expired).get("/api/v1/fleet").status_code == 401


def test_a_browsers_session_needs_its_csrf_token_to_write(people):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(people.administrator)
    assert client.get("/api/v1/fleet").status_code == 200
    answer = client.post("/api/v1/fleet", {"fleet_id": "a", "fleet_name": "A"})
    assert answer.status_code == 403
    assert answer.json()["error"] == "FORBIDDEN"
