"""A line of the log names the request or task, and who acts, and costs no query."""

import io
import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from fleet_manager.logging import (
    RequestLogMiddleware,
    bind_task,
    logging_config,
    send_ids_along,
    unbind_task,
)

PERSON = SimpleNamespace(pk=7, is_authenticated=True, key=None)
DEVICE = SimpleNamespace(pk=None, is_authenticated=True, key=SimpleNamespace(pk=3))


@pytest.fixture
def lines() -> Any:
    """What a JSON log says of everything that is logged meanwhile."""
    stream = io.StringIO()
    formatter = dict(logging_config(level="INFO", form="json", coloured=False)["formatters"]["line"])
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter.pop("()")(**formatter))
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


def answer(user: Any, **headers: str) -> tuple[HttpRequest, HttpResponse]:
    request = RequestFactory().get("/vehicles", headers=headers)

    def view(request: HttpRequest) -> HttpResponse:
        request.user = user
        logging.getLogger("rules").info("A rule fired.")
        return HttpResponse()

    return request, RequestLogMiddleware(view)(request)


def test_each_line_of_a_request_has_its_id_and_the_user(lines):
    _, response = answer(PERSON)

    said, summary = lines()
    assert said["request_id"] == summary["request_id"] == response["X-Request-ID"]
    assert said["user"] == summary["user"] == "user:7"
    assert summary["event"] == "GET /vehicles 200"
    assert summary["status"] == 200


@pytest.mark.parametrize(("user", "name"), [(DEVICE, "key:3"), (AnonymousUser(), "anonymous")])
def test_a_key_and_a_stranger_are_named_too(lines, user, name):
    answer(user)

    assert lines()[0]["user"] == name


def test_two_requests_have_two_ids():
    assert answer(PERSON)[1]["X-Request-ID"] != answer(PERSON)[1]["X-Request-ID"]


def test_an_id_that_a_proxy_gave_is_kept():
    assert answer(PERSON, **{"X-Request-ID": "abcdef-123456"})[1]["X-Request-ID"] == "abcdef-123456"


@pytest.mark.parametrize("given", ["short", "x" * 65, 'with"quote-1234', "with space 1234"])
def test_an_id_that_does_not_look_like_one_is_replaced(given):
    assert answer(PERSON, **{"X-Request-ID": given})[1]["X-Request-ID"] != given


def test_the_query_of_an_address_is_not_logged(lines):
    request = RequestFactory().get("/vehicles?token=secret")
    RequestLogMiddleware(lambda request: HttpResponse())(request)

    assert "secret" not in json.dumps(lines())


def test_a_line_of_a_task_has_its_id_and_who_asked_for_it(lines):
    headers: dict[str, Any] = {}

    def view(request: HttpRequest) -> HttpResponse:
        request.user = PERSON
        send_ids_along(headers=headers)
        return HttpResponse()

    response = RequestLogMiddleware(view)(RequestFactory().post("/files"))
    task = SimpleNamespace(name="file_manager.tasks.work_uploads", request=SimpleNamespace(headers=headers))
    bind_task(task_id="t-1", task=task)
    logging.getLogger("file_manager").info("Read.")
    unbind_task()
    logging.getLogger("file_manager").info("Idle.")

    *_, read, idle = lines()
    assert read["task_id"] == "t-1"
    assert read["request_id"] == response["X-Request-ID"]
    assert read["user"] == "user:7"
    assert "task_id" not in idle
    assert "user" not in idle


def test_a_crash_is_told_with_its_way_there(lines):
    try:
        raise ValueError("of a test")
    except ValueError:
        logging.getLogger("rules").exception("It failed.")

    assert "ValueError: of a test" in lines()[0]["exception"]


def test_a_line_for_people_is_readable():
    formatter = dict(logging_config(level="INFO", form="text", coloured=False)["formatters"]["line"])
    record = logging.LogRecord("rules", logging.INFO, __file__, 1, "A rule fired.", None, None)

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        line = formatter.pop("()")(**formatter).format(record)

    assert "A rule fired." in line
    assert "request_id=r-1" in line
    assert not line.startswith("{")
