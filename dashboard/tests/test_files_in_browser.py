"""Files under a person's hands: dropped, followed, mapped."""

import re

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import FleetFactory, UserFactory
from file_manager.models import Upload
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in
from vehicle_management.models import Vehicle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLEET = b"vehicle_id,make,model_year\nA-1,Ford,2020\nA-2,Volvo,never\n"


@pytest.fixture
def fleet(server):
    return FleetFactory(fleet_id="harbour", fleet_name="Harbour")


@pytest.fixture
def tab(logged_in, fleet):
    return logged_in(UserFactory(role="MANAGER", fleets=[fleet]))


def csv(name, content):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def choose(tab, *files):
    tab.get_by_test_id("drop-zone").locator("input").set_input_files(list(files))


def test_a_chosen_file_is_followed_until_it_is_applied(tab, fleet):
    tab.goto("/files")
    choose(tab, csv("fleet.csv", FLEET))
    tab.wait_for_url(re.compile(r"/files/\d+$"))
    work_uploads()
    expect(tab.get_by_test_id("upload-status")).to_have_text("APPLIED")
    expect(tab.get_by_test_id("upload-counts")).to_contain_text("1 created", use_inner_text=True)
    assert Vehicle.objects.get().fleet == fleet


def test_the_page_follows_a_file_whose_work_begins_later(tab, fleet):
    upload = hand_in(FLEET, fleet=fleet)
    tab.goto(f"/files/{upload.pk}")
    expect(tab.get_by_test_id("upload-status")).to_have_text("UPLOADED")
    work_uploads()
    expect(tab.get_by_test_id("upload-status")).to_have_text("APPLIED")
    expect(tab.get_by_test_id("upload-faults")).to_contain_text("never")


def test_a_file_may_be_dropped_anywhere(tab):
    tab.goto("/files")
    transfer = tab.evaluate_handle(
        """() => {
            const given = new DataTransfer();
            given.items.add(new File(["vehicle_id,make\\nB-1,Ford\\n"], "dropped.csv", { type: "text/csv" }));
            return given;
        }"""
    )
    tab.dispatch_event("h1", "dragenter", {"dataTransfer": transfer})
    expect(tab.locator("[data-veil]")).to_be_visible()
    tab.dispatch_event("h1", "drop", {"dataTransfer": transfer})
    tab.wait_for_url(re.compile(r"/files/\d+$"))
    assert Upload.objects.get().name == "dropped.csv"


def test_several_files_stay_on_the_list(tab):
    tab.goto("/files")
    choose(tab, csv("one.csv", FLEET), csv("two.csv", FLEET))
    expect(tab.get_by_test_id("upload-item")).to_have_count(2)
    work_uploads()
    expect(tab.get_by_test_id("upload-item").first).to_contain_text("applied")


def test_columns_are_looked_at_mapped_and_applied(tab):
    tab.goto("/files")
    tab.locator("#kind").select_option("customers")
    tab.locator("#look").check()
    choose(tab, csv("bases.csv", b"Base Number,Base Name,Name\nB1,Acme,Bob\nB2,Globex,Eve\n"))
    tab.wait_for_url(re.compile(r"/files/\d+$"))
    work_uploads()
    expect(tab.get_by_test_id("upload-status")).to_have_text("REVIEW")
    tab.locator("select[data-header='Base Number']").select_option("external_id")
    tab.locator("select[data-header='Base Name']").select_option("name")
    expect(tab.locator("select[data-header='Name']")).to_have_value("attributes.Name")
    tab.get_by_test_id("apply-btn").click()
    work_uploads()
    expect(tab.get_by_test_id("upload-status")).to_have_text("APPLIED")
    expect(tab.get_by_test_id("upload-counts")).to_contain_text("2 created", use_inner_text=True)


def test_a_group_of_faults_opens_to_its_rows(tab, fleet):
    upload = hand_in(FLEET, fleet=fleet)
    work_uploads()
    tab.goto(f"/files/{upload.pk}")
    tab.locator(".fault-group summary").click()
    expect(tab.locator(".fault-rows")).to_contain_text("never")
    tab.locator(".fault-rows a").click()
    expect(tab.locator("#row-3")).to_have_class("is-sought")


def test_a_refused_file_says_why(tab):
    tab.expected_errors.append("403")
    tab.goto("/files")
    tab.locator("#fleet").evaluate("select => { select.options[0].value = 'elsewhere'; }")
    choose(tab, csv("fleet.csv", FLEET))
    expect(tab.locator(".transfer.is-failed")).to_contain_text("elsewhere")
