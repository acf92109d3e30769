"""Many who act on one alert at once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts.tests.factories import UserFactory
from alerts import services
from alerts.effects import Touch, close_alerts, lock_alerts, raise_alerts, touch_alerts
from alerts.exceptions import AlertIsClosed
from alerts.models import Alert, AlertEvent
from alerts.tests.factories import AT, RULE, AlertFactory, a_raise
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 6


def at_once(*works):
    """What each of them answers or raises, when all begin together."""
    start, answers = threading.Barrier(len(works)), [None] * len(works)

    def run(index, work):
        try:
            start.wait()
            answers[index] = work()
        except Exception as error:
            answers[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr("alerts.tasks.tell_alerts.apply_async", lambda **options: None)


@pytest.fixture
def vehicle() -> int:
    return VehicleFactory().pk


@pytest.fixture
def administrator():
    return UserFactory(role="ADMINISTRATOR")


def test_however_many_raise_it_at_once_one_alert_is_open_and_all_are_counted(vehicle):
    answers = at_once(*[lambda n=n: raise_alerts([a_raise(vehicle, value=90.0 + n)]) for n in range(AT_ONCE)])
    alert = Alert.objects.get()
    assert answers == [[alert.pk]] * AT_ONCE
    assert (alert.count, alert.worst_value) == (AT_ONCE, 90.0 + AT_ONCE - 1)
    assert AlertEvent.objects.count() == 1


def test_who_raises_waits_for_who_raised_and_may_yet_be_rolled_back(vehicle):
    has_raised = threading.Event()

    def raise_and_roll_back():
        with transaction.atomic():
            raise_alerts([a_raise(vehicle, value=200.0)])
            has_raised.set()
            connection.cursor().execute("SELECT pg_sleep(0.3)")
            transaction.set_rollback(True)

    def raise_too():
        has_raised.wait()
        return raise_alerts([a_raise(vehicle)])

    _none, pks = at_once(raise_and_roll_back, raise_too)
    alert = Alert.objects.get()
    assert pks == [alert.pk]
    assert (alert.count, alert.worst_value) == (1, 92.0)


def test_who_raises_while_it_is_being_closed_opens_another_one(vehicle):
    (first,) = raise_alerts([a_raise(vehicle)])
    has_closed = threading.Event()

    def close():
        with transaction.atomic():
            close_alerts([("rule:12", vehicle, AT)], cause=RULE)
            has_closed.set()
            connection.cursor().execute("SELECT pg_sleep(0.3)")

    def raise_too():
        has_closed.wait()
        return raise_alerts([a_raise(vehicle)])

    _none, (second,) = at_once(close, raise_too)
    assert second != first
    assert Alert.objects.open().get().pk == second
    assert AlertEvent.objects.filter(kind="RAISED").count() == 2


def test_closing_and_raising_at_once_leaves_at_most_one_open_and_loses_no_report(vehicle):
    rounds = 10
    for number in range(rounds):
        at = AT + timedelta(minutes=number)
        answers = at_once(
            lambda at=at: raise_alerts([a_raise(vehicle, at=at)]),
            lambda at=at: close_alerts([("rule:12", vehicle, at)], cause=RULE),
            lambda at=at: raise_alerts([a_raise(vehicle, at=at)]),
        )
        assert not [one for one in answers if isinstance(one, Exception)]
        assert Alert.objects.open().count() <= 1
    assert sum(Alert.objects.values_list("count", flat=True)) == 2 * rounds
    raised, closed = (AlertEvent.objects.filter(kind=kind).count() for kind in ("RAISED", "CLOSED"))
    assert raised == Alert.objects.count()
    assert closed == Alert.objects.filter(closed_at__isnull=False).count()


def test_touches_at_once_are_all_counted(vehicle):
    raise_alerts([a_raise(vehicle)])
    touch = [Touch("rule:12", vehicle, AT, 91.0, 2)]
    at_once(*[lambda: touch_alerts(touch) for _number in range(AT_ONCE)])
    assert Alert.objects.get().count == 1 + 2 * AT_ONCE


def test_of_many_who_acknowledge_it_the_first_is_told_and_all_are_answered(vehicle, administrator):
    alert = AlertFactory()
    answers = at_once(
        *[
            lambda n=n: services.acknowledge_alert(alert, f"note {n}", by=administrator).notes
            for n in range(AT_ONCE)
        ]
    )
    assert set(answers) == {Alert.objects.get().notes}
    assert AlertEvent.objects.count() == AT_ONCE


def test_a_person_and_a_rule_who_close_it_at_once_close_it_once(vehicle, administrator):
    (pk,) = raise_alerts([a_raise(vehicle)])
    by_person, by_rule = at_once(
        lambda: services.close_alert(Alert.objects.get(pk=pk), by=administrator),
        lambda: close_alerts([("rule:12", vehicle, AT)], cause=RULE),
    )
    assert isinstance(by_person, AlertIsClosed) == (by_rule == [pk])
    assert AlertEvent.objects.filter(kind="CLOSED").count() == 1


def test_rules_and_people_with_many_alerts_never_wait_for_each_other_in_a_circle(administrator):
    vehicles = [VehicleFactory().pk for _number in range(12)]
    origins = ["rule:2", "rule:10", "Rule:1"]
    pairs = [(origin, pk) for origin in origins for pk in vehicles]
    pks = raise_alerts([a_raise(pk, origin=origin) for origin, pk in pairs])

    def lane(order):
        with transaction.atomic():
            lock_alerts(order)
            touch_alerts([Touch(*pair, AT, 91.0) for pair in order])
            raise_alerts([a_raise(pk, origin=origin) for origin, pk in order])
            close_alerts([(*pair, AT) for pair in order[:6]], cause=RULE)

    for _round in range(3):
        answers = at_once(
            lambda: lane(pairs[:20]),
            lambda: lane(pairs[::-1]),
            lambda: services.assign_alerts(pks, administrator, by=administrator),
            lambda: services.acknowledge_alerts(pks[::-1], "Seen.", by=administrator),
            lambda: services.close_alerts(pks[10:20], by=administrator),
        )
        assert not [one for one in answers if isinstance(one, Exception)]
