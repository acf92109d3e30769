"""The list of vehicles under a person's hands: filters, ticks, suggestions, questions."""

import re

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import FleetFactory, UserFactory
from customer_management.tests.factories import CustomerFactory
from vehicle_management.models import Vehicle
from vehicle_management.tests.factories import VehicleFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def fleet(server):
    fleet = FleetFactory(fleet_name="Harbour")
    VehicleFactory.create_batch(3, fleet=fleet)
    VehicleFactory(fleet=fleet, vehicle_id="truck", make="Volvo")
    return fleet


@pytest.fixture
def tab(logged_in, fleet):
    return logged_in(UserFactory(role="ADMINISTRATOR"))


def rows(tab):
    return tab.get_by_test_id("vehicle-list-item")


def test_typing_narrows_the_list_and_the_address_can_be_shared(tab):
    tab.goto("/vehicles")
    expect(tab.get_by_test_id("vehicle-count")).to_have_text("4")
    tab.locator("#filters input[name=search]").fill("volvo")
    expect(rows(tab)).to_have_count(1)
    expect(tab).to_have_url(re.compile(r"search=volvo"))
    tab.reload()
    expect(rows(tab)).to_have_count(1)


def test_a_heading_sorts_and_sorts_back(tab):
    tab.goto("/vehicles")
    tab.get_by_role("link", name="Vehicle", exact=True).click()
    expect(rows(tab).first).to_contain_text("truck")
    expect(tab).to_have_url(re.compile(r"ordering=-vehicle_id"))


def test_ticked_vehicles_get_a_customer_that_was_found_by_typing(tab):
    customer = CustomerFactory(name="Elbe Fresh Foods")
    tab.goto("/vehicles")
    bar = tab.get_by_test_id("bulk-bar")
    expect(bar).to_be_hidden()
    rows(tab).nth(0).locator("[data-tick]").check()
    rows(tab).nth(1).locator("[data-tick]").check()
    expect(bar).to_contain_text("2")
    bar.locator("input[name=customer]").press_sequentially("elbe")
    tab.get_by_role("option", name="Elbe Fresh Foods").click()
    bar.get_by_role("button", name="Attach").click()
    expect(tab.locator("#toasts")).to_contain_text("2 vehicles now have the customer Elbe Fresh Foods")
    assert Vehicle.objects.filter(customer=customer).count() == 2


def test_deleting_asks_by_name_and_escape_changes_nothing(tab):
    tab.goto("/vehicles/truck/edit")
    tab.get_by_role("button", name="Delete this vehicle").click()
    expect(tab.get_by_role("dialog")).to_contain_text("truck")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    assert Vehicle.objects.filter(vehicle_id="truck").exists()
    tab.get_by_role("button", name="Delete this vehicle").click()
    tab.get_by_test_id("confirm-dialog-btn").click()
    expect(tab).to_have_url(re.compile(r"/vehicles$"))
    assert not Vehicle.objects.filter(vehicle_id="truck").exists()


def test_the_search_finds_while_one_types(tab):
    tab.goto("/")
    tab.keyboard.press("/")
    tab.keyboard.type("volvo")
    tab.get_by_role("link", name=re.compile("truck")).first.click()
    expect(tab.get_by_test_id("vehicle-detail-panel")).to_contain_text("truck")
