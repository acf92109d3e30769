"""Every route, method and role, walked against a table."""

import re

import pytest
from django.core.cache import cache
from django.db import transaction

from api_pattern.problems import CODES
from fleet_manager.tests.fence_table import API, BODIES, VALUES
from fleet_manager.tests.fence_views import PAGES
from fleet_manager.tests.routes import Route, all_routes
from fleet_manager.tests.world import ROLES, World, send

ROUTES = all_routes()
TABLE = {**API, **PAGES}


def expected(route: Route) -> dict[str, int]:
    codes = TABLE[str(route)].split()
    return dict(zip(ROLES, map(int, codes), strict=True))


def path_of(route: Route, world: World) -> str:
    """The route's path with the northern fleet's own things in it."""

    def value(found: re.Match[str]) -> str:
        upto = route.path[: found.end()]
        make = VALUES.get(upto) or VALUES.get(found[0])
        assert make, f"{upto} needs a value in fence_table.VALUES"
        return str(make(world))

    return re.sub(r"\{\w+\}", value, route.path)


def test_every_route_has_a_row_and_every_row_a_route():
    assert sorted(TABLE) == sorted(map(str, ROUTES))


@pytest.mark.django_db
@pytest.mark.parametrize("route", [route for route in ROUTES if str(route) in TABLE], ids=str)
def test_a_role_reaches_what_it_may_and_nothing_else(route):
    cache.clear()
    world = World.make()
    answers = {}
    for role in ROLES:
        body = BODIES.get(str(route), lambda _world: {})(world) if route.method != "GET" else None
        with transaction.atomic():
            client = world.client(role, pages=not route.is_api)
            answer = send(client, route.method, path_of(route, world), body)
            if answer.streaming and not answer.is_async:
                # Read to its end, it closes its file.
                assert list(answer.streaming_content)
            elif route.is_api:
                check_form(answer)
            transaction.set_rollback(True)
        answers[role] = answer.status_code
    assert answers == expected(route)


def check_form(answer):
    """Refusals have the one form, whoever asks for whatever."""
    if answer.status_code < 400:
        return
    told = answer.json()
    assert told.keys() - {"errors"} == {"detail", "status_code", "error"}
    assert told["status_code"] == answer.status_code
    assert told["error"] == CODES[answer.status_code]
    assert isinstance(told["detail"], str)
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"]


@pytest.mark.django_db
@pytest.mark.parametrize("route", [route for route in ROUTES if route.is_api], ids=str)
def test_a_path_works_with_and_without_its_slash(route):
    world = World.make()
    client = world.client("anonymous", pages=False)
    path = path_of(route, world)
    assert (
        send(client, route.method, path, {}).status_code
        == send(client, route.method, f"{path}/", {}).status_code
    )
