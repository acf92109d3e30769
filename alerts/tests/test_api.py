"""Alerts below /api/v1/, as people and keys use them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from alerts.effects import raise_alerts
from alerts.models import Alert
from alerts.services import acknowledge_alert
from alerts.tests.factories import RULE, AlertFactory, a_raise
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OF_CONTRACT = {
    "id", "vehicle_id", "fleet_id", "alert_type", "severity", "value", "threshold", "message", "acknowledged",
    "triggered_at",
}  # fmt: skip
BESIDE = {
    "field", "state", "worst_value", "count", "last_at", "raised_at", "acknowledged_at", "acknowledged_by", "notes",
    "assignee", "escalate_at", "escalated_at", "closed_at", "origin",
}  # fmt: skip


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people):
    return VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)


@pytest.fixture
def operator(people):
    return people.client("operator")


@pytest.fixture
def alert(vehicle):
    raise_alerts([a_raise(vehicle.pk)])
    return Alert.objects.get()


def types(client, query=""):
    answer = client.get(f"/api/v1/alerts?{query}")
    assert answer.status_code == 200, answer.content
    return [alert["alert_type"] for alert in answer.json()["data"]]


def post(client, path, body=None, code=200):
    answer = client.post(f"/api/v1/alerts/{path}", body or {})
    assert answer.status_code == code, answer.content
    return answer.json()


def test_an_alert_is_told_as_the_contract_says(operator, alert):
    (told,) = operator.get("/api/v1/alerts").json()["data"]
    assert told.keys() == OF_CONTRACT | BESIDE
    assert {name: told[name] for name in OF_CONTRACT} == {
        "id": alert.pk,
        "vehicle_id": DEVICE_VEHICLE_ID,
        "fleet_id": "fleet-north",
        "alert_type": "OVERSPEED",
        "severity": "HIGH",
        "value": 92.0,
        "threshold": 80.0,
        "message": "92 km/h is faster than 80 km/h.",
        "acknowledged": False,
        "triggered_at": "2026-11-20T08:00:00Z",
    }
    assert (told["state"], told["count"], told["worst_value"]) == ("OPEN", 1, 92.0)
    assert (told["origin"], told["assignee"], told["closed_at"]) == ("rule:12", None, None)


def test_one_alert_tells_its_story_and_has_a_tag(people, operator, alert):
    answer = operator.get(f"/api/v1/alerts/{alert.pk}")
    (raised,) = answer.json()["events"]
    assert raised == {"kind": "RAISED", "at": raised["at"], "cause": RULE, "text": ""}
    acknowledge_alert(alert, "Mine.", by=people.manager)
    again = operator.get(f"/api/v1/alerts/{alert.pk}")
    assert [event["kind"] for event in again.json()["events"]] == ["RAISED", "ACKNOWLEDGED"]
    assert again["ETag"] != answer["ETag"]


def test_acknowledging_answers_who_did_and_when(operator, alert):
    told = post(operator, f"{alert.pk}/acknowledge", {"notes": "Called him."})
    assert told["id"] == alert.pk
    assert told["acknowledged"] is True
    assert told["acknowledged_by"] == "operator@example.org"
    assert told["acknowledged_at"] <= told["events"][-1]["at"]
    assert (told["notes"], told["state"]) == ("Called him.", "ACKNOWLEDGED")


def test_acknowledging_again_answers_the_first_one(people, operator, alert):
    first = post(operator, f"{alert.pk}/acknowledge", {"notes": "Called him."})
    again = post(people.client("manager"), f"{alert.pk}/acknowledge", {"notes": "So did I."})
    for name in ("acknowledged_by", "acknowledged_at", "notes"):
        assert again[name] == first[name]
    assert again["events"][-1]["text"] == "So did I."


def test_notes_may_be_left_out_and_a_key_tells_its_name(people, alert):
    told = post(people.client("write_key"), f"{alert.pk}/acknowledge")
    assert (told["acknowledged_by"], told["notes"]) == ("write", "")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"notes": "x" * 10_001}, "notes"),
        ({"notes": 5, "why": "x"}, "why"),
        ({"notes": None}, "notes"),
    ],
)
def test_what_cannot_be_noted_is_refused(operator, alert, body, name):
    assert name in post(operator, f"{alert.pk}/acknowledge", body, 422)["errors"]


def test_the_list_has_what_nobody_acknowledged_unless_it_is_asked_for_more(people, operator, vehicle):
    AlertFactory(alert_type="OPEN", vehicle=vehicle)
    AlertFactory(alert_type="OVER", vehicle=vehicle, closed=True)
    acknowledge_alert(AlertFactory(alert_type="KNOWN", vehicle=vehicle), by=people.operator)
    assert types(operator) == ["OVER", "OPEN"]
    assert types(operator, "acknowledged=") == ["OVER", "OPEN"]
    assert types(operator, "acknowledged=false") == ["OVER", "OPEN"]
    assert types(operator, "acknowledged=true") == ["KNOWN"]
    assert types(operator, "acknowledged=ALL") == ["KNOWN", "OVER", "OPEN"]
    assert types(operator, "open=true") == ["OPEN"]
    assert types(operator, "open=true&acknowledged=all") == ["KNOWN", "OPEN"]
    assert types(operator, "open=false") == ["OVER"]
    assert types(operator, "open=all") == ["OVER", "OPEN"]


def test_alerts_are_found_by_what_they_are_about(people, operator, vehicle):
    AlertFactory(alert_type="A", vehicle=vehicle, severity="LOW", origin="rule:3", assignee=people.operator)
    AlertFactory(alert_type="B", severity="CRITICAL", vehicle__fleet=people.north, message="Too hot.")
    AlertFactory(alert_type="C", severity="HIGH", vehicle__fleet=people.north, triggered_at=NOON)
    assert types(operator, f"vehicle_id={DEVICE_VEHICLE_ID}") == ["A"]
    assert types(operator, "severity=LOW&severity=CRITICAL") == ["B", "A"]
    assert types(operator, "severity=HIGH") == ["C"]
    assert types(operator, "alert_type=B") == ["B"]
    assert types(operator, "origin=rule:3") == ["A"]
    assert types(operator, "assignee=OPERATOR@example.org") == ["A"]
    assert types(operator, "has_assignee=false") == ["C", "B"]
    assert types(operator, "search=hot") == ["B"]
    assert types(operator, f"search={DEVICE_VEHICLE_ID}") == ["A"]
    assert types(operator, "fleet_id=fleet-north") == ["C", "B", "A"]
    assert types(operator, "triggered_after=2026-03-02T12:00:00Z&triggered_before=2026-03-02T12:00:01Z") == [
        "C"
    ]
    assert types(operator, "triggered_before=2026-03-02T12:00:00Z") == []


def test_alerts_are_ordered_by_how_severe_they_are(operator, vehicle):
    for severity in ("HIGH", "LOW", "CRITICAL", "MEDIUM"):
        AlertFactory(alert_type=severity, severity=severity, vehicle=vehicle)
    assert types(operator, "ordering=-severity") == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    assert types(operator, "ordering=severity,-id") == ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    assert types(operator, "ordering=-count,id") == ["HIGH", "LOW", "CRITICAL", "MEDIUM"]


@pytest.mark.parametrize(
    "query",
    [
        "acknowledged=maybe",
        "open=maybe",
        "severity=worst",
        "triggered_after=noon",
        "ordering=notes",
        "colour=red",
    ],
)
def test_what_is_not_understood_is_refused(operator, query):
    answer = operator.get(f"/api/v1/alerts?{query}")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_many_are_acknowledged_at_once(people, operator, vehicle):
    mine = [AlertFactory(vehicle=vehicle).pk for _number in range(3)]
    elsewhere = AlertFactory(vehicle__fleet=people.south).pk
    acknowledge_alert(Alert.objects.get(pk=mine[2]), by=people.manager)
    told = post(operator, "acknowledge", {"ids": [*mine[::-1], elsewhere, 10**9], "notes": "Seen."})
    assert told == {"acknowledged": 2, "ids": mine[:2]}
    assert post(operator, "acknowledge", {"ids": mine}) == {"acknowledged": 0, "ids": []}
    assert Alert.objects.get(pk=elsewhere).acknowledged_at is None


@pytest.mark.parametrize("ids", [[], [0], ["x"], [True], [2**63], "1", None, list(range(1, 1_002))])
def test_ids_that_are_none_are_refused(operator, ids):
    refused = post(operator, "acknowledge", {"ids": ids}, 422)
    assert next(iter(refused["errors"])).startswith("ids")


def test_a_manager_gives_an_alert_to_a_person_and_takes_it_back(people, alert):
    manager = people.client("manager")
    told = post(manager, f"{alert.pk}/assign", {"assignee": people.operator.email.upper()})
    assert told["assignee"] == "operator@example.org"
    assert post(manager, f"{alert.pk}/assign", {"assignee": None})["assignee"] is None
    assert "assignee" in post(manager, f"{alert.pk}/assign", {}, 422)["errors"]
    assert (
        "assignee" in post(manager, f"{alert.pk}/assign", {"assignee": people.stranger.email}, 422)["errors"]
    )


def test_nobody_is_given_an_alert_that_they_would_not_see(people, alert):
    administrator = people.client("administrator")
    refused = post(administrator, f"{alert.pk}/assign", {"assignee": people.stranger.email}, 422)
    assert "may not see the vehicle" in refused["errors"]["assignee"][0]


def test_an_operator_takes_an_alert_and_gives_none_to_others(people, operator, alert):
    assert post(operator, f"{alert.pk}/assign", {"assignee": people.operator.email})["assignee"]
    refused = post(operator, f"{alert.pk}/assign", {"assignee": people.manager.email}, 403)
    assert refused["error"] == "FORBIDDEN"
    assert "manager@example.org" in refused["detail"]


def test_a_manager_closes_an_alert_once(people, operator, alert):
    manager = people.client("manager")
    told = post(manager, f"{alert.pk}/close", {"notes": "A false sensor."})
    assert (told["state"], told["acknowledged"]) == ("CLOSED", True)
    assert told["closed_at"] <= timezone.now().isoformat()
    assert (told["events"][-1]["kind"], told["events"][-1]["text"]) == ("CLOSED", "A false sensor.")
    assert post(manager, f"{alert.pk}/close", code=409)["detail"] == f"Alert {alert.pk} is closed already."
    post(operator, f"{alert.pk}/close", code=403)


def test_people_comment_on_an_alert(operator, alert):
    told = post(operator, f"{alert.pk}/comment", {"text": "The road was empty."})
    assert told["events"][-1]["text"] == "The road was empty."
    assert told["events"][-1]["cause"]["email"] == "operator@example.org"
    assert "text" in post(operator, f"{alert.pk}/comment", {"text": " "}, 422)["errors"]


def test_what_one_does_not_see_is_not_found_whatever_is_asked_of_it(people, alert):
    stranger = people.client("stranger")
    assert types(stranger, "acknowledged=all") == []
    assert stranger.get(f"/api/v1/alerts/{alert.pk}").status_code == 404
    for path, body in (
        ("acknowledge", {}),
        ("assign", {"assignee": None}),
        ("close", {}),
        ("comment", {"text": "x"}),
    ):
        told = post(stranger, f"{alert.pk}/{path}", body, 404)
        assert told["detail"] == f"Alert {alert.pk} not found"
    assert stranger.get("/api/v1/alerts?fleet_id=fleet-north").status_code == 403
    assert post(stranger, "acknowledge", {"ids": [alert.pk]}) == {"acknowledged": 0, "ids": []}


def test_a_vehicle_of_no_fleet_has_alerts_that_administrators_see(people, operator):
    AlertFactory(alert_type="ALONE", vehicle=VehicleFactory())
    assert types(operator) == []
    (told,) = people.client("administrator").get("/api/v1/alerts").json()["data"]
    assert told["fleet_id"] is None


def test_a_devices_key_reads_its_own_vehicles_alerts_alone(people, alert):
    AlertFactory(alert_type="OTHER", vehicle__fleet=people.north)
    assert types(people.client("device_key")) == ["OVERSPEED"]


def test_alerts_are_raised_and_ended_by_rules_alone(people, alert):
    administrator = people.client("administrator")
    assert administrator.post("/api/v1/alerts", {}).status_code == 405
    assert administrator.patch(f"/api/v1/alerts/{alert.pk}", {"severity": "LOW"}).status_code == 405
    assert administrator.delete(f"/api/v1/alerts/{alert.pk}").status_code == 405
    assert administrator.get("/api/v1/alerts/acknowledge").status_code == 405


def test_last_and_first_time_are_told_apart(operator, vehicle):
    AlertFactory(vehicle=vehicle, triggered_at=NOON, last_at=NOON + timedelta(minutes=4), count=17)
    (told,) = operator.get("/api/v1/alerts").json()["data"]
    assert (told["triggered_at"], told["last_at"]) == ("2026-03-02T12:00:00Z", "2026-03-02T12:04:00Z")
