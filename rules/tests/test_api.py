import pytest

from accounts.tests.people import People
from rules.lanes import drain
from rules.models import Firing, LogEntry, Rule
from rules.outbox import run_pending_actions
from rules.services import create_rule
from rules.tests.factories import EVERYTHING, LOG, OVER, is_true, make_rule, make_vehicle, report

pytestmark = pytest.mark.django_db

DRAFT = {"name": "Service due", "scope": {"fleets": ["fleet-north"]}, "pattern": OVER, "actions": [LOG]}


@pytest.fixture
def people():
    return People.make()


def test_a_rule_is_made_read_changed_and_deleted(people):
    client = people.client("manager")
    made = client.post("/api/v1/rules", DRAFT)
    assert made.status_code == 201, made.data
    assert made.data["scope"] == {"fleets": ["fleet-north"], "customers": [], "vehicles": [], "tasks": []}
    assert made.data["sentence"] == "When odometer_km is over 10,000"
    assert (made.data["enabled"], made.data["skip_current"], made.data["version"]) == (True, False, 1)
    path = f"/api/v1/rules/{made.data['id']}/"
    assert client.get(path).data == made.data
    changed = client.patch(path, {"pattern": {**OVER, "value": 20_000}, "enabled": False})
    assert (changed.status_code, changed.data["version"], changed.data["enabled"]) == (200, 2, False)
    put = client.put(path, {**changed.data, "name": "Other"})
    assert (put.status_code, put.data["name"], put.data["version"]) == (200, "Other", 3)
    again = client.put(path, put.data)
    assert (again.status_code, again.data) == (200, put.data)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert Rule.all_objects.get().deleted_at is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"colour": "red"}, "colour"),
        ({"version": 3}, "version"),
        ({"enabled": "perhaps"}, "enabled"),
        ({"pattern": {"all": [OVER, {**OVER, "value": "abc"}]}}, "pattern.all[1].value"),
        ({"pattern": None}, "pattern"),
        ({"scope": []}, "scope"),
        ({"scope": {"cars": ["x"]}}, "scope.cars"),
        ({"scope": {"everything": True, "fleets": ["fleet-north"]}}, "scope.everything"),
        ({"scope": {"everything": 1}}, "scope.everything"),
        ({"scope": {"vehicles": ["nope"]}}, "scope.vehicles[0]"),
        ({"scope": {"vehicles": [["nope"]]}}, "scope.vehicles[0]"),
        ({"scope": {"customers": ["1"]}}, "scope.customers[0]"),
        ({"scope": {"tasks": [2**70]}}, "scope.tasks[0]"),
        ({"scope": {"fleets": "fleet-north"}}, "scope.fleets"),
        ({"actions": {}}, "actions"),
        ({"actions": ["log"]}, "actions[0]"),
        ({"actions": [{"type": "shout"}]}, "actions[0].type"),
        ({"actions": [{}]}, "actions[0].type"),
        ({"actions": [{"type": ["x"]}]}, "actions[0].type"),
        ({"actions": [{**LOG, "colour": 1}]}, "actions[0].colour"),
        ({"actions": [{"type": "store_log"}]}, "actions[0].message"),
        ({"actions": [{**LOG, "level": "LOUD"}]}, "actions[0].level"),
        ({"actions": [LOG, {"type": "send_email", "to": "nobody", "subject": "s"}]}, "actions[1].to"),
        ({"actions": [{"type": "send_email", "to": [], "subject": "s"}]}, "actions[0].to"),
        ({"actions": [{"type": "send_email", "to": "a@b.example", "subject": 5}]}, "actions[0].subject"),
        ({"actions": [{"type": "create_task", "title": "x" * 201}]}, "actions[0].title"),
        ({"actions": [{"type": "create_task", "title": "t", "due_in_hours": -1}]}, "actions[0].due_in_hours"),
        (
            {"actions": [{"type": "create_task", "title": "t", "assignee": "x@y.example"}]},
            "actions[0].assignee",
        ),
        ({"actions": [LOG] * 21}, "actions"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(people, body, field):
    answer = people.client("manager").post("/api/v1/rules", {**DRAFT, **body})
    assert answer.status_code == 422, answer.data
    assert list(answer.data["errors"]) == [field]
    assert not Rule.objects.exists()


def test_validate_checks_and_stores_nothing(people):
    client = people.client("manager")
    answer = client.post("/api/v1/rules/validate", {"pattern": OVER})
    assert (answer.status_code, answer.data) == (
        200,
        {"valid": True, "sentence": "When odometer_km is over 10,000", "now": None},
    )
    answer = client.post(
        "/api/v1/rules/validate/", {**DRAFT, "pattern": {"not": {**OVER, "operator": "contains"}}}
    )
    assert list(answer.data["errors"]) == ["pattern.not.operator"]
    assert not Rule.objects.exists()


def test_validate_tells_for_how_many_vehicles_it_is_true_now(people, monkeypatch):
    over, under = make_vehicle("VH-1", people.north), make_vehicle("VH-2", people.north)
    far = make_vehicle("VH-3", people.south)
    for vehicle, odometer in ((over, 10_412.0), (under, 9_000.0), (far, 10_412.0)):
        report(vehicle, odometer_km=odometer)

    def now(person, scope):
        client = people.client(person)
        return client.post("/api/v1/rules/validate", {"pattern": OVER, "scope": scope}).data["now"]

    assert now("manager", {"everything": True}) == {"watched": 2, "looked_at": 2, "true": 1}
    assert now("administrator", {"everything": True}) == {"watched": 3, "looked_at": 3, "true": 2}
    assert now("manager", {"vehicles": ["VH-2"]}) == {"watched": 1, "looked_at": 1, "true": 0}
    assert now("manager", {}) == {"watched": 0, "looked_at": 0, "true": 0}
    monkeypatch.setattr("rules.outlook.MOST_LOOKED_AT", 2)
    assert now("administrator", {"everything": True}) == {"watched": 3, "looked_at": 2, "true": 1}


def test_another_fleet_is_refused_and_another_fleets_vehicle_is_not_found(people):
    make_vehicle("south-1", people.south)
    client = people.client("manager")
    for fleet_id in ("fleet-south", "no-such-fleet"):
        answer = client.post("/api/v1/rules", {**DRAFT, "scope": {"fleets": [fleet_id]}})
        assert (answer.status_code, answer.data["error"]) == (403, "FORBIDDEN")
    answer = client.post("/api/v1/rules", {**DRAFT, "scope": {"vehicles": ["south-1"]}})
    assert answer.status_code == 422


def test_rules_are_read_by_who_sees_anything_and_edited_by_who_sees_all(people):
    both = make_rule(name="both", scope={"fleets": ["fleet-north", "fleet-south"]}, by=people.administrator)
    make_rule(name="mine", by=people.stranger)
    everything = make_rule(name="all", by=people.administrator)
    client = people.client("manager")
    told = client.get("/api/v1/rules").data
    assert [rule["name"] for rule in told["data"]] == ["all", "both"]
    assert told["data"][1]["scope"]["fleets"] == ["fleet-north"]
    for rule in (both, everything):
        assert client.patch(f"/api/v1/rules/{rule.pk}", {"enabled": False}).status_code == 403
    assert people.client("operator").post("/api/v1/rules", DRAFT).status_code == 403
    narrow = make_rule(name="north", scope={"fleets": ["fleet-north"]}, by=people.administrator)
    assert client.patch(f"/api/v1/rules/{narrow.pk}", {"enabled": False}).status_code == 200


def test_firings_and_logs_are_seen_by_who_sees_the_vehicle(people):
    north, south = make_vehicle("north-1", people.north), make_vehicle("south-1", people.south)
    rule = make_rule(by=people.administrator)
    report(north, row=4_812, odometer_km=10_412.0)
    report(south, odometer_km=10_413.0)
    drain()
    run_pending_actions()
    client = people.client("manager")
    listed = client.get(f"/api/v1/rules/{rule.pk}/firings").data
    assert listed["total"] == 1
    (firing,) = listed["data"]
    assert firing == client.get(f"/api/v1/firings/{firing['id']}").data
    assert firing["vehicle_id"] == "north-1"
    assert firing["explanation"] == "odometer_km was 10,412, which is over 10,000"
    assert (firing["cause"]["name"], firing["cause"]["row"]) == ("status.csv", 4_812)
    (action,) = firing["actions"]
    del action["tries"]
    assert firing["actions"] == [
        {
            "type": "store_log",
            "status": "DONE",
            "attempts": 1,
            "result": f"Stored as log entry {LogEntry.objects.get(vehicle=north).pk}.",
            "task_id": None,
            "alert_id": None,
        }
    ]
    logs = client.get("/api/v1/logs?level=WARNING").data["data"]
    assert [log["message"] for log in logs] == ["north-1 is at 10412 km"]
    other = Firing.objects.get(vehicle=south)
    assert client.get(f"/api/v1/firings/{other.pk}").status_code == 404
    assert people.client("administrator").get("/api/v1/logs").data["total"] == 2


def test_lists_filter_search_and_order(people):
    make_rule(name="Battery", enabled=False, by=people.manager, description="for vans")
    make_rule(name="Service", scope={"fleets": ["fleet-north"]}, by=people.manager)
    client = people.client("manager")

    def names(query):
        return [rule["name"] for rule in client.get(f"/api/v1/rules?{query}").data["data"]]

    assert names("enabled=false") == ["Battery"]
    assert names("search=vans") == ["Battery"]
    assert names("fleet_id=fleet-north") == ["Service"]
    assert names("everything=true") == ["Battery"]
    assert names("ordering=-name") == ["Service", "Battery"]
    assert client.get("/api/v1/rules?colour=red").status_code == 422


def test_a_write_that_no_longer_fits_is_refused(people):
    client = people.client("manager")
    made = client.post("/api/v1/rules", DRAFT)
    path, tag = f"/api/v1/rules/{made.data['id']}", made.headers["ETag"]
    assert client.patch(path, {"name": "New"}, headers={"If-Match": tag}).status_code == 200
    assert client.patch(path, {"name": "Newer"}, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize("count", [1, 6])
def test_lists_ask_a_constant_number_of_questions(people, count, django_assert_num_queries):
    vehicles = [make_vehicle(f"north-{n}", people.north) for n in range(count)]
    for n in range(count):
        create_rule(
            {"name": f"r{n}", "pattern": OVER, "scope": {"fleets": ["fleet-north"]}, "actions": [LOG]},
            by=people.manager,
        )
    rule = create_rule(
        {"name": "all", "pattern": OVER, "scope": EVERYTHING, "actions": [LOG]}, by=people.manager
    )
    for vehicle in vehicles:
        report(vehicle, odometer_km=10_412.0)
    drain()
    run_pending_actions()
    client = people.client("administrator")
    for path, queries in [("rules", 8), (f"rules/{rule.pk}/firings", 6), ("logs", 3)]:
        client.get(f"/api/v1/{path}")
        with django_assert_num_queries(queries):
            assert client.get(f"/api/v1/{path}").data["total"] >= count


def test_a_task_tells_its_rules_and_the_firing_that_made_it(people):
    vehicle = make_vehicle("north-1", people.north)
    maker = make_rule(actions=[{"type": "create_task", "title": "Service $vehicle_id"}], by=people.manager)
    watcher = make_rule(name="on task", scope={}, by=people.manager)
    report(vehicle, row=12, odometer_km=10_412.0)
    drain()
    run_pending_actions()
    client = people.client("manager")
    firing = client.get(f"/api/v1/rules/{maker.pk}/firings").data["data"][0]
    task_id = firing["actions"][0]["task_id"]
    path = f"/api/v1/tasks/{task_id}"
    task = client.get(path).data
    assert (task["title"], task["rules"], task["firing"]) == ("Service north-1", [], firing["id"])
    changed = client.patch(path, {"rules": [watcher.pk]})
    assert (changed.status_code, changed.data["rules"]) == (200, [watcher.pk])
    drain()
    assert is_true(watcher, vehicle)
    assert client.patch(path, {"rules": [2**40]}).status_code == 422
    assert client.post(f"{path}/complete").status_code == 200
    drain()
    assert not is_true(watcher, vehicle)
    made = client.post("/api/v1/tasks", {"title": "t", "vehicle_id": "north-1", "rules": [watcher.pk]})
    assert (made.status_code, made.data["rules"], made.data["firing"]) == (201, [watcher.pk], None)
    drain()
    assert Firing.objects.filter(rule=watcher).count() == 2
