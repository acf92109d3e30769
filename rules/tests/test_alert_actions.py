"""Alerts of rules: what an action says of them, and who is told when nobody acknowledges them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.tests.factories import UserFactory
from alerts.models import Alert
from alerts.services import acknowledge_alert
from rules.actions import check_actions
from rules.alert_actions import alert_of, subject_of
from rules.escalation import escalate_due
from rules.models import FiringAction
from rules.tasks import escalate_alerts
from rules.tests.factories import administrator
from rules.tests.owing import actions_of, fire, owe, rule_of, vehicle_of, work

pytestmark = pytest.mark.django_db

ALERT = {"type": "raise_alert", "alert_type": "OVERSPEED", "severity": "HIGH"}
ESCALATES = {**ALERT, "escalate_after_minutes": 10, "escalate_to": ["role:MANAGER", "boss@fleet.example"]}
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}


@pytest.fixture(autouse=True)
def outbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def test_an_alert_that_is_run_from_the_outbox_is_raised_once_per_rule_and_vehicle():
    rule, vehicle = rule_of(ALERT, pattern=FAST), vehicle_of()
    first, again = (actions_of(fire(rule, vehicle))[0] for _ in "ab")
    work(first, again)
    alert = Alert.objects.get()
    assert (alert.alert_type, alert.severity, alert.message) == ("OVERSPEED", "HIGH", "Service due: VH-1")
    assert (alert.field, alert.threshold, alert.count) == ("speed_kmh", 80, 2)
    assert first.alert == again.alert == alert
    assert first.result == f"Alert {alert.pk} is raised."


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        (FAST, ("speed_kmh", 80, False)),
        (
            {"all": [{"field": "status", "operator": "eq", "value": "MOVING"}, {"not": FAST}]},
            ("speed_kmh", 80, True),
        ),
        (
            {"lasts": {"field": "battery_pct", "operator": "le", "value": 15}, "seconds": 60},
            ("battery_pct", 15, True),
        ),
        ({"any": [{"silent": 1800}, {"often": FAST, "times": 3, "seconds": 60}]}, ("speed_kmh", 80, False)),
        ({"field": "speed_kmh", "operator": "gt", "value": {"field": "speed_limit_kmh"}}, None),
        ({"field": "status", "operator": "eq", "value": "IDLE"}, None),
        ({"field": "moving", "operator": "eq", "value": True}, None),
    ],
)
def test_an_alert_is_about_the_patterns_first_comparison_with_a_number(pattern, subject):
    assert subject_of(pattern) == subject


def test_an_alert_may_name_another_attribute():
    (action,) = owe({**ALERT, "field": "engine_temp_c", "threshold": 100})
    told = alert_of(
        action.params,
        rule_id=1,
        vehicle=2,
        at=timezone.now(),
        cause={},
        pattern=FAST,
        known={"engine_temp_c": 104},
    )
    assert (told.field, told.threshold, told.value, told.low_is_worse) == ("engine_temp_c", 100, 104, False)


def escalating():
    work(*owe(ESCALATES))
    alert = Alert.objects.get()
    assert escalate_due() == 0
    Alert.objects.update(escalate_at=timezone.now())
    return alert


def test_others_are_told_of_what_nobody_acknowledged_once_and_by_the_outbox():
    alert = escalating()
    manager = UserFactory(role="MANAGER", fleets=[alert.vehicle.fleet])
    assert escalate_alerts() == 1
    assert escalate_alerts() == 0
    raised, email = FiringAction.objects.order_by("index")
    assert (email.firing_id, email.index, email.type) == (raised.firing_id, 1, "send_email")
    work(email)
    (message,) = mail.outbox
    assert (message.to, message.bcc) == (["boss@fleet.example"], [manager.email])
    assert message.subject == "HIGH: OVERSPEED of VH-1, not acknowledged for 0 minutes"
    assert f"/alerts/{alert.pk}" in message.body
    alert.refresh_from_db()
    assert alert.escalated_at - timezone.now() < timedelta(seconds=5)
    told = alert.events.get(kind="ESCALATED")
    assert told.text == "To role:MANAGER, boss@fleet.example."
    assert told.cause.data["firing_id"] == raised.firing_id


def test_nobody_is_told_of_what_was_acknowledged():
    acknowledge_alert(escalating(), by=administrator())
    assert (escalate_due(), FiringAction.objects.count()) == (0, 1)


def test_an_alert_whose_firing_is_gone_is_marked_all_the_same():
    alert = escalating()
    FiringAction.objects.all().delete()
    assert (escalate_due(), escalate_due()) == (1, 0)
    alert.refresh_from_db()
    assert alert.escalated_at is not None


@pytest.mark.parametrize(
    ("params", "name", "told"),
    [
        ({"alert_type": "overspeed"}, "alert_type", "“overspeed” is no type of alert"),
        ({"alert_type": "X" * 65}, "alert_type", "is no type of alert"),
        ({"severity": "BAD"}, "severity", "“BAD” is not a severity; one of LOW, MEDIUM, HIGH, CRITICAL is."),
        ({"threshold": "80"}, "threshold", "“80” is not a number."),
        ({"threshold": True}, "threshold", "is not a number."),
        ({"escalate_after_minutes": 10}, "escalate_to", "Say who is told then."),
        ({"escalate_to": ["customer"]}, "escalate_after_minutes", "Say after how many minutes"),
        (
            {"escalate_after_minutes": -1, "escalate_to": ["customer"]},
            "escalate_after_minutes",
            "is not a number of",
        ),
        ({"escalate_after_minutes": 1, "escalate_to": ["role:X"]}, "escalate_to", "“role:X” is no role"),
    ],
)
def test_what_an_alert_cannot_be_is_refused_at_save(params, name, told):
    errors = check_actions([{**ALERT, **params}], by=administrator())
    assert told in errors[f"actions[0].{name}"][0]


def test_a_rule_raises_one_alert():
    errors = check_actions([ALERT, {"type": "store_log", "message": "x"}, ALERT], by=administrator())
    told = "A rule raises one alert, and action 1 does; make another rule for a second alert."
    assert errors == {"actions[2].type": [told]}


def test_an_alert_of_what_has_ended_meanwhile_is_not_raised():
    firing = fire(rule_of(ALERT), vehicle_of(), cleared_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    (action,) = actions_of(firing)
    work(action)
    assert (action.status, Alert.objects.count()) == ("DONE", 0)
    assert action.result == "No alert is raised, as it is no longer so since 2026-03-01T12:00:00Z."
