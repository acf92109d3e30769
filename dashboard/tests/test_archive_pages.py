"""How long readings are kept, and the days that were put away: for administrators."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from dashboard.tests.answers import text_of
from telemetry.models import Archive, Retention

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, world):
    client.force_login(world.people.administrator)
    return client


@pytest.fixture
def retention(world):
    return f"/fleets/{world.people.north.fleet_id}/retention"


def test_a_fleets_readings_are_kept_as_long_as_somebody_says(page, world, retention):
    answer = page.post(retention, {"days": "30"}, follow=True)
    assert "are kept for 30 days" in text_of(answer)
    assert Retention.objects.get(fleet=world.people.north).days == 30
    assert 'value="30"' in text_of(answer)


def test_left_empty_the_setting_holds(page, world, retention, settings):
    settings.READINGS_KEEP_DAYS = 77
    Retention.objects.create(fleet=world.people.north, days=30)
    answer = page.post(retention, {"days": ""}, follow=True)
    assert "are kept for 77 days" in text_of(answer)
    assert "77 days unless set" in text_of(answer)
    assert not Retention.objects.exists()


@pytest.mark.parametrize("days", ["0", "-1", "4001", "1.5", "many", "9" * 40])
def test_a_number_that_cannot_be_is_told_and_stands_there_again(page, retention, days):
    answer = page.post(retention, {"days": days})
    assert answer.status_code == 422
    assert answer.context["retention"].errors.keys() == {"days"}
    assert f'value="{days}"' in text_of(answer)


def test_days_that_were_put_away_are_listed_and_filtered(page, world):
    Archive.objects.create(fleet=world.people.south, day=date(2026, 3, 1), name="s", status="STORED")
    Archive.objects.create(fleet=world.people.south, day=date(2026, 3, 3), name="w", status="WRITING")
    assert page.get("/archives").context["listing"].total == 2
    for asked in ({"fleet_id": world.people.north.fleet_id}, {"day_min": "2026-03-02"}, {"search": "north"}):
        found = page.get("/archives", asked).context["listing"]
        assert [archive.pk for archive, _cells in found.rows] == [world.archive.pk]


@pytest.mark.parametrize("asked", [{"day_min": "soon"}, {"status": "LOST"}])
def test_a_filter_that_is_wrong_is_told(page, asked):
    answer = page.get("/archives", asked)
    assert answer.context["listing"].total == 0
    assert 'role="alert"' in text_of(answer)


def test_a_ticked_day_is_loaded_again_for_a_while(page, world):
    answer = page.post("/archives", {"selected": [world.archive.pk], "days": "3"}, follow=True)
    assert "1 day is being loaded; its readings stay for 3 days." in text_of(answer)
    world.archive.refresh_from_db()
    assert world.archive.status == "RESTORING"
    assert timedelta(days=2) < world.archive.restored_until - timezone.now() < timedelta(days=4)


@pytest.mark.parametrize("days", ["0", "366", "x", "-1", "1" * 30])
def test_a_while_that_cannot_be_is_told_and_nothing_is_loaded(page, world, days):
    answer = page.post("/archives", {"selected": [world.archive.pk], "days": days}, follow=True)
    assert "is not a number of days from 1 to 365" in text_of(answer)
    world.archive.refresh_from_db()
    assert world.archive.status == "STORED"


def test_a_day_that_could_not_be_loaded_says_why(page, world):
    Archive.objects.filter(pk=world.archive.pk).update(reason="Its file is damaged.")
    assert "Its file is damaged." in text_of(page.get("/archives"))


def test_nothing_put_away_is_said(page, world):
    Archive.objects.all().delete()
    assert "Nothing is put away" in text_of(page.get("/archives"))
