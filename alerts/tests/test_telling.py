"""Telling the bus of alerts: once each, after the commit, and later where the bell or the bus was lost."""

from contextlib import contextmanager

import orjson
import pytest
from django.db import connection, transaction

from accounts.tests.people import People
from alerts import tasks, telling
from alerts.effects import Touch, raise_alerts, touch_alerts
from alerts.models import Alert
from alerts.services import acknowledge_alert
from alerts.tests.factories import AT, AlertFactory, a_raise
from msg_pattern.bus import BusError, get_bus
from msg_pattern.messages import Channel
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


@contextmanager
def heard():
    """What is said on the channel within the block, as messages."""
    messages: list[dict] = []
    with get_bus().subscribe(Channel.ALERTS_TRIGGERED) as subscription:
        # The first that comes says that one listens.
        subscription.receive(timeout_s=0.1)
        yield messages
        while got := subscription.receive(timeout_s=0.3):
            messages.append(orjson.loads(got[1]))


def test_an_alert_is_told_once_as_the_api_tells_it(people):
    (pk,) = raise_alerts([a_raise(VehicleFactory(vehicle_id="VH-1", fleet=people.north).pk)])
    with heard() as messages:
        assert telling.tell_alerts() == 1
        assert telling.tell_alerts() == 0
    (message,) = messages
    assert (message["id"], message["type"]) == (f"alert-{pk}", "alert.triggered")
    assert message["data"] == {
        "id": pk,
        "vehicle_id": "VH-1",
        "fleet_id": "fleet-north",
        "alert_type": "OVERSPEED",
        "severity": "HIGH",
        "field": "speed_kmh",
        "value": 92.0,
        "threshold": 80.0,
        "message": "92 km/h is faster than 80 km/h.",
        "acknowledged": False,
        "triggered_at": "2026-11-20T08:00:00Z",
    }
    told = people.client("operator").get(f"/api/v1/alerts/{pk}").json()
    assert message["data"].items() <= told.items()
    assert message["occurred_at"] == told["raised_at"]
    assert Alert.objects.get().told_at is not None


def test_many_are_told_in_the_order_in_which_they_were_raised(monkeypatch):
    monkeypatch.setattr(telling, "_AT_ONCE", 3)
    pks = [AlertFactory().pk for _number in range(8)]
    with heard() as messages:
        assert telling.tell_alerts() == 8
    assert [message["data"]["id"] for message in messages] == pks
    assert {message["data"]["fleet_id"] for message in messages} == {None}


def test_an_alert_that_goes_on_or_is_acknowledged_is_not_told_again(people):
    vehicle = VehicleFactory(fleet=people.north).pk
    raise_alerts([a_raise(vehicle)])
    telling.tell_alerts()
    raise_alerts([a_raise(vehicle)])
    touch_alerts([Touch("rule:12", vehicle, AT, 95.0)])
    acknowledge_alert(Alert.objects.get(), by=people.operator)
    assert telling.tell_alerts() == 0


def test_the_bell_rings_after_the_commit_that_raised_it(monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(tasks.tell_alerts, "apply_async", lambda **options: rung.append(options))
    vehicle = VehicleFactory().pk
    with django_capture_on_commit_callbacks(execute=True):
        raise_alerts([a_raise(vehicle)])
        assert rung == []
    assert len(rung) == 1
    with django_capture_on_commit_callbacks(execute=True):
        raise_alerts([a_raise(vehicle)])
    assert len(rung) == 1


def test_an_alert_whose_bell_was_lost_is_told_by_the_sweep(monkeypatch, django_capture_on_commit_callbacks):
    def lose(**options):
        raise ConnectionError("The broker is away.")

    monkeypatch.setattr(tasks.tell_alerts, "apply_async", lose)
    with django_capture_on_commit_callbacks(execute=True):
        raise_alerts([a_raise(VehicleFactory().pk)])
    with heard() as messages:
        assert tasks.tell_alerts() == 1
    assert len(messages) == 1


def test_what_the_bus_did_not_take_is_told_later(monkeypatch):
    AlertFactory()

    class Away:
        def publish_many(self, channel, messages):
            raise BusError("The bus is away.")

    with monkeypatch.context() as patch:
        patch.setattr(telling, "get_bus", Away)
        with pytest.raises(BusError):
            telling.tell_alerts()
    assert Alert.objects.untold().count() == 1
    with heard() as messages:
        telling.tell_alerts()
    assert len(messages) == 1


def test_who_is_rolled_back_tells_nothing():
    vehicle = VehicleFactory().pk
    with transaction.atomic():
        raise_alerts([a_raise(vehicle)])
        transaction.set_rollback(True)
    assert telling.tell_alerts() == 0


@pytest.mark.django_db(transaction=True)
def test_only_one_tells_at_a_time():
    AlertFactory()
    other = connection.copy()
    with heard() as messages:
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [telling.LOCK])
                assert telling.tell_alerts() == 0
                cursor.execute("SELECT pg_advisory_unlock(%s)", [telling.LOCK])
        finally:
            other.close()
        assert telling.tell_alerts() == 1
    assert len(messages) == 1
