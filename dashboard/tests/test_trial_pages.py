"""What the pages of trials answer to drafts and times that are none."""

import json

import pytest

from dashboard.tests.answers import text_of
from fleet_manager.tests.world import PATTERN

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Target": "trial"}
WHY = {"HX-Request": "true", "HX-Target": "why"}


@pytest.mark.parametrize("draft", ["[]", "{", "7"])
def test_a_draft_that_is_no_rule_is_refused_in_a_sentence(page, world, draft) -> None:
    assert "is no rule" in text_of(page.post("/rules/new/trial", {"draft": draft}))
    shown = text_of(page.post("/rules/new/trial", {"draft": draft}, headers=PART))
    assert "is no rule" in shown


def test_what_is_wrong_with_a_draft_is_told_by_its_path(page, world) -> None:
    draft = json.dumps({"pattern": {**PATTERN, "operator": "over"}, "scope": {"everything": True}})
    shown = text_of(page.post("/rules/new/trial", {"draft": draft}, headers=PART))
    assert "pattern.operator" in shown


def test_a_fleet_that_is_not_theirs_is_refused(page, world) -> None:
    fleet = world.people.south.fleet_id
    draft = json.dumps({"pattern": PATTERN, "scope": {"fleets": [fleet]}})
    shown = text_of(page.post("/rules/new/trial", {"draft": draft}, headers=PART))
    assert "is not one of yours" in shown or "not yours" in shown


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"range": "custom", "from": "yesterday", "to": "now"}, "is not a time"),
        ({"range": "file", "file": "x"}, "Choose a file"),
        ({"range": "file", "file": "4711"}, "There is no file 4711"),
        ({"vehicles": "nobody"}, "There is no vehicle nobody"),
    ],
)
def test_what_cannot_be_tried_is_told(page, world, asked, told) -> None:
    assert told in text_of(page.get(f"/rules/{world.rule.pk}/trial", asked, headers=PART))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"vehicle_id": "nobody"}, "Vehicle nobody not found"),
        ({"vehicle_id": "\x00"}, "not found"),
        ({"at": "noon"}, "is not a time"),
        ({"at": "9999-01-01T00:00"}, "lies ahead"),
        ({"at": "0001-01-01T00:00"}, "days back"),
    ],
)
def test_why_is_asked_of_vehicles_and_times_that_there_are(page, world, asked, told) -> None:
    asked = {"vehicle_id": world.vehicle.vehicle_id, **asked}
    assert told in text_of(page.get(f"/rules/{world.rule.pk}/why", asked, headers=WHY))
    assert told in text_of(page.get(f"/rules/{world.rule.pk}/why", asked))


def test_no_page_writes_styles_inline(page, world) -> None:
    shown = text_of(page.get(f"/rules/{world.rule.pk}/trial")) + text_of(
        page.get(f"/rules/{world.rule.pk}/trial", headers=PART)
    )
    assert " style=" not in shown
    assert "<script>" not in shown
