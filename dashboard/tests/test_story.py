"""The main job in a real browser, against a whole installation: a file in, a fleet in the database, rules act."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.installation import ADMINISTRATOR, Installation, running
from dashboard.tests.rule_hands import compare

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "inventories" / "seattle_active_fleet_2015.csv"
OWN = "EquipID,License#,Year,Make,Model\n01035,31603D,2000,PLYMOUTH,NEON\n03144,32434D,2000,FORD,F450\n"
STATUSES = (
    "vehicle_id,recorded_at,odometer_km\n01035,2026-01-02T08:00:00Z,9900\n01035,2026-01-03T08:00:00Z,10412\n"
)
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with running() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def drop(page: Page, url: str, file: str | Path | dict[str, object], kind: str = "auto") -> None:
    """Drop a file on the page and watch it load."""
    page.goto(f"{url}/files")
    page.locator("#kind").select_option(kind)
    page.get_by_test_id("drop-zone").locator("input").set_input_files(file)  # type: ignore[arg-type]
    page.wait_for_url(re.compile(r"/files/\d+"), timeout=PATIENCE_MS)
    expect(page.get_by_test_id("upload-status")).to_have_text("APPLIED", timeout=PATIENCE_MS)


def log_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    form = page.get_by_test_id("login-form")
    form.locator("input[name=email]").fill(ADMINISTRATOR[0])
    form.locator("input[name=password]").fill(ADMINISTRATOR[1])
    form.locator("button[type=submit]").click()
    expect(page.get_by_test_id("nav-files")).to_be_visible()


def csv(name: str, text: str) -> dict[str, object]:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def test_a_file_in_a_fleet_in_the_database_a_rule_that_acts(page: Page, installation: Installation) -> None:
    url = installation.url
    log_in(page, url)

    # A fleet, and its file.
    api = installation.log_in()
    fleet = {"fleet_id": "seattle", "fleet_name": "Seattle", "date_order": "MDY"}
    api.post(f"{url}/api/v1/fleet", json=fleet).raise_for_status()
    drop(page, url, SAMPLE if SAMPLE.exists() else csv("fleet.csv", OWN), "vehicles")
    counts = page.get_by_test_id("upload-counts")
    expect(counts).to_contain_text("4,004 created" if SAMPLE.exists() else "2 created", use_inner_text=True)
    if SAMPLE.exists():
        expect(counts).to_contain_text("105 repeated", use_inner_text=True)
        expect(counts).to_contain_text("0 failed", use_inner_text=True)
        expect(page.get_by_test_id("upload-faults")).to_contain_text("again in this file")

    # Customers are attached in bulk.
    customer = {"name": "Acme Freight", "external_id": "C-1"}
    api.post(f"{url}/api/v1/customers", json=customer).raise_for_status()
    page.goto(f"{url}/vehicles?search=01035")
    expect(page.get_by_test_id("vehicle-list-item")).to_have_count(1)
    page.get_by_test_id("vehicle-list-item").locator("[data-tick]").check()
    bar = page.get_by_test_id("bulk-bar")
    bar.locator("input[name=customer]").fill("Acme Freight")
    bar.get_by_role("button", name="Attach", exact=True).click()
    expect(page.get_by_test_id("vehicle-list-item")).to_contain_text("Acme Freight")

    # A rule with a task, a log line and an e-mail.
    page.goto(f"{url}/rules/new")
    compare(page, 0, "odometer_km", "gt", "10000")
    expect(page.get_by_test_id("rule-sentence")).to_contain_text("odometer_km is over 10,000")
    page.locator("#rule-name").fill("Service due")
    page.locator("[data-add-action=create_task]").click()
    page.locator("#action-0-title").fill("Service $vehicle_id")
    page.locator("[data-add-action=store_log]").click()
    page.locator("#action-1-message").fill("$vehicle_id is at $odometer_km km")
    page.locator("[data-add-action=send_email]").click()
    page.locator("#action-2-to").fill("garage@fleet.example")
    page.locator("#action-2-subject").fill("Service for $vehicle_id of $customer")
    page.locator("#action-2-body").fill("It is at $odometer_km km.")
    page.get_by_test_id("rule-save-btn").click()
    page.wait_for_url(re.compile(r"/rules/\d+$"))
    rule = page.url

    # A second file changes the vehicle's status, and the rule acts.
    drop(page, url, csv("statuses.csv", STATUSES), "statuses")
    expect(page.get_by_test_id("upload-counts")).to_contain_text("2 updated", use_inner_text=True)
    page.goto(rule)
    firing = page.get_by_test_id("firing-explanation")
    expect(firing).to_have_text("odometer_km was 10,412, which is over 10,000", timeout=PATIENCE_MS)
    expect(page.locator("#firings .tag-green")).to_have_count(3, timeout=PATIENCE_MS)

    # The task tells its story, each step of the way a link.
    page.locator("#firings a[href^='/tasks/']").click()
    story = page.get_by_test_id("task-story")
    for words in ("because odometer_km was 10,412", "row 3", "statuses.csv", ADMINISTRATOR[0]):
        expect(story).to_contain_text(words)
    story.get_by_role("link", name="row 3").click()
    expect(page.locator("#row-3")).to_contain_text("10,412")
    expect(page.locator("#row-3")).to_have_class("is-sought")
    page.go_back()
    story.locator("a[href^='/firings/']").click()
    expect(page.locator("main")).to_contain_text("Service for 01035 of Acme Freight")
    expect(page.locator("main")).to_contain_text("It is at 10412 km.")
    logs = api.get(f"{url}/api/v1/logs").json()["data"]
    assert [entry["message"] for entry in logs] == ["01035 is at 10412 km"]

    # The same file again changes nothing, and says so.
    drop(page, url, SAMPLE if SAMPLE.exists() else csv("fleet.csv", OWN), "vehicles")
    expect(page.get_by_test_id("upload-verdict")).to_contain_text("Nothing changed")
