import json

import pytest
from django.urls import reverse

from accounts.tests.factories import FleetFactory
from rules.lanes import drain
from rules.models import Firing, FiringAction, Rule
from rules.outbox import run_pending_actions
from rules.tests.factories import LOG, OVER, administrator, make_rule, make_vehicle, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(administrator())
    return client


def form(**values):
    filled = {
        "name": "Service due",
        "description": "",
        "enabled": "on",
        "pattern": json.dumps(OVER),
        "actions": json.dumps([LOG]),
        "everything": "on",
    }
    return {key: value for key, value in {**filled, **values}.items() if value is not None}


def page(name, *args):
    return reverse(f"admin:rules_{name}", args=args)


def test_a_rule_is_made_and_changed_through_the_services(admin):
    assert admin.post(page("rule_add"), form()).status_code == 302
    rule = Rule.objects.get()
    assert (rule.everything, rule.created_by, rule.scans.count()) == (True, administrator(), 8)
    fleet = FleetFactory()
    changed = form(everything=None, fleets=[fleet.pk], pattern=json.dumps({**OVER, "value": 5}))
    assert admin.post(page("rule_change", rule.pk), changed).status_code == 302
    rule.refresh_from_db()
    assert (rule.version, rule.everything, list(rule.fleets.all())) == (2, False, [fleet])


def test_what_is_wrong_is_told_at_its_field(admin):
    answer = admin.post(
        page("rule_add"),
        form(pattern=json.dumps({**OVER, "value": "abc"}), actions=json.dumps([{"type": "shout"}])),
    )
    errors = answer.context["adminform"].form.errors
    assert "pattern.value: “abc” is not a number" in errors["pattern"][0]
    assert "actions[0].type" in errors["actions"][0]
    assert not Rule.objects.exists()


def test_rules_are_enabled_disabled_duplicated_deleted_and_restored_in_bulk(admin):
    rule = make_rule()

    def act(name, **more):
        data = {"action": name, "_selected_action": [rule.pk], **more}
        assert admin.post(page("rule_changelist"), data).status_code == 302
        rule.refresh_from_db()

    act("disable")
    assert not rule.enabled
    act("enable")
    assert rule.enabled
    act("duplicate")
    assert Rule.objects.filter(name="Copy of Service due", enabled=False).exists()
    act("delete_selected", post="yes")
    assert rule.deleted_at is not None
    act("restore")
    assert rule.deleted_at is None


@pytest.mark.parametrize("name", ["rule", "ruleversion", "firing", "firingaction", "logentry"])
def test_lists_ask_a_constant_number_of_questions(admin, name, django_assert_max_num_queries):
    for n in range(5):
        make_rule(name=f"r{n}")
        report(make_vehicle(f"VH-{n}"), odometer_km=10_412.0)
    drain()
    run_pending_actions()
    assert Firing.objects.count() > 5
    with django_assert_max_num_queries(12):
        answer = admin.get(page(f"{name}_changelist"))
    assert answer.status_code == 200
    assert admin.get(page(f"{name}_changelist"), {"q": "VH-1"}).status_code == 200


def test_limits_are_set_and_versions_only_read(admin):
    clear = {**OVER, "operator": "le"}
    given = form(clear=json.dumps(clear), lateness_s="5", per_day="3", cooldown_s="")
    assert admin.post(page("rule_add"), given).status_code == 302
    rule = Rule.objects.get()
    assert (rule.clear, rule.lateness_s, rule.per_day, rule.cooldown_s) == (clear, 5, 3, 0)
    answer = admin.post(page("rule_change", rule.pk), form(repeat_s="3"))
    assert "from 10 to 31,536,000" in str(answer.context["adminform"].form.errors["repeat_s"])
    version = rule.versions.get()
    assert admin.get(page("ruleversion_change", version.pk)).status_code == 200
    assert admin.post(page("ruleversion_change", version.pk), {"number": 7}).status_code == 403


def test_history_is_read_only_and_actions_run_again(admin):
    make_rule()
    report(make_vehicle(), odometer_km=10_412.0)
    drain()
    action = FiringAction.objects.get()
    FiringAction.objects.update(status="PARKED", attempts=8)
    assert admin.get(page("firing_change", action.firing_id)).status_code == 200
    assert admin.post(page("firing_change", action.firing_id), {"explanation": "x"}).status_code == 403
    admin.post(page("firingaction_changelist"), {"action": "retry", "_selected_action": [action.pk]})
    action.refresh_from_db()
    assert (action.status, action.attempts) == ("PENDING", 0)
