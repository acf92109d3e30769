"""What goes wrong beyond the API's views: JSON below /api/, a page elsewhere."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory

from fleet_manager import errors


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/fleet/", "/api/v1/fleet/a/b/c"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_of_the_api_answers_json(path, method):
    answer = getattr(Client(), method)(path)
    assert answer.status_code == 404
    assert answer.json() == {
        "detail": f"There is nothing at {path}.",
        "status_code": 404,
        "error": "NOT_FOUND",
    }


@pytest.mark.django_db
def test_an_unknown_page_answers_a_page():
    answer = Client().get("/nothing/here")
    assert answer.status_code == 404
    assert "text/html" in answer["Content-Type"]
    assert "There is nothing at /nothing/here." in answer.content.decode()


def test_a_page_of_an_error_escapes_what_it_tells():
    answer = errors.page_not_found(RequestFactory().get("/<script>"), Exception())
    assert b"<script>" not in answer.content


@pytest.mark.parametrize(
    ("handler", "code", "name"),
    [
        (lambda request: errors.bad_request(request, ValueError()), 400, "BAD_REQUEST"),
        (lambda request: errors.permission_denied(request, ValueError()), 403, "FORBIDDEN"),
        (errors.server_error, 500, "INTERNAL_ERROR"),
        (errors.csrf_failure, 403, "FORBIDDEN"),
    ],
)
def test_every_handler_speaks_json_to_the_api_and_html_to_people(handler, code, name):
    answer = handler(RequestFactory().get("/api/v1/x"))
    assert answer.status_code == code
    assert f'"error": "{name}"'.encode() in answer.content
    page = handler(RequestFactory().get("/x"))
    assert page.status_code == code
    assert b"<!doctype html>" in page.content
    assert b"<script" not in page.content
    assert b"style=" not in page.content


def test_a_failing_view_answers_500_without_telling_why(monkeypatch):
    monkeypatch.setattr("fleet_manager.api_pages.description", lambda: 1 / 0)
    answer = Client(raise_request_exception=False).get("/api/schema")
    assert answer.status_code == 500
    assert answer.json()["error"] == "INTERNAL_ERROR"
    assert "division" not in answer.content.decode()


def test_a_server_that_does_not_answer_is_told_as_such(monkeypatch):
    def broken() -> None:
        raise OperationalError("connection refused by 10.1.2.3")

    monkeypatch.setattr("fleet_manager.api_pages.description", broken)
    answer = Client(raise_request_exception=False).get("/api/schema")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "10.1.2.3" not in answer.content.decode()


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (ValidationError({"vin": ["wrong"]}), 422),
        (ValidationError("wrong"), 422),
        (DataError("out of range"), 422),
        (OperationalError("gone"), 503),
    ],
)
def test_expected_exceptions_have_a_status(exception, code):
    assert errors.problem_of(exception).code == code


@pytest.mark.parametrize("exception", [ZeroDivisionError(), IntegrityError("of an unknown kind")])
def test_what_nobody_expected_is_not_hidden(exception):
    assert errors.problem_of(exception) is None


def test_a_page_tells_what_the_view_did_not_find():
    answer = errors.page_not_found(RequestFactory().get("/customers/7"), Http404("Customer 7 not found"))
    assert "Customer 7 not found" in answer.content.decode()
