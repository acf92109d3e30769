"""Parked entries: what could not be taken, for administrators, who try it again or forget it."""

import pytest
from django.utils import timezone

from dashboard.pages import parked as parked_page
from dashboard.tests.answers import text_of
from msg_pattern.bus import BusError
from msg_pattern.messages import Channel
from telemetry.models import ParkedEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, world):
    client.force_login(world.people.administrator)
    return client


@pytest.fixture
def parked():
    return [
        ParkedEntry.objects.create(
            channel=Channel.TELEMETRY_RAW,
            entry=f"{number}-0",
            data=b'{"vehicle_id": "<b>VH-9</b>"}\xff\x00' * 300,
            reason=f"No vehicle “VH-{number}” is known.",
            sender="key:7",
            received_at=timezone.now(),
        )
        for number in range(3)
    ]


def test_each_entry_is_shown_with_its_reason_and_the_beginning_of_its_data(page, parked):
    shown = text_of(page.get("/parked"))
    assert "No vehicle “VH-2” is known." in shown
    assert "&lt;b&gt;VH-9" in shown
    assert "<b>VH-9" not in shown
    assert shown.count("VH-9") < 600


def test_the_navigation_counts_them(page, parked):
    assert '<span class="side-count" data-testid="count-parked">3</span>' in text_of(page.get("/vehicles"))


def test_the_overview_leads_administrators_to_them(page, client, world, parked):
    assert 'class="need need-yellow" href="/parked"' in text_of(page.get("/"))
    client.force_login(world.people.manager)
    assert "/parked" not in text_of(client.get("/"))


def test_nothing_parked_is_said(page):
    assert "Nothing is parked" in text_of(page.get("/parked"))


def test_the_list_is_narrowed_by_reason_and_sender(page, parked):
    assert page.get("/parked", {"reason": "vh-1"}).context["listing"].total == 1
    assert page.get("/parked", {"sender": "key:8"}).context["listing"].total == 0


def test_ticked_entries_are_tried_again(page, parked, monkeypatch):
    tried = []
    monkeypatch.setattr(parked_page, "retry_parked", lambda entries: len(tried.extend(entries) or tried))
    answer = page.post("/parked", {"action": "retry", "selected": [parked[0].pk, parked[1].pk]}, follow=True)
    assert [entry.pk for entry in tried] == [parked[0].pk, parked[1].pk]
    assert "2 entries are tried again" in text_of(answer)


def test_a_bus_that_does_not_answer_is_told_and_nothing_is_lost(page, parked, monkeypatch):
    def refuse(entries):
        raise BusError("The message bus does not answer.")

    monkeypatch.setattr(parked_page, "retry_parked", refuse)
    answer = page.post("/parked", {"action": "retry", "selected": [parked[0].pk]}, follow=True)
    assert "The message bus does not answer." in text_of(answer)
    assert ParkedEntry.objects.count() == 3


def test_ticked_entries_are_forgotten(page, parked):
    answer = page.post("/parked", {"action": "forget", "selected": [parked[0].pk]}, follow=True)
    assert "1 entry was forgotten." in text_of(answer)
    assert ParkedEntry.objects.count() == 2


def test_nothing_ticked_changes_nothing(page, parked):
    assert page.post("/parked", {"action": "forget"}).status_code == 302
    assert ParkedEntry.objects.count() == 3
