"""Alerts in the admin: seen, acknowledged and closed, and not edited."""

import pytest
from django.test import Client

from accounts.tests.people import People
from alerts.effects import raise_alerts
from alerts.models import Alert
from alerts.tests.factories import AlertFactory, a_raise
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
PATH = "/admin/alerts/alert/"


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def admin(people) -> Client:
    client = Client()
    client.force_login(people.administrator)
    return client


def act(admin, action, *alerts):
    body = {"action": action, "_selected_action": [alert.pk for alert in alerts]}
    return admin.post(PATH, body, follow=True).content.decode()


def test_an_alert_is_shown_with_its_story_and_cannot_be_edited(admin):
    (pk,) = raise_alerts([a_raise(VehicleFactory().pk)])
    page = admin.get(f"{PATH}{pk}/change/").content.decode()
    assert "92 km/h is faster than 80 km/h." in page
    assert "rule_id: 12" in page
    assert 'name="_save"' not in page
    assert admin.get(f"{PATH}add/").status_code == 403
    assert admin.post(f"{PATH}{pk}/delete/", {"post": "yes"}).status_code == 403


def test_alerts_are_acknowledged_from_the_list(people, admin):
    one, other = AlertFactory(), AlertFactory()
    assert "2 alerts changed." in act(admin, "acknowledge", one, other)
    assert "0 alerts changed." in act(admin, "acknowledge", one)
    one.refresh_from_db()
    assert one.acknowledged_by.data == people.administrator.as_cause()


def test_alerts_are_closed_from_the_list(admin):
    one, over = AlertFactory(), AlertFactory(closed=True)
    assert "1 alert changed." in act(admin, "close", one, over)
    assert not Alert.objects.open().exists()


def test_what_is_open_is_found(admin):
    AlertFactory(alert_type="TOO_HOT")
    AlertFactory(alert_type="TOO_COLD", closed=True)
    page = admin.get(f"{PATH}?closed_at__isempty=1&q=too").content.decode()
    assert "TOO_HOT</a>" in page
    assert "TOO_COLD</a>" not in page
