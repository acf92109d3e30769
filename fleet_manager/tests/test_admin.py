"""The admin: administrators alone, every page opens, lists take the same queries however long they are."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fleet_manager.tests.test_query_counts import (
    add_alert,
    add_change,
    add_customer,
    add_fleet,
    add_key,
    add_membership,
    add_rule,
    add_rule_version,
    add_task,
    add_trip,
    add_upload,
    add_user,
    add_vehicle,
)
from fleet_manager.tests.world import World

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
FILLERS = {
    "accounts.User": add_user,
    "accounts.Fleet": add_fleet,
    "accounts.Membership": add_membership,
    "accounts.ApiKey": add_key,
    "customer_management.Customer": add_customer,
    "vehicle_management.Vehicle": add_vehicle,
    "vehicle_management.VehicleChange": add_change,
    "task_management.Task": add_task,
    "alerts.Alert": add_alert,
    "rules.Rule": add_rule,
    "rules.RuleVersion": add_rule_version,
    "file_manager.Upload": add_upload,
    "telemetry.Trip": add_trip,
}


@pytest.fixture
def world() -> World:
    return World.make()


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("role", ["anonymous", "operator", "manager", "stranger"])
def test_only_administrators_enter(world, role):
    client = world.client(role, pages=True)
    for path in ("/admin/", *(page(model, "changelist") for model in MODELS)):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_of_a_model_opens_for_an_administrator(world, model):
    client = world.client("administrator", pages=True)
    assert client.get(page(model, "changelist")).status_code == 200
    assert client.get(page(model, "changelist"), {"q": "north"}).status_code in (200, 302)
    assert client.get(page(model, "add")).status_code in (200, 403)
    row = model._base_manager.order_by("pk").first()
    if row is not None:
        assert client.get(page(model, "change", row.pk)).status_code == 200
        assert client.get(page(model, "history", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [model for model in MODELS if model._meta.label in FILLERS], ids=str)
def test_a_list_takes_the_same_queries_however_long_it_is(world, model):
    client = world.client("administrator", pages=True)
    fill = FILLERS[model._meta.label]
    counts = []
    for numbers in (range(2), range(2, 20)):
        for number in numbers:
            fill(world, number)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page(model, "changelist")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_no_page_needs_an_inline_script_or_style(world):
    text = world.client("administrator", pages=True).get("/admin/").content.decode()
    assert "style=" not in text
