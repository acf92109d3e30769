"""What people do with alerts, and who may."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.tests.factories import UserFactory
from accounts.tests.people import People
from alerts import services
from alerts.effects import Touch, close_alerts, raise_alerts, touch_alerts
from alerts.exceptions import AlertIsClosed, AlertIsNotYoursToGive
from alerts.models import Alert
from alerts.tests.factories import RULE, AlertFactory, a_raise
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id="north-1", fleet=people.north)


@pytest.fixture
def elsewhere(people):
    return AlertFactory(vehicle__fleet=people.south)


def steps_of(alert):
    return [
        (event.kind, event.cause.data.get("email"), event.text)
        for event in alert.events.select_related("cause")
    ]


def test_an_alert_is_acknowledged_with_notes(people, vehicle):
    alert = services.acknowledge_alert(AlertFactory(vehicle=vehicle), " Called him. ", by=people.operator)
    assert alert.acknowledged_by.data == people.operator.as_cause()
    assert timezone.now() - alert.acknowledged_at < timedelta(minutes=1)
    assert (alert.notes, alert.closed_at) == ("Called him.", None)
    assert steps_of(alert) == [("ACKNOWLEDGED", "operator@example.org", "Called him.")]


def test_the_first_to_acknowledge_stays_told_and_a_later_note_goes_into_the_story(people, vehicle):
    first = services.acknowledge_alert(AlertFactory(vehicle=vehicle), "Mine.", by=people.operator)
    services.acknowledge_alert(first, by=people.manager)
    services.acknowledge_alert(first, "Mine.", by=people.operator)
    again = services.acknowledge_alert(first, "I saw it too.", by=people.manager)
    assert (again.acknowledged_at, again.acknowledged_by, again.notes) == (
        first.acknowledged_at,
        first.acknowledged_by,
        "Mine.",
    )
    assert steps_of(again) == [
        ("ACKNOWLEDGED", "operator@example.org", "Mine."),
        ("ACKNOWLEDGED", "manager@example.org", "I saw it too."),
    ]


def test_many_are_acknowledged_at_once_but_for_those_done_and_those_not_seen(people, vehicle, elsewhere):
    done = services.acknowledge_alert(AlertFactory(vehicle=vehicle), "Before.", by=people.manager)
    fresh, closed = AlertFactory(vehicle=vehicle), AlertFactory(vehicle=vehicle, closed=True)
    pks = [one.pk for one in (done, fresh, closed, elsewhere)] + [10**9]
    assert services.acknowledge_alerts(pks, "Seen.", by=people.operator) == 2
    assert services.acknowledge_alerts(pks, "Seen.", by=people.operator) == 0
    assert dict(Alert.objects.values_list("pk", "notes")) == {
        done.pk: "Before.",
        fresh.pk: "Seen.",
        closed.pk: "Seen.",
        elsewhere.pk: "",
    }


def test_notes_that_are_too_long_are_refused(people, vehicle):
    with pytest.raises(ValidationError, match="at most 10000 characters; this one has 10001"):
        services.acknowledge_alert(AlertFactory(vehicle=vehicle), "x" * 10_001, by=people.operator)


def test_a_manager_gives_an_alert_to_who_sees_its_vehicle(people, vehicle):
    alert = services.assign_alert(AlertFactory(vehicle=vehicle), people.operator, by=people.manager)
    assert alert.assignee == people.operator
    assert services.assign_alerts([alert.pk], people.operator, by=people.manager) == 0
    assert services.assign_alerts([alert.pk], None, by=people.manager) == 1
    assert steps_of(alert) == [
        ("ASSIGNED", "manager@example.org", "operator@example.org"),
        ("ASSIGNED", "manager@example.org", ""),
    ]


def test_nobody_is_given_an_alert_of_a_vehicle_that_they_do_not_see(people, vehicle):
    one, other = AlertFactory(vehicle=vehicle), AlertFactory(vehicle=VehicleFactory(fleet=people.north))
    with pytest.raises(
        ValidationError, match=r"stranger@example\.org is not active or may not see the vehicle"
    ):
        services.assign_alerts([one.pk, other.pk], people.stranger, by=people.administrator)
    gone = UserFactory(fleets=[people.north], is_active=False)
    with pytest.raises(ValidationError, match="is not active or may not see the vehicle “north-1”"):
        services.assign_alert(one, gone, by=people.administrator)
    assert not Alert.objects.filter(assignee__isnull=False).exists()


def test_an_operator_takes_alerts_and_hands_them_back_and_no_more(people, vehicle):
    alert, manager = AlertFactory(vehicle=vehicle), people.manager
    with pytest.raises(AlertIsNotYoursToGive, match=r"ask a manager to give it to manager@example\.org"):
        services.assign_alert(alert, manager, by=people.operator)
    services.assign_alert(alert, manager, by=manager)
    with pytest.raises(AlertIsNotYoursToGive, match="nobody else's"):
        services.assign_alert(alert, None, by=people.operator)
    assert services.assign_alert(alert, people.operator, by=people.operator).assignee == people.operator
    assert services.assign_alert(alert, None, by=people.operator).assignee is None


def test_what_one_does_not_see_is_given_to_nobody(people, elsewhere):
    assert services.assign_alerts([elsewhere.pk], people.manager, by=people.manager) == 0
    assert services.close_alerts([elsewhere.pk], by=people.manager) == 0


def test_a_person_closes_an_alert_which_acknowledges_it(people, vehicle):
    alert = services.close_alert(AlertFactory(vehicle=vehicle), "A false sensor.", by=people.manager)
    assert alert.closed_at is not None
    assert alert.acknowledged_by.data == people.manager.as_cause()
    assert alert.notes == "A false sensor."
    assert steps_of(alert) == [("CLOSED", "manager@example.org", "A false sensor.")]
    with pytest.raises(AlertIsClosed, match="is closed already"):
        services.close_alert(alert, by=people.manager)


def test_closing_leaves_an_earlier_acknowledgement(people, vehicle):
    alert = services.acknowledge_alert(AlertFactory(vehicle=vehicle), "Mine.", by=people.operator)
    closed = services.close_alert(alert, "Done.", by=people.manager)
    assert (closed.notes, closed.acknowledged_by.data) == ("Mine.", people.operator.as_cause())


def test_an_alert_of_a_vehicle_whose_clock_is_ahead_ends_when_it_began(people, vehicle):
    ahead = timezone.now() + timedelta(minutes=4)
    alert = AlertFactory(vehicle=vehicle, triggered_at=ahead, last_at=ahead)
    assert services.close_alert(alert, by=people.manager).closed_at == ahead


def test_what_a_person_closed_is_raised_again_only_when_the_rule_fires_anew(people, vehicle):
    raise_alerts([a_raise(vehicle.pk)])
    closed = services.close_alert(Alert.objects.get(), by=people.manager)
    touch_alerts([Touch("rule:12", vehicle.pk, timezone.now(), 99.0)])
    assert close_alerts([("rule:12", vehicle.pk, timezone.now())], cause=RULE) == []
    assert Alert.objects.get().closed_at == closed.closed_at
    raise_alerts([a_raise(vehicle.pk)])
    assert Alert.objects.open().count() == 1


def test_people_comment_on_alerts(people, vehicle):
    alert = AlertFactory(vehicle=vehicle, closed=True)
    services.comment_on_alert(alert, " The road was empty. ", by=people.operator)
    assert steps_of(alert) == [("COMMENTED", "operator@example.org", "The road was empty.")]
    with pytest.raises(ValidationError, match="at least one character"):
        services.comment_on_alert(alert, "  ", by=people.operator)


def test_due_for_escalation_is_what_nobody_saw_to_in_time(people, vehicle):
    now = timezone.now()
    late, later = now - timedelta(minutes=9), now - timedelta(minutes=1)
    second = AlertFactory(vehicle=vehicle, escalate_at=later)
    first = AlertFactory(vehicle=vehicle, escalate_at=late, escalate_to=["role:MANAGER"])
    AlertFactory(vehicle=vehicle)
    AlertFactory(vehicle=vehicle, escalate_at=now + timedelta(minutes=1))
    AlertFactory(vehicle=vehicle, escalate_at=late, closed=True)
    services.acknowledge_alert(AlertFactory(vehicle=vehicle, escalate_at=late), by=people.operator)
    assert services.due_for_escalation() == [first, second]
    assert services.due_for_escalation(1) == [first]
    services.mark_escalated([first], cause=RULE, text="manager@example.org")
    assert services.due_for_escalation() == [second]
    first.refresh_from_db()
    assert first.escalated_at is not None
    assert steps_of(first) == [("ESCALATED", None, "manager@example.org")]
