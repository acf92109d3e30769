"""What a rule said at each time, who made it say so, and who may read it."""

import pytest
from django.db import IntegrityError, transaction

from accounts.actors import KeyActor
from accounts.tests.people import People
from rules.exceptions import RuleIsNotYours
from rules.models import Rule, RuleVersion
from rules.services import (
    attach_rules_to_task,
    create_rule,
    disable_rules,
    hide_rule,
    purge_rule,
    restore_rule,
    return_to_version,
    update_rule,
)
from rules.tests.factories import LOG, OVER, make_rule, make_vehicle
from task_management.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return People.make()


def numbers(rule):
    return list(RuleVersion.objects.filter(rule=rule).order_by("number").values_list("number", "changed"))


def test_each_change_is_kept_with_what_differs_and_who_made_it(people):
    rule = make_rule(by=people.manager)
    update_rule(rule, {"name": "Other", "actions": []}, by=people.manager)
    update_rule(rule, {"name": "Other"}, by=people.manager)
    disable_rules([rule], by=people.administrator)
    hide_rule(rule, by=people.administrator)
    restore_rule(rule, by=people.administrator)
    assert numbers(rule) == [
        (1, []),
        (2, ["name", "actions"]),
        (3, ["enabled"]),
        (4, ["deleted"]),
        (5, ["restored"]),
    ]
    second, third = RuleVersion.objects.get(rule=rule, number=2), RuleVersion.objects.get(rule=rule, number=3)
    assert (second.definition["name"], second.definition["actions"]) == ("Other", [])
    assert (second.cause.data, third.cause.data) == (
        people.manager.as_cause(),
        people.administrator.as_cause(),
    )
    rule.refresh_from_db()
    assert rule.version == 5


def test_a_task_that_is_attached_is_a_version_too(people):
    rule = make_rule(scope={}, by=people.manager)
    task = Task.objects.create(title="t", vehicle=make_vehicle("north-1", people.north))
    attach_rules_to_task(task, [rule], by=people.manager)
    version = RuleVersion.objects.get(rule=rule, number=2)
    assert (version.changed, version.definition["scope"]["tasks"]) == (["scope"], [task.pk])


def test_a_rule_from_before_there_were_versions_gets_its_earlier_one_when_it_is_changed(people):
    rule = Rule.objects.create(name="Old", pattern=OVER, created_by=people.manager, version=4)
    client = people.client("manager")
    listed = client.get(f"/api/v1/rules/{rule.pk}/versions").data
    assert [(one["number"], one["cause"]) for one in listed["data"]] == [(4, {"kind": "unknown"})]
    assert client.get(f"/api/v1/rules/{rule.pk}/versions/4").data["definition"]["name"] == "Old"
    assert not RuleVersion.objects.exists()
    update_rule(rule, {"name": "New"}, by=people.manager)
    assert numbers(rule) == [(4, []), (5, ["name"])]
    earlier = RuleVersion.objects.get(number=4)
    assert (earlier.definition["name"], earlier.at) == ("Old", rule.updated_at)


def test_versions_are_told_to_who_reads_the_rule_as_far_as_they_see_its_scope(people):
    make_vehicle("south-1", people.south)
    scope = {"fleets": ["fleet-north", "fleet-south"], "vehicles": ["south-1"]}
    rule = make_rule(scope=scope, by=people.administrator)
    path = f"/api/v1/rules/{rule.pk}/versions"
    (told,) = people.client("operator").get(path).data["data"]
    assert told["definition"]["scope"] == {
        "fleets": ["fleet-north"],
        "customers": [],
        "vehicles": [],
        "tasks": [],
    }
    assert people.client("operator").get(f"{path}/1").data == told
    whole = people.client("administrator").get(f"{path}/1").data["definition"]
    assert whole["scope"]["vehicles"] == ["south-1"]
    mine = make_rule(name="theirs", scope={"fleets": ["fleet-south"]}, by=people.administrator)
    assert people.client("operator").get(f"/api/v1/rules/{mine.pk}/versions").status_code == 404
    assert people.client("manager").get(f"{path}/2").status_code == 404


