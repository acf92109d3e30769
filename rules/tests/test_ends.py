"""What ends with a rule or with what it watched: alerts close, and firings last no longer."""

import pytest

from alerts.models import Alert
from rules.lanes import drain
from rules.models import Firing, FiringAction, RuleState
from rules.outbox import run_pending_actions
from rules.services import disable_rules, enable_rules, hide_rule, update_rule
from rules.tests.factories import administrator, count, make_rule, make_vehicle, report
from task_management.models import Task
from task_management.services import complete_task
from vehicle_management.services import hide_vehicles

pytestmark = pytest.mark.django_db(transaction=True)
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
RAISE = {"type": "raise_alert", "alert_type": "OVERSPEED", "severity": "HIGH"}
TASK = {"type": "create_task", "title": "Talk to the driver", "complete_when_cleared": True}


def say(vehicle, **values):
    report(vehicle, **values)
    drain()


def open_alerts():
    return Alert.objects.filter(closed_at__isnull=True).count()


def hide(rule):
    hide_rule(rule, by=administrator())


@pytest.fixture
def fast():
    rule, vehicle = make_rule(FAST, actions=[RAISE, TASK]), make_vehicle()
    say(vehicle, speed_kmh=90.0)
    assert (count(rule), open_alerts()) == (1, 1)
    return rule, vehicle


def test_an_alert_goes_on_with_every_report_and_closes_by_itself(fast):
    _rule, vehicle = fast
    for speed in (118.0, 99.0, 60.0):
        say(vehicle, speed_kmh=speed)
    alert = Alert.objects.get()
    assert (alert.value, alert.worst_value, alert.threshold, alert.count) == (90.0, 118.0, 80.0, 3)
    assert alert.closed_at is not None
    assert FiringAction.objects.get(type="raise_alert").alert == alert
    assert Firing.objects.get().cleared_at == alert.closed_at


def test_a_task_closes_itself_when_it_is_no_longer_so(fast):
    _rule, vehicle = fast
    run_pending_actions()
    assert Task.objects.get().status == "created"
    say(vehicle, speed_kmh=60.0)
    run_pending_actions()
    assert Task.objects.get().status == "complete"


def test_what_ends_before_its_task_is_made_ends_after_it(fast):
    _rule, vehicle = fast
    say(vehicle, speed_kmh=60.0)
    run_pending_actions()
    run_pending_actions()
    assert Task.objects.get().status == "complete"


def test_it_ends_and_begins_again_in_one_turn(fast):
    rule, vehicle = fast
    for speed in (60.0, 91.0):
        report(vehicle, speed_kmh=speed)
    drain()
    assert (count(rule), Alert.objects.count(), open_alerts()) == (2, 2, 1)
    assert [one.cleared_at is None for one in Firing.objects.order_by("pk")] == [False, True]


@pytest.mark.parametrize("end", [disable_rules, lambda rules, by: hide_rule(rules[0], by=by)])
def test_a_rule_that_is_off_holds_nothing(fast, end):
    rule, _vehicle = fast
    end([rule], by=administrator())
    drain()
    assert open_alerts() == 0
    assert Firing.objects.get().cleared_at is not None


def test_a_vehicle_that_is_deleted_has_no_open_alert(fast):
    _rule, vehicle = fast
    hide_vehicles([vehicle.pk], by=administrator())
    drain()
    assert (open_alerts(), RuleState.objects.count()) == (0, 0)


def test_a_changed_pattern_closes_what_is_no_longer_so_and_keeps_what_is(fast):
    rule, vehicle = fast
    rule = update_rule(rule, {"pattern": {**FAST, "value": 85}}, by=administrator())
    drain()
    assert (open_alerts(), Alert.objects.count(), count(rule)) == (1, 1, 2)
    update_rule(rule, {"pattern": {**FAST, "value": 100}}, by=administrator())
    drain()
    assert open_alerts() == 0
    assert not Firing.objects.filter(cleared_at__isnull=True).exists()
    assert not RuleState.objects.filter(vehicle=vehicle, is_true=True).exists()


def test_switched_on_again_it_begins_anew(fast):
    rule, _vehicle = fast
    disable_rules([rule], by=administrator())
    enable_rules([rule], by=administrator())
    drain()
    assert (count(rule), open_alerts()) == (2, 1)


def test_maintenance_opens_a_task_ahead_and_begins_anew_when_it_is_completed():
    due = {"due": {"every_km": 10_000, "ahead_km": 500}}
    rule = make_rule(
        due, actions=[{"type": "create_task", "title": "Service", "checklist": ["Oil", "Brakes"]}]
    )
    vehicle = make_vehicle()
    for odometer, tasks in ((41_000.0, 0), (49_499.0, 0), (49_500.0, 1), (50_100.0, 1)):
        say(vehicle, odometer_km=odometer)
        run_pending_actions()
        assert Task.objects.count() == tasks, odometer
    complete_task(Task.objects.get(), by=administrator())
    drain()
    for odometer, tasks in ((59_599.0, 1), (59_600.0, 2)):
        say(vehicle, odometer_km=odometer)
        run_pending_actions()
        assert Task.objects.count() == tasks, odometer
    assert [item["text"] for item in Task.objects.first().checklist] == ["Oil", "Brakes"]
    assert count(rule) == 2


def test_what_was_told_again_owes_its_task_s_completion_once(fast):
    rule, vehicle = fast
    update_rule(rule, {"repeat_s": 60}, by=administrator())
    drain()
    begin = RuleState.objects.get(is_true=True).since
    drain(until=int(begin.timestamp() * 1000) + 150_000)
    assert Firing.objects.filter(kind="REPEATED").count() == 2
    say(vehicle, speed_kmh=60.0)
    assert FiringAction.objects.filter(type="complete_task").count() == 1
    for _turn in range(3):
        run_pending_actions()
    assert [task.status for task in Task.objects.all()] == ["complete"]


def test_an_alert_closes_when_its_rule_raises_none_any_more(fast):
    rule, _vehicle = fast
    update_rule(rule, {"actions": [TASK, {**RAISE, "severity": "LOW"}]}, by=administrator())
    assert open_alerts() == 1
    update_rule(rule, {"actions": [TASK]}, by=administrator())
    assert open_alerts() == 0
    assert Alert.objects.get().events.get(kind="CLOSED").cause.data["kind"] == "user"
    assert Firing.objects.get().cleared_at is None


@pytest.mark.parametrize("end", [lambda rule: disable_rules([rule], by=administrator()), hide])
def test_a_task_stays_open_when_its_rule_is_off_as_nobody_knows_whether_it_is_still_so(fast, end):
    rule, _vehicle = fast
    run_pending_actions()
    end(rule)
    run_pending_actions()
    assert Task.objects.get().status == "created"
