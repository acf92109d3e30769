"""The frame, driven as a person does: logging in, light and dark, the keyboard, a phone."""

import re

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import PASSWORD, FleetFactory, UserFactory
from dashboard.tests.conftest import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def manager(server):
    return UserFactory(email="manager@example.org", role="MANAGER", fleets=[FleetFactory()])


def theme_of(tab):
    return tab.evaluate("document.documentElement.getAttribute('data-bs-theme')")


def test_a_person_logs_in_and_lands_where_they_wanted_to_go(tab, manager):
    tab.goto("/vehicles?make=Ford")
    expect(tab).to_have_url(re.compile(r"/login\?next="))
    form = tab.get_by_test_id("login-form")
    form.locator("input[name=email]").fill(manager.email)
    form.locator("input[name=password]").fill(PASSWORD)
    form.locator("button[type=submit]").click()
    expect(tab).to_have_url(re.compile(r"/vehicles\?make=Ford$"))


def test_a_wrong_password_is_told_and_the_email_stays(tab, manager):
    tab.expected_errors.append("the server responded with a status of 4")
    tab.goto("/login")
    form = tab.get_by_test_id("login-form")
    form.locator("input[name=email]").fill(manager.email)
    form.locator("input[name=password]").fill("wrong")
    form.locator("button[type=submit]").click()
    expect(tab.get_by_role("alert")).to_contain_text("E-mail or password is wrong.")
    expect(tab.locator("input[name=email]")).to_have_value(manager.email)


def test_dark_follows_the_system_until_the_switch_says_otherwise(tab, logged_in, manager):
    logged_in(manager)
    tab.emulate_media(color_scheme="dark")
    tab.goto("/")
    assert theme_of(tab) == "dark"
    tab.locator("[data-theme-switch]").first.click()
    assert theme_of(tab) == "light"
    tab.reload()
    assert theme_of(tab) == "light"


def test_a_slash_goes_to_the_search(tab, logged_in, manager):
    logged_in(manager)
    tab.goto("/")
    tab.keyboard.press("/")
    expect(tab.locator("input[type=search]").first).to_be_focused()


def test_a_phone_shows_the_menu_on_demand_and_never_scrolls_sideways(tab, logged_in, manager):
    logged_in(manager)
    tab.set_viewport_size(PHONE)
    for path in ("/", "/vehicles", "/customers", "/profile"):
        tab.goto(path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    link = tab.get_by_test_id("nav-files")
    expect(link).to_be_hidden()
    tab.locator("[data-side-open]").click()
    expect(link).to_be_visible()


def test_what_a_role_may_not_use_is_not_shown(tab, logged_in, manager):
    logged_in(manager)
    tab.goto("/")
    expect(tab.get_by_test_id("nav-files")).to_have_count(1)
    expect(tab.get_by_test_id("nav-people")).to_have_count(0)
