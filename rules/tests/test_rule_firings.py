"""What a firing tells of itself: its kind and times, its actions' attempts, what led to it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import People
from rules.models import ActionAttempt, Firing, FiringAction
from rules.tests.factories import make_rule, make_vehicle

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return People.make()


def fired(people, **values):
    vehicle = make_vehicle("north-1", people.north)
    rule = make_rule(by=people.administrator)
    given = {"explanation": "it was so", "cause": {"kind": "message"}, "rule_version": 1, **values}
    return Firing.objects.create(rule=rule, vehicle=vehicle, **given)


def owes(firing, *, status="FAILED", attempts=2):
    action = FiringAction.objects.create(
        firing=firing,
        index=0,
        type="store_log",
        params={"level": "INFO", "message": "m"},
        status=status,
        attempts=attempts,
    )
    for number in range(1, attempts + 1):
        ActionAttempt.objects.create(
            action=action, number=number, took_ms=20 * number, status="FAILED", answer=f"No {number}."
        )
    return action


def test_a_firing_tells_its_times_and_what_led_to_it(people):
    at = timezone.now() - timedelta(minutes=5)
    parent = fired(people)
    firing = Firing.objects.create(
        rule=parent.rule,
        rule_version=1,
        vehicle=parent.vehicle,
        kind="REPEATED",
        occurred_at=at,
        cleared_at=at + timedelta(seconds=30),
        parent=parent,
        hops=1,
        explanation="it was so still",
        cause={"kind": "rule", "rule_id": parent.rule_id, "firing_id": parent.pk},
    )
    told = people.client("operator").get(f"/api/v1/firings/{firing.pk}").data
    assert (told["kind"], told["parent_id"], told["hops"]) == ("REPEATED", parent.pk, 1)
    assert told["occurred_at"] < told["cleared_at"] < told["fired_at"]
    path = f"/api/v1/rules/{parent.rule_id}/firings?kind=FIRED"
    assert [one["id"] for one in people.client("operator").get(path).data["data"]] == [parent.pk]


def test_each_attempt_of_an_action_is_told(people):
    firing = fired(people)
    owes(firing)
    (action,) = people.client("operator").get(f"/api/v1/firings/{firing.pk}").data["actions"]
    assert [(one["number"], one["took_ms"], one["answer"]) for one in action["tries"]] == [
        (1, 20, "No 1."),
        (2, 40, "No 2."),
    ]
    assert (action["alert_id"], action["task_id"]) == (None, None)


def test_a_failed_action_is_run_again_over_the_api(people):
    firing = fired(people)
    action = owes(firing)
    path = f"/api/v1/firings/{firing.pk}/actions/0/retry"
    assert people.client("operator").post(path).status_code == 403
    assert people.client("stranger").post(path).status_code == 404
    answer = people.client("manager").post(path)
    assert (answer.status_code, answer.data["id"]) == (200, firing.pk)
    assert answer.data["actions"][0]["status"] in ("PENDING", "DONE")
    action.refresh_from_db()
    assert action.status in ("PENDING", "DONE")
    assert people.client("manager").post(path).status_code == 409
    assert people.client("manager").post(f"/api/v1/firings/{firing.pk}/actions/7/retry").status_code == 404
