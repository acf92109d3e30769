"""What rules do to alerts: raising, touching and closing many at once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Cause
from alerts.effects import Touch, close_alerts, close_alerts_of, lock_alerts, raise_alerts, touch_alerts
from alerts.models import Alert, AlertEvent
from alerts.tests.factories import AT, RULE, a_raise
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(minutes=5)


@pytest.fixture
def vehicle() -> int:
    return VehicleFactory(vehicle_id="VH-1").pk


def story_of(alert: Alert) -> list[tuple[str, dict]]:
    return [(event.kind, event.cause.data) for event in alert.events.select_related("cause")]


def test_a_raised_alert_holds_what_the_rule_said_of_it(vehicle):
    (pk,) = raise_alerts([a_raise(vehicle, escalate_to=["role:MANAGER"], escalate_after_s=900)])
    alert = Alert.objects.get(pk=pk)
    assert (alert.vehicle_id, alert.origin, alert.alert_type) == (vehicle, "rule:12", "OVERSPEED")
    assert (alert.severity, alert.message) == ("HIGH", "92 km/h is faster than 80 km/h.")
    assert (alert.field, alert.value, alert.threshold, alert.worst_value) == ("speed_kmh", 92.0, 80.0, 92.0)
    assert (alert.count, alert.triggered_at, alert.last_at, alert.closed_at) == (1, AT, AT, None)
    assert (alert.told_at, alert.acknowledged_at, alert.notes, alert.assignee) == (None, None, "", None)
    assert alert.escalate_to == ["role:MANAGER"]
    assert alert.escalate_at == alert.raised_at + timedelta(minutes=15)
    assert timezone.now() - alert.raised_at < timedelta(minutes=1)
    assert story_of(alert) == [("RAISED", RULE)]


def test_an_alert_without_numbers_and_escalation_is_raised_too(vehicle):
    raise_alerts([a_raise(vehicle, field="", value=None, threshold=None)])
    alert = Alert.objects.get()
    assert (alert.value, alert.worst_value, alert.threshold) == (None, None, None)
    assert (alert.escalate_at, alert.escalate_to) == (None, [])


def test_an_open_alert_is_touched_instead_of_raised_again(vehicle):
    (first,) = raise_alerts([a_raise(vehicle)])
    (again,) = raise_alerts([a_raise(vehicle, at=LATER, value=99.5, severity="LOW", message="Faster.")])
    assert again == first
    alert = Alert.objects.get()
    assert (alert.count, alert.triggered_at, alert.last_at) == (2, AT, LATER)
    assert (alert.value, alert.worst_value) == (92.0, 99.5)
    assert (alert.severity, alert.message) == ("HIGH", "92 km/h is faster than 80 km/h.")
    assert [kind for kind, _cause in story_of(alert)] == ["RAISED"]


def test_each_raise_is_answered_its_alert_in_the_order_given(vehicle):
    other = VehicleFactory().pk
    raises = [a_raise(other), a_raise(vehicle), a_raise(other, origin="rule:3"), a_raise(other, at=LATER)]
    pks = raise_alerts(raises)
    found = {(alert.origin, alert.vehicle_id): alert for alert in Alert.objects.all()}
    assert pks == [found[one.origin, one.vehicle].pk for one in raises]
    assert len(found) == 3
    twice = found["rule:12", other]
    assert (twice.count, twice.triggered_at, twice.last_at) == (2, AT, LATER)


def test_the_worst_value_is_the_greatest_of_those_that_exceed(vehicle):
    raise_alerts([a_raise(vehicle, value=92.0), a_raise(vehicle, value=110.0), a_raise(vehicle, value=85.0)])
    assert Alert.objects.get().worst_value == 110.0
    touch_alerts([Touch("rule:12", vehicle, LATER, 120.0, 1), Touch("rule:12", vehicle, LATER, 84.0, 1)])
    assert Alert.objects.get().worst_value == 120.0
    raise_alerts([a_raise(vehicle, value=119.0)])
    assert Alert.objects.get().worst_value == 120.0


def test_the_worst_value_is_the_least_where_low_is_worse(vehicle):
    low = {"field": "battery_pct", "threshold": 15.0, "low_is_worse": True}
    raise_alerts([a_raise(vehicle, value=14.0, **low), a_raise(vehicle, value=12.0, **low)])
    assert Alert.objects.get().worst_value == 12.0
    touch_alerts([Touch("rule:12", vehicle, LATER, 11.0, 1), Touch("rule:12", vehicle, LATER, 13.0, 1)])
    assert Alert.objects.get().worst_value == 11.0
    raise_alerts([a_raise(vehicle, value=9.5, **low)])
    assert Alert.objects.get().worst_value == 9.5


def test_a_report_without_the_value_leaves_the_worst_one(vehicle):
    raise_alerts([a_raise(vehicle, value=None)])
    touch_alerts([Touch("rule:12", vehicle, LATER, None, 2)])
    assert Alert.objects.get().worst_value is None
    touch_alerts([Touch("rule:12", vehicle, LATER, 95.0, 1)])
    raise_alerts([a_raise(vehicle, value=None)])
    alert = Alert.objects.get()
    assert (alert.worst_value, alert.count) == (95.0, 5)


def test_a_touch_counts_and_never_turns_the_clock_back(vehicle):
    raise_alerts([a_raise(vehicle, at=LATER)])
    touch_alerts([Touch("rule:12", vehicle, AT, 90.0, 3), Touch("rule:12", vehicle, AT, 90.0, 2)])
    alert = Alert.objects.get()
    assert (alert.count, alert.last_at, alert.triggered_at) == (6, LATER, LATER)


def test_what_is_closed_is_not_touched_and_a_new_one_is_raised(vehicle):
    (first,) = raise_alerts([a_raise(vehicle)])
    assert close_alerts([("rule:12", vehicle, LATER)], cause=RULE) == [first]
    touch_alerts([Touch("rule:12", vehicle, LATER, 120.0, 1)])
    closed = Alert.objects.get()
    assert (closed.count, closed.worst_value, closed.closed_at) == (1, 92.0, LATER)
    assert [kind for kind, _cause in story_of(closed)] == ["RAISED", "CLOSED"]
    (second,) = raise_alerts([a_raise(vehicle, at=LATER)])
    assert second != first
    assert Alert.objects.open().get().pk == second


def test_closing_answers_only_what_it_closed(vehicle):
    other = VehicleFactory().pk
    (pk,) = raise_alerts([a_raise(vehicle)])
    pairs = [("rule:12", other, LATER), ("rule:12", vehicle, LATER), ("rule:99", vehicle, LATER)]
    assert close_alerts(pairs, cause=RULE) == [pk]
    assert close_alerts(pairs, cause=RULE) == []
    assert AlertEvent.objects.filter(kind="CLOSED").count() == 1


def test_an_alert_never_ends_before_it_began(vehicle):
    raise_alerts([a_raise(vehicle, at=LATER)])
    close_alerts([("rule:12", vehicle, AT)], cause=RULE)
    assert Alert.objects.get().closed_at == LATER


def test_what_an_origin_has_open_is_closed_at_once_or_for_some_vehicles(vehicle):
    other = VehicleFactory().pk
    one, two = raise_alerts([a_raise(vehicle), a_raise(other)])
    (kept,) = raise_alerts([a_raise(vehicle, origin="rule:1")])
    assert close_alerts_of("rule:12", at=LATER, cause=RULE, vehicles=[other, 10**9]) == [two]
    assert close_alerts_of("rule:12", at=LATER, cause=RULE) == [one]
    assert close_alerts_of("rule:12", at=LATER, cause=RULE) == []
    assert Alert.objects.open().get().pk == kept


def test_nothing_to_do_asks_the_database_nothing():
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert raise_alerts([]) == []
        touch_alerts([])
        assert close_alerts([], cause=RULE) == []
    assert len(queries) == 0


def test_many_cost_as_many_statements_as_one(vehicle):
    def doings(vehicles):
        pairs = [("rule:12", pk) for pk in vehicles]
        with CaptureQueriesContext(connection) as queries:
            lock_alerts(pairs)
            raise_alerts([a_raise(pk, cause={**RULE, "firing_id": pk}) for pk in vehicles])
            touch_alerts([Touch(*pair, LATER, 90.0, 1) for pair in pairs])
            close_alerts([(*pair, LATER) for pair in pairs], cause=RULE)
        return len(queries)

    many = [VehicleFactory().pk for _number in range(20)]
    assert doings([vehicle]) == doings(many) == 10
    assert Alert.objects.count() == 21
    assert Cause.objects.count() == 22


def test_texts_and_causes_come_out_as_they_went_in(vehicle):
    cause = {"kind": "rule", "rule_id": 1, "name": "“Öl” & <b>'quotes'\" %s \\"}
    raise_alerts([a_raise(vehicle, message="% $ \\ ' \" 漢", cause=cause)])
    assert Alert.objects.get().message == "% $ \\ ' \" 漢"
    assert AlertEvent.objects.get().cause == Cause.of(cause)
