"""Alerts as pages show them: the inbox, one with its story, the badge, and where other pages tell of them."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import UserFactory
from alerts.models import Alert, AlertEvent
from alerts.services import acknowledge_alert, assign_alert, close_alert
from alerts.story import tell_story
from dashboard.tests.answers import text_of
from rules.models import FiringAction

pytestmark = pytest.mark.django_db
ROW = {"HX-Request": "true"}


def make_alert(vehicle, **values):
    now = timezone.now()
    usual = {
        "origin": f"test:{Alert.objects.count()}",
        "alert_type": "LOW_BATTERY",
        "severity": "MEDIUM",
        "message": "The battery is low.",
        "field": "battery_pct",
        "value": 14,
        "worst_value": 9,
        "threshold": 15,
        "low_is_worse": True,
        "triggered_at": now - timedelta(minutes=9),
        "last_at": now - timedelta(minutes=1),
    }
    return Alert.objects.create(vehicle=vehicle, **{**usual, **values})


def words_of(answer):
    return " ".join(re.sub(r"<[^>]*>", " ", text_of(answer)).split())


def listed(answer):
    return [int(pk) for pk in re.findall(r'data-testid="alert-item" data-alert="(\d+)"', text_of(answer))]


def htmx(target):
    return {"HX-Request": "true", "HX-Target": target}


# ---------------------------------------------------------------- the inbox


def test_a_row_tells_what_how_bad_whom_when_how_often_and_the_worst_value(page, world):
    assign_alert(world.alert, world.people.operator, by=world.people.manager)
    shown = words_of(page.get("/alerts"))
    for told in ("Overspeed", "It drives too fast.", "high", "fleet-north-VH-001", "3 ×", "96 km/h", "open"):
        assert told in shown
    assert (world.people.operator.name or world.people.operator.email) in shown


def test_values_follow_the_units_of_the_person(page, world):
    world.people.manager.units = "IMPERIAL"
    world.people.manager.save()
    assert "60 mph" in words_of(page.get("/alerts"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"new", "heard"}),
        ("?state=unacknowledged", {"new"}),
        ("?state=acknowledged", {"heard"}),
        ("?state=closed", {"closed"}),
        ("?state=all", {"new", "heard", "closed"}),
        ("?severity=HIGH", {"new"}),
        ("?alert_type=LOW_BATTERY", {"heard"}),
        ("?vehicle_id=fleet-north-VH-002", {"heard"}),
        ("?fleet_id=fleet-north", {"new", "heard"}),
        ("?fleet_id=elsewhere", set()),
        ("?mine=true", {"heard"}),
        ("?assignee=me", {"heard"}),
        ("?assignee=nobody", {"new"}),
        ("?search=battery", {"heard"}),
        ("?state=unheard-of", set()),
    ],
)
def test_a_list_is_filtered_by_its_address(page, world, query, found):
    heard = make_alert(world.other_vehicle, assignee=world.people.manager)
    acknowledge_alert(heard, by=world.people.manager)
    closed = make_alert(world.vehicle, alert_type="ENGINE_OVERHEAT", severity="CRITICAL")
    close_alert(closed, by=world.people.manager)
    named = {"new": world.alert.pk, "heard": heard.pk, "closed": closed.pk}
    fleet = world.people.north.fleet_id
    answer = page.get(f"/alerts{query.replace('fleet-north', fleet) if 'fleet_id=fleet' in query else query}")
    assert set(listed(answer)) == {named[name] for name in found}


def test_severities_are_sorted_as_people_think_not_as_letters_do(page, world):
    Alert.objects.all().delete()
    made = {
        code: make_alert(world.vehicle, severity=code).pk for code in ("HIGH", "LOW", "CRITICAL", "MEDIUM")
    }
    worst_first = [made[code] for code in ("CRITICAL", "HIGH", "MEDIUM", "LOW")]
    assert listed(page.get("/alerts?ordering=-severity")) == worst_first


def test_an_export_has_what_the_alerts_say(page, world):
    answer = page.get("/alerts.csv?severity=HIGH")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode().lstrip("\ufeff"))))
    assert [(row["alert_type"], row["message"], row["worst_value"], row["state"]) for row in rows] == [
        ("OVERSPEED", "It drives too fast.", "96.0", "open")
    ]


def test_an_inbox_without_open_alerts_says_that_all_is_well(page, world):
    close_alert(world.alert, by=world.people.manager)
    assert "All is well" in words_of(page.get("/alerts"))


def test_a_message_cannot_become_markup(page, world):
    make_alert(world.vehicle, message="<script>alert(1)</script>", alert_type="<b>x</b>")
    for path in ("/alerts", "/", f"/alerts/{Alert.objects.latest('pk').pk}"):
        assert "<script>alert" not in text_of(page.get(path))
        assert "<b>x" not in text_of(page.get(path))


def test_another_fleets_alerts_are_not_there(client, world):
    client.force_login(world.people.stranger)
    assert listed(client.get("/alerts")) == []
    assert client.get(f"/alerts/{world.alert.pk}").status_code == 404
    assert client.post(f"/alerts/{world.alert.pk}/acknowledge").status_code == 404
    assert listed(client.get(f"/alerts/fresh?shown={world.alert.pk}")) == []
    client.post("/alerts", {"action": "acknowledge", "selected": [world.alert.pk]})
    world.alert.refresh_from_db()
    assert world.alert.acknowledged_at is None


@pytest.mark.parametrize("path", ["/alerts", "/", "/alerts/fresh?newest=0"])
def test_pages_ask_as_much_for_ten_alerts_as_for_one(page, world, path):
    page.get(path)
    with CaptureQueriesContext(connection) as few:
        page.get(path)
    for _number in range(10):
        acknowledge_alert(make_alert(world.vehicle), "seen", by=world.people.operator)
    with CaptureQueriesContext(connection) as many:
        page.get(path)
    assert len(many) == len(few)


# ---------------------------------------------------------------- what is done to them


def test_a_row_is_acknowledged_where_it_stands_with_notes_and_stays_ticked(page, world):
    pk = world.alert.pk
    answer = page.post(
        f"/alerts/{pk}/acknowledge",
        {"notes": "Called the driver", "selected": pk},
        headers=htmx(f"alert-{pk}"),
    )
    assert listed(answer) == [pk]
    assert "alerts:changed" in answer["HX-Trigger"]
    assert "checked" in text_of(answer)
    assert 'data-testid="ack-btn"' not in text_of(answer)
    world.alert.refresh_from_db()
    assert world.alert.notes == "Called the driver"
    assert world.alert.acknowledged_by.data["email"] == world.people.manager.email


def test_without_scripts_acknowledging_leads_to_the_alert(page, world):
    answer = page.post(f"/alerts/{world.alert.pk}/acknowledge", {"notes": ""}, follow=True)
    assert "The alert is acknowledged." in text_of(answer)


def test_many_are_acknowledged_with_one_note_and_the_number_is_told(page, world):
    more = make_alert(world.vehicle)
    acknowledge_alert(make_alert(world.other_vehicle), by=world.people.operator)
    ticked = list(Alert.objects.values_list("pk", flat=True))
    answer = page.post(
        "/alerts", {"action": "acknowledge", "notes": "Storm", "selected": ticked}, follow=True
    )
    assert "2 alerts are acknowledged. 1 was acknowledged before." in words_of(answer)
    more.refresh_from_db()
    assert more.notes == "Storm"


def test_managers_assign_many_to_somebody_and_operators_take_them(page, client, world):
    page.post(
        "/alerts",
        {"action": "assign", "assignee": world.people.operator.email, "selected": world.alert.pk},
    )
    world.alert.refresh_from_db()
    assert world.alert.assignee == world.people.operator
    other = make_alert(world.other_vehicle)
    client.force_login(world.people.operator)
    client.post("/alerts", {"action": "take", "selected": other.pk})
    other.refresh_from_db()
    assert other.assignee == world.people.operator


@pytest.mark.parametrize("action", ["assign", "close"])
def test_what_an_operator_may_not_do_is_neither_shown_nor_done(client, world, action):
    client.force_login(world.people.operator)
    assert f'value="{action}"' not in text_of(client.get("/alerts"))
    assert f"/alerts/{world.alert.pk}/close" not in text_of(client.get(f"/alerts/{world.alert.pk}"))
    assert client.post("/alerts", {"action": action, "selected": world.alert.pk}).status_code == 403
    assert client.post(f"/alerts/{world.alert.pk}/{action}").status_code == 403


def test_an_operator_takes_an_alert_gives_it_back_and_comments(client, world):
    client.force_login(world.people.operator)
    path = f"/alerts/{world.alert.pk}"
    assert "The alert is yours now." in text_of(
        client.post(f"{path}/assign", {"action": "take"}, follow=True)
    )
    answer = client.post(f"{path}/assign", {"action": "give_back"}, follow=True)
    assert "The alert is nobody" in text_of(answer)
    client.post(f"{path}/comments", {"text": "On my way"})
    assert "On my way" in text_of(client.get(path))


def test_whom_one_does_not_see_is_not_assigned(page, world):
    answer = page.post(
        f"/alerts/{world.alert.pk}/assign", {"assignee": world.people.stranger.email}, follow=True
    )
    assert "There is no active person" in text_of(answer)


def test_what_cannot_be_stored_is_refused_with_a_sentence(page, world):
    answer = page.post(f"/alerts/{world.alert.pk}/acknowledge", {"notes": "a\x00b"}, follow=True)
    assert "cannot be stored" in text_of(answer)


def test_nothing_ticked_is_told(page, world):
    assert "Nothing was ticked" in text_of(page.post("/alerts", {"action": "acknowledge"}, follow=True))


# ---------------------------------------------------------------- one alert


def test_an_alert_tells_its_values_against_the_threshold_and_its_story(page, world):
    tell_story("RAISED", {world.alert.pk: {"kind": "rule", "rule_id": world.rule.pk, "name": "Service due"}})
    acknowledge_alert(world.alert, "Called the driver", by=world.people.operator)
    assign_alert(world.alert, world.people.operator, by=world.people.manager)
    close_alert(world.alert, "He slowed down", by=world.people.manager)
    shown = words_of(page.get(f"/alerts/{world.alert.pk}"))
    for told in (
        "91 km/h at first; the limit is 80 km/h",
        "96 km/h 16 km/h over the limit",
        f"Acknowledged by {world.people.operator.email}",
        "Called the driver",
        "Closed by",
        "He slowed down",
    ):
        assert told in shown
    assert AlertEvent.objects.filter(alert=world.alert).count() == 4


def test_an_alert_leads_back_to_the_firing_the_rule_and_the_cause(page, world):
    FiringAction.objects.create(
        firing=world.firing, index=1, type="raise_alert", params={}, status="DONE", alert=world.alert
    )
    FiringAction.objects.create(
        firing=world.firing, index=2, type="create_task", params={}, status="DONE", task=world.task
    )
    shown = text_of(page.get(f"/alerts/{world.alert.pk}"))
    why = shown.split('data-testid="alert-why"')[1]
    for path in (f"/firings/{world.firing.pk}", f"/rules/{world.rule.pk}", f"/tasks/{world.task.pk}"):
        assert f'href="{path}"' in why
    assert "odometer_km was 10,412, which is over 10,000" in why
    assert "a message on fleet.telemetry.raw" in why


def test_an_alert_whose_rule_one_does_not_see_still_names_it(client, world):
    FiringAction.objects.create(
        firing=world.firing, index=1, type="raise_alert", params={}, status="DONE", alert=world.alert
    )
    world.rule.fleets.clear()
    client.force_login(world.people.operator)
    shown = text_of(client.get(f"/alerts/{world.alert.pk}"))
    assert "Service due" in shown
    assert f'href="/rules/{world.rule.pk}"' not in shown


def test_an_alert_without_numbers_is_shown(page, world):
    bare = make_alert(world.vehicle, field="", value=None, worst_value=None, threshold=None, message="")
    shown = words_of(page.get(f"/alerts/{bare.pk}"))
    assert "Low battery" in shown
    assert "over the limit" not in shown


def test_a_deleted_vehicles_alert_has_no_way_to_it(page, world):
    world.vehicle.deleted_at = timezone.now()
    world.vehicle.save()
    for path in ("/alerts", f"/alerts/{world.alert.pk}"):
        assert f'href="/vehicles/{world.vehicle.vehicle_id}' not in text_of(page.get(path))


# ---------------------------------------------------------------- while one looks


def test_the_badge_counts_what_is_open_and_unacknowledged_in_ones_fleets(page, client, world):
    make_alert(world.vehicle)
    assert 'data-count="2"' in text_of(page.get("/alerts/badge"))
    acknowledge_alert(world.alert, by=world.people.manager)
    assert 'data-count="1"' in text_of(page.get("/alerts/badge"))
    client.force_login(world.people.stranger)
    shown = text_of(client.get("/alerts/badge"))
    assert 'data-count="0"' in shown
    assert "alert-bell-count" not in shown


def test_the_badge_costs_one_count_and_writes_no_session(page, world):
    page.get("/alerts/badge")
    before = list(Session.objects.values_list("session_key", "session_data", "expire_date"))
    with CaptureQueriesContext(connection) as asked:
        answer = page.get("/alerts/badge", headers=ROW)
    assert len([one for one in asked if "alerts_alert" in one["sql"]]) == 1
    assert not [one for one in asked if one["sql"].startswith(("UPDATE", "INSERT", "SAVEPOINT"))]
    assert "sessionid" not in answer.cookies
    assert list(Session.objects.values_list("session_key", "session_data", "expire_date")) == before


def test_a_badge_takes_no_page_away_when_its_login_ended(client, world):
    assert client.get("/alerts/badge", headers=ROW).status_code == 204
    assert client.get("/alerts/badge").status_code == 302


def test_rows_that_are_looked_at_are_told_as_they_are_now_and_new_ones_counted(page, world):
    newest = world.alert.pk
    close_alert(world.alert, by=world.people.manager)
    make_alert(world.vehicle)
    make_alert(world.vehicle, severity="LOW")
    answer = page.get(f"/alerts/fresh?severity=MEDIUM&shown={world.alert.pk},x,9{'9' * 30}&newest={newest}")
    assert listed(answer) == [world.alert.pk]
    assert 'data-state="CLOSED"' in text_of(answer)
    assert 'data-raised="1"' in text_of(answer)


# ---------------------------------------------------------------- other pages


def test_the_overview_counts_open_alerts_by_severity_each_a_way_to_its_list(page, world):
    make_alert(world.vehicle)
    shown = text_of(page.get("/"))
    for code, count in (("CRITICAL", 0), ("HIGH", 1), ("MEDIUM", 1), ("LOW", 0)):
        found = re.search(
            rf'href="/alerts\?severity={code}" data-testid="alerts-{code.lower()}"><strong>(\d+)', shown
        )
        assert int(found[1]) == count
    assert "alerts wait to be acknowledged" in shown
    assert 'href="/alerts?state=unacknowledged"' in shown


def test_a_vehicle_shows_its_open_alerts_in_its_head_and_its_tab(page, world):
    closed = make_alert(world.vehicle)
    close_alert(closed, by=world.people.manager)
    path = f"/vehicles/{world.vehicle.vehicle_id}"
    head = text_of(page.get(path))
    assert re.search(rf'href="/alerts/{world.alert.pk}" data-testid="vehicle-alert"', head)
    shown = text_of(page.get(f"{path}?tab=alerts")).split("vehicle-alerts")[1]
    open_ones, earlier = shown.split("Earlier alerts")
    assert f"/alerts/{world.alert.pk}" in open_ones
    assert f"/alerts/{closed.pk}" in earlier


@pytest.mark.parametrize(
    ("asked", "expected"), [("true", ["fleet-north-VH-001"]), ("false", ["fleet-north-VH-002"])]
)
def test_vehicles_are_found_by_whether_an_alert_is_open(page, world, asked, expected):
    answer = page.get(f"/vehicles?has_open_alerts={asked}")
    assert [vehicle.vehicle_id for vehicle, _cells in answer.context["listing"].rows] == expected


def test_fleets_tell_how_many_alerts_are_open(client, world):
    client.force_login(world.people.administrator)
    assert f'href="/alerts?fleet_id={world.people.north.fleet_id}">1</a>' in text_of(client.get("/fleets"))


def test_every_page_has_the_badge(page, world):
    assert 'data-testid="alert-badge" data-count="1"' in text_of(page.get("/profile"))


def test_somebody_without_fleets_sees_an_empty_inbox(client, world):
    client.force_login(UserFactory(role="OPERATOR"))
    assert client.get("/alerts").status_code == 200


def test_reports_tell_how_many_alerts_began_in_their_time(page, world):
    shown = text_of(page.get("/reports?range=7d"))
    assert 'href="/alerts?state=all&amp;vehicle_id=fleet-north-VH-001"' in shown
    assert "vehicle_id=fleet-north-VH-002" not in shown
