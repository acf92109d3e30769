"""A fleet's summary."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.people import People
from alerts.tests.factories import AlertFactory
from analytics.summaries import summary_of
from vehicle_management.models import Vehicle, VehicleStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


def vehicle(fleet, name, *, silent_for=0, **status):
    made = Vehicle.objects.create(vehicle_id=name, fleet=fleet)
    if status:
        at = timezone.now() - timedelta(seconds=silent_for)
        VehicleStatus.objects.create(vehicle=made, recorded_at=at, **status)
    return made


def test_a_summary_counts_vehicles_by_what_they_do_now(people):
    vehicle(people.north, "says moving", status="MOVING", speed_kmh=50, battery_pct=80)
    vehicle(people.north, "moves", speed_kmh=30)
    vehicle(people.north, "stands", speed_kmh=0, battery_pct=41)
    vehicle(people.north, "alert", status="ALERT")
    vehicle(people.north, "silent", status="MOVING", silent_for=301)
    vehicle(people.north, "never heard of")
    vehicle(people.south, "elsewhere", status="MOVING")
    told = people.client("operator").get("/api/v1/fleet/fleet-north/summary").json()
    newest = VehicleStatus.objects.get(vehicle__vehicle_id="alert").recorded_at
    assert told == {
        "fleet_id": "fleet-north",
        "fleet_name": "North",
        "total_vehicles": 6,
        "active_vehicles": 2,
        "idle_vehicles": 1,
        "vehicles_in_alert": 1,
        "avg_battery_pct": 60.5,
        "avg_speed_kmh": 26.67,
        "active_missions": 0,
        "open_alerts": 0,
        "last_updated": newest.isoformat().replace("+00:00", "Z"),
    }


def test_a_vehicle_with_an_open_alert_is_in_alert_and_counted_once(people):
    calm, alarmed = (
        vehicle(people.north, "calm", status="MOVING"),
        vehicle(people.north, "alarmed", status="ALERT"),
    )
    AlertFactory(vehicle=calm), AlertFactory(vehicle=calm), AlertFactory(vehicle=alarmed)
    AlertFactory(vehicle=vehicle(people.north, "over"), closed=True)
    AlertFactory(vehicle=vehicle(people.south, "elsewhere"))
    AlertFactory(
        vehicle=Vehicle.all_objects.create(vehicle_id="gone", fleet=people.north, deleted_at=timezone.now())
    )
    told = people.client("operator").get("/api/v1/fleet/fleet-north/summary").json()
    assert (told["vehicles_in_alert"], told["open_alerts"]) == (2, 3)
    assert told["active_vehicles"] == 1


def test_a_summary_takes_as_many_queries_for_many_vehicles(people):
    administrator = people.administrator

    def queries():
        with CaptureQueriesContext(connection) as asked:
            summary_of(people.north, seen_by=administrator)
        return len(asked)

    assert queries() == 2
    for number in range(5):
        AlertFactory(vehicle=vehicle(people.north, f"v{number}", status="ALERT"))
    assert queries() == 2


def test_an_empty_fleet_has_a_summary_too(people):
    told = people.client("administrator").get("/api/v1/fleet/fleet-south/summary/").json()
    assert (told["total_vehicles"], told["avg_speed_kmh"], told["last_updated"]) == (0, None, None)


def test_a_fleet_that_is_not_ones_own_is_forbidden_and_unknown_to_administrators_not_found(people):
    assert people.client("operator").get("/api/v1/fleet/fleet-south/summary").status_code == 403
    assert people.client("operator").get("/api/v1/fleet/nowhere/summary").status_code == 403
    assert people.client("administrator").get("/api/v1/fleet/nowhere/summary").status_code == 404
    assert people.client("administrator").get("/api/v1/fleet/%00/summary").status_code == 404
