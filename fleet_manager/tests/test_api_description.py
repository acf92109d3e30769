"""What the API says of itself, and what docs/api.md says of it."""

import re

import pytest
from django.test import Client

from api_pattern.problems import CODES
from fleet_manager.api_pages import description
from fleet_manager.env import CHECKOUT
from fleet_manager.tests.routes import all_routes

API_PATHS = sorted({route.path.removeprefix("/api/v1/") for route in all_routes() if route.is_api})
OPERATIONS = [
    (path, method, operation)
    for path, methods in description()["paths"].items()
    for method, operation in methods.items()
]


def test_every_path_has_its_place_in_the_documentation():
    text = (CHECKOUT / "docs" / "api.md").read_text()
    told = {
        name
        for line in re.findall(r"^### (.*)$", text, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", line)
    }
    assert {re.sub(r"\{\w+\}", "{}", path) for path in API_PATHS} == {
        re.sub(r"\{\w+\}", "{}", path) for path in told
    }


def test_every_status_has_its_row_in_the_documentation():
    text = (CHECKOUT / "docs" / "api.md").read_text()
    for code, name in CODES.items():
        assert re.search(rf"^\| {code} \| `{name}` \|", text, re.MULTILINE)


def test_every_route_is_described():
    described = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, method, _operation in OPERATIONS}
    routed = {(route.method, re.sub(r"\{\w+\}", "{}", route.path)) for route in all_routes() if route.is_api}
    assert described == routed


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_operation_tells_its_errors_in_the_one_form(path, method, operation):
    problems = {code: answer for code, answer in operation["responses"].items() if int(code) >= 400}
    assert {"401", "403", "406", "422", "429", "503"} <= problems.keys()
    for answer in problems.values():
        schema = answer["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
    assert operation.get("summary") or operation.get("description")


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _path, _method, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert not [one for one in ids if re.search(r"_\d+$", one)]


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/", "/api/redoc", "/api/redoc/"])
def test_the_pages_bring_their_own_scripts_and_no_inline_ones(path):
    answer = Client().get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not re.findall(r"<script(?![^>]*src=)", text)
    assert not re.findall(r"(?:src|href)=\"https?:", text)
    policy = answer["Content-Security-Policy"]
    assert "'unsafe-eval'" not in policy
    assert "script-src 'self'" in policy
    assert ("'unsafe-inline'" in policy) == ("redoc" in path)


def test_the_description_is_served_as_json():
    answer = Client().get("/api/schema")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")
