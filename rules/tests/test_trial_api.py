"""Trials and reasons over the API."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.tests.factories import FleetFactory, UserFactory
from rules import trial_jobs
from rules.models import Firing
from rules.services import create_rule
from rules.tests.test_trial import FAST, LOG, NOON, at, drive, make_vehicle
from rules.trial_jobs import work_on
from telemetry.tests.factories import store

pytestmark = pytest.mark.django_db
SPAN = {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T13:00:00Z"}
EVERYTHING = {"everything": True}


@pytest.fixture
def person() -> Any:
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def api(person) -> Any:
    client = APIClient()
    client.force_authenticate(person)
    return client


def make_rule(person: Any, **values: Any) -> Any:
    values = {"name": "Too fast", "pattern": FAST, "scope": EVERYTHING, "actions": [LOG], **values}
    return create_rule(values, by=person)


def test_a_draft_is_tried(api) -> None:
    drive(make_vehicle(), 50, 90, 60)
    answer = api.post("/api/v1/rules/test", {**SPAN, "pattern": FAST, "scope": EVERYTHING}, format="json")
    assert answer.status_code == 200, answer.data
    assert answer.data["firings"] == 1
    assert answer.data["from"] == "2026-03-02T12:00:00Z"


def test_a_stored_rule_is_tried_as_it_is_and_with_a_change(api, person) -> None:
    drive(make_vehicle(), 50, 90, 60, 110, 60)
    rule = make_rule(person)
    assert api.post(f"/api/v1/rules/{rule.pk}/test", SPAN, format="json").data["firings"] == 2
    change = {**SPAN, "pattern": {**FAST, "value": 100}, "cooldown_s": 5}
    assert api.post(f"/api/v1/rules/{rule.pk}/test", change, format="json").data["firings"] == 1
    rule.refresh_from_db()
    assert rule.pattern == FAST


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**SPAN}, "pattern"),
        ({"pattern": FAST, "scope": EVERYTHING}, "from"),
        ({**SPAN, "pattern": FAST}, "scope"),
        ({**SPAN, "pattern": FAST, "vehicles": ["nobody"]}, "vehicles"),
        ({**SPAN, "pattern": FAST, "scope": EVERYTHING, "speed": 1}, "speed"),
        ({**SPAN, "from": "yesterday", "pattern": FAST, "scope": EVERYTHING}, "from"),
        ({"file": 4711, "pattern": FAST}, "file"),
    ],
)
def test_what_is_wrong_is_named(api, body, field) -> None:
    answer = api.post("/api/v1/rules/test", body, format="json")
    assert answer.status_code == 422
    assert field in answer.data["errors"]


def test_a_large_trial_is_done_by_a_worker_while_the_request_waits(api, monkeypatch) -> None:
    drive(make_vehicle(), 50, 90, 60)
    monkeypatch.setattr(trial_jobs, "AT_ONCE", 2)
    rung: list[str] = []

    def ring(token: str, *, later: bool = False) -> None:
        rung.append(token)
        work_on(token)

    monkeypatch.setattr(trial_jobs, "_ring", ring)
    answer = api.post("/api/v1/rules/test", {**SPAN, "pattern": FAST, "scope": EVERYTHING}, format="json")
    assert answer.status_code == 200, answer.data
    assert answer.data["firings"] == 1
    assert len(rung) == 1


def test_a_trial_that_no_worker_takes_is_refused_for_now(api, monkeypatch) -> None:
    drive(make_vehicle(), 50, 90, 60)
    monkeypatch.setattr(trial_jobs, "AT_ONCE", 2)
    monkeypatch.setattr(trial_jobs, "TAKEN_WITHIN_S", 0.1)
    monkeypatch.setattr(trial_jobs, "_ring", lambda token, later=False: None)
    answer = api.post("/api/v1/rules/test", {**SPAN, "pattern": FAST, "scope": EVERYTHING}, format="json")
    assert answer.status_code == 503
    assert "No worker takes the trial now" in answer.data["detail"]


def test_a_trial_whose_worker_stopped_is_told_to_be_lost(person, monkeypatch) -> None:
    asked = trial_jobs.Asked({}, at(0), at(60))
    running = trial_jobs.Job("user:1", asked, "running", 0.4)
    assert not running.is_lost
    monkeypatch.setattr(trial_jobs, "SILENT_S", -1)
    assert running.is_lost
    assert "has stopped" in trial_jobs.why_lost(running)


def test_at_most_one_trial_is_worked_on_at_a_time(person, monkeypatch) -> None:
    drive(make_vehicle(), 50, 90, 60)
    monkeypatch.setattr(trial_jobs, "AT_ONCE", 2)
    rung: list[bool] = []
    monkeypatch.setattr(trial_jobs, "_ring", lambda token, later=False: rung.append(later))
    asked = trial_jobs.Asked({"pattern": FAST, "scope": EVERYTHING}, at(0), at(60))
    token = trial_jobs.try_or_ask(asked, by=person)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [trial_jobs.LOCK])
        work_on(str(token))
    assert rung == [False, True]
    job = trial_jobs.find_job(str(token), by=person)
    assert job is not None
    assert job.state == "waiting"


def test_a_job_is_found_only_by_who_asked_for_it(person, monkeypatch) -> None:
    drive(make_vehicle(), 50, 90, 60)
    monkeypatch.setattr(trial_jobs, "AT_ONCE", 2)
    monkeypatch.setattr(trial_jobs, "_ring", lambda token, later=False: None)
    asked = trial_jobs.Asked({"pattern": FAST, "scope": EVERYTHING}, at(0), at(60))
    token = trial_jobs.try_or_ask(asked, by=person)
    assert isinstance(token, str)
    assert trial_jobs.find_job(token, by=UserFactory(role="ADMINISTRATOR")) is None
    work_on(token)
    job = trial_jobs.find_job(token, by=person)
    assert job is not None
    assert job.told is not None
    assert job.told["firings"] == 1


def why(api: Any, rule: Any, seconds: float, vehicle_id: str = "VH-1") -> Any:
    moment = at(seconds).isoformat()
    answer = api.get(f"/api/v1/rules/{rule.pk}/why", {"vehicle_id": vehicle_id, "at": moment})
    assert answer.status_code == 200, answer.data
    return answer.data


def begun(rule: Any) -> Any:
    type(rule).objects.filter(pk=rule.pk).update(started_at=NOON - timedelta(days=1))
    rule.versions.update(at=NOON - timedelta(days=1))
    rule.refresh_from_db()
    return rule


def test_it_says_which_node_was_not_true(api, person) -> None:
    drive(make_vehicle(), 50, 70)
    slow = {"field": "speed_kmh", "operator": "lt", "value": 200}
    rule = begun(make_rule(person, pattern={"all": [FAST, slow]}))
    told = why(api, rule, 15)
    assert told["verdict"] == "NOT_TRUE"
    group, fast, other = told["nodes"]
    assert (group["truth"], group["told"]) == (False, "1 of 2 are true")
    assert fast["truth"] is False
    assert fast["told"] == "speed_kmh was 70, which is not over 80"
    assert fast["path"] == "pattern.all[0]"
    assert fast["values"] == {"speed_kmh": {"value": 70, "at": "2026-03-02T12:00:10Z"}}
    assert other["truth"] is True


def test_it_says_what_is_missing_of_a_time(api, person) -> None:
    drive(make_vehicle(), 50, 90, 95)
    rule = begun(make_rule(person, pattern={"lasts": FAST, "seconds": 120}))
    told = why(api, rule, 58)
    assert told["nodes"][0]["told"] == "true since 2026-03-02 12:00:10 UTC: 48 s of 2 min"
    often = begun(make_rule(person, name="often", pattern={"often": FAST, "times": 3, "seconds": 600}))
    assert "became true 1 of 3 times" in why(api, often, 30)["nodes"][0]["told"]
    silent = begun(make_rule(person, name="silent", pattern={"silent": 600}))
    assert "10 s of 10 min without one" in why(api, silent, 30)["nodes"][0]["told"]


def test_what_was_true_already_does_not_fire_anew(api, person) -> None:
    drive(make_vehicle(), 50, 90, 95)
    told = why(api, begun(make_rule(person)), 25)
    assert told["verdict"] == "STILL_TRUE"
    assert told["true_since"] == "2026-03-02T12:00:10Z"


def test_a_cooldown_is_told(api, person) -> None:
    drive(make_vehicle(), 90, 50, 90)
    told = why(api, begun(make_rule(person, cooldown_s=60)), 20)
    assert told["verdict"] == "HELD_BACK"
    assert "the cooldown is 60 s" in told["answer"]


def test_what_nobody_knows_is_told(api, person) -> None:
    make_vehicle()
    told = why(api, begun(make_rule(person)), 20)
    assert told["verdict"] == "NOT_KNOWN"
    assert told["nodes"][0]["told"] == "speed_kmh was not known"


def test_a_stored_firing_is_found(api, person) -> None:
    vehicle = make_vehicle()
    drive(vehicle, 50, 90)
    rule = begun(make_rule(person))
    firing = Firing.objects.create(
        rule=rule,
        rule_version=1,
        vehicle=vehicle,
        occurred_at=at(10),
        explanation="speed_kmh was 90",
        cause={},
    )
    told = why(api, rule, 12)
    assert (told["verdict"], told["firing_id"]) == ("FIRED", firing.pk)


def failing(told: Any) -> list[str]:
    return [check["name"] for check in told["checks"] if not check["ok"]]


def test_a_rule_that_is_off_or_began_later_or_looks_elsewhere_says_so(api, person) -> None:
    drive(make_vehicle(), 90)
    assert failing(why(api, begun(make_rule(person, enabled=False)), 10)) == ["enabled"]
    assert "begun" in failing(why(api, make_rule(person, name="later"), 10))
    elsewhere = begun(make_rule(person, name="elsewhere", scope={"fleets": []}))
    told = why(api, elsewhere, 10)
    assert (failing(told), told["verdict"]) == (["scope"], "NOT_WATCHED")


def test_what_its_maker_does_not_see_is_not_watched(api) -> None:
    mine, other = FleetFactory(), FleetFactory()
    drive(make_vehicle("VH-1", fleet=other), 90)
    rule = begun(make_rule(UserFactory(role="MANAGER", fleets=[mine])))
    told = why(api, rule, 10)
    assert failing(told) == ["sight"]
    assert "does not see VH-1" in told["answer"]


def test_a_reading_that_came_late_is_told(api, person) -> None:
    vehicle = make_vehicle()
    store(vehicle, [(at(10), {"speed_kmh": 90, "received_at": at(40)}), (at(20), {"speed_kmh": 50})])
    assert failing(why(api, begun(make_rule(person)), 10)) == ["late"]


def test_why_needs_a_vehicle_that_one_sees(api, person) -> None:
    rule = make_rule(person)
    assert api.get(f"/api/v1/rules/{rule.pk}/why").status_code == 422
    assert api.get(f"/api/v1/rules/{rule.pk}/why", {"vehicle_id": "nobody"}).status_code == 404


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "noon"])
def test_why_is_asked_of_times_that_were(api, person, moment) -> None:
    rule = make_rule(person)
    make_vehicle()
    answer = api.get(f"/api/v1/rules/{rule.pk}/why", {"vehicle_id": "VH-1", "at": moment})
    assert answer.status_code == 422
    assert "at" in answer.data["errors"]


def test_a_rule_that_may_repeat_itself_often_is_tried_by_a_worker(person, monkeypatch) -> None:
    monkeypatch.setattr(trial_jobs, "_ring", lambda token: None)
    drive(make_vehicle(), 50, 90, 60)
    values = {"pattern": FAST, "scope": EVERYTHING}
    often = trial_jobs.Asked({**values, "repeat_s": 10}, at(0), at(600_000))
    seldom = trial_jobs.Asked({**values, "repeat_s": 20}, at(0), at(600_000))
    assert isinstance(trial_jobs.try_or_ask(often, by=person), str)
    assert trial_jobs.try_or_ask(seldom, by=person)["firings"] == 1