def test_a_version_is_a_body_that_the_rule_takes_back(people):
    client = people.client("manager")
    made = client.post("/api/v1/rules", {"name": "A", "pattern": OVER, "actions": [LOG], "scope": {}})
    path = f"/api/v1/rules/{made.data['id']}"
    client.patch(path, {"name": "B", "per_day": 5, "clear": {**OVER, "operator": "le"}})
    first = client.get(f"{path}/versions/1").data["definition"]
    back = client.put(path, first)
    assert (back.status_code, back.data["version"], back.data["name"]) == (200, 3, "A")
    assert (back.data["per_day"], back.data["clear"]) == (None, None)


def test_one_returns_to_a_version_by_a_new_one_and_does_not_switch_the_rule(people):
    rule = make_rule(by=people.manager)
    update_rule(rule, {"pattern": {**OVER, "value": 5}, "enabled": False}, by=people.manager)
    first = RuleVersion.objects.get(rule=rule, number=1)
    back = return_to_version(rule, first, by=people.manager)
    assert (back.version, back.pattern, back.enabled) == (3, OVER, False)
    assert numbers(rule)[-1] == (3, ["pattern"])


def test_one_does_not_return_to_what_watched_more_than_one_sees(people):
    scope = {"fleets": ["fleet-north", "fleet-south"]}
    rule = make_rule(scope=scope, by=people.administrator)
    update_rule(rule, {"scope": {"fleets": ["fleet-north"]}}, by=people.administrator)
    first = RuleVersion.objects.get(rule=rule, number=1)
    with pytest.raises(RuleIsNotYours, match="watched more than you may see"):
        return_to_version(rule, first, by=people.manager)
    rule.refresh_from_db()
    assert rule.version == 2


def test_a_purged_rule_takes_its_versions_along(people):
    rule = make_rule(by=people.administrator)
    hide_rule(rule, by=people.administrator)
    rule.refresh_from_db()
    purge_rule(rule, by=people.administrator)
    assert not RuleVersion.objects.exists()


def test_two_changes_at_once_are_two_versions(people):
    rule = make_rule(by=people.manager)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleVersion.objects.create(
            rule=rule, number=1, definition={}, cause=RuleVersion.objects.get(rule=rule).cause
        )


def test_the_secret_of_webhooks_is_told_to_and_renewed_by_who_may_edit_the_rule(people):
    rule = make_rule(scope={"fleets": ["fleet-north"]}, by=people.administrator)
    path = f"/api/v1/rules/{rule.pk}/webhook-secret"
    told = people.client("manager").get(path)
    assert (told.status_code, told.data) == (200, {"webhook_secret": rule.webhook_secret})
    assert told["Cache-Control"] == "no-store"
    assert people.client("operator").get(path).status_code == 403
    renewed = people.client("manager").post(path)
    rule.refresh_from_db()
    assert renewed.data == {"webhook_secret": rule.webhook_secret}
    assert rule.webhook_secret != told.data["webhook_secret"]
    assert numbers(rule)[-1] == (2, ["webhook_secret"])
    assert rule.webhook_secret not in str(people.client("operator").get(f"/api/v1/rules/{rule.pk}").data)
    everything = make_rule(by=people.administrator)
    assert people.client("manager").get(f"/api/v1/rules/{everything.pk}/webhook-secret").status_code == 403


def test_a_key_is_told_as_who_made_a_version(people):
    by = KeyActor(people.write_key)
    rule = create_rule({"name": "K", "pattern": OVER, "scope": {"fleets": ["fleet-north"]}}, by=by)
    assert RuleVersion.objects.get(rule=rule).cause.data["kind"] == "api_key"
