"""The list of vehicles, one vehicle, and what is changed of them."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Cause
from customer_management.models import Customer
from customer_management.tests.factories import CustomerFactory
from dashboard.tests.answers import text_of
from vehicle_management.models import Vehicle, VehicleStatus
from vehicle_management.services import update_vehicle
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


def path_of(vehicle, more=""):
    return f"/vehicles/{vehicle.vehicle_id}{more}"


def test_a_list_shows_ones_own_fleets_alone(page, world):
    VehicleFactory(vehicle_id="southern", fleet=world.people.south)
    shown = text_of(page.get("/vehicles"))
    assert shown.count('data-testid="vehicle-list-item"') == 2
    assert world.vehicle.vehicle_id in shown
    assert "southern" not in shown


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("?search=volvo", 1),
        ("?search=nothing", 0),
        ("?make=volvo", 1),
        ("?has_customer=true", 1),
        ("?status=MOVING", 1),
        ("?fleet_id=fleet-north", 3),
        ("?model_year_min=2020", 1),
        ("?model_year_min=many", 0),
        ("?search=%00", 3),
        ("?ordering=-speed_kmh", 3),
        ("?ordering=secret", 3),
    ],
)
def test_a_list_is_filtered_by_its_address(page, world, query, count):
    truck = VehicleFactory(vehicle_id="truck", fleet=world.people.north, make="Volvo", model_year=2022)
    VehicleStatus.objects.create(vehicle=truck, recorded_at=timezone.now(), speed_kmh=60)
    answer = page.get(f"/vehicles{query}")
    assert answer.status_code == 200
    assert text_of(answer).count('data-testid="vehicle-list-item"') == count


def test_another_fleet_is_refused_as_the_contract_says(page):
    assert page.get("/vehicles?fleet_id=fleet-south").status_code == 403


def test_htmx_is_answered_with_the_list_alone(page):
    part = text_of(page.get("/vehicles", headers={"HX-Request": "true", "HX-Target": "listing"}))
    assert "<html" not in part
    assert 'data-testid="vehicle-count"' in part


def test_the_login_is_no_part_of_a_page(client):
    answer = client.get("/vehicles", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"].startswith("/login")


def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(page, world):
    def counted():
        with CaptureQueriesContext(connection) as queries:
            assert page.get("/vehicles").status_code == 200
        return len(queries)

    few = counted()
    for _number in range(20):
        vehicle = VehicleFactory(fleet=world.people.north, customer=CustomerFactory())
        VehicleStatus.objects.create(vehicle=vehicle, recorded_at=timezone.now())
    assert counted() == few


def test_an_export_holds_what_is_filtered_and_no_formula(page, world):
    VehicleFactory(vehicle_id="=cmd()", fleet=world.people.north, make="Volvo")
    answer = page.get("/vehicles.csv?make=volvo")
    rows = list(csv.reader(io.StringIO("".join(part.decode() for part in answer.streaming_content))))
    assert len(rows) == 2
    assert rows[1][0] == "'=cmd()"


def test_ticked_vehicles_get_a_customer_and_the_history_says_who(page, world):
    customer = CustomerFactory(created_by=world.people.manager)
    stranger = VehicleFactory(fleet=world.people.south)
    ticked = [world.vehicle.pk, world.other_vehicle.pk, stranger.pk]
    data = {"action": "attach_customer", "customer": f"{customer.name} (#{customer.pk})", "selected": ticked}
    answer = page.post("/vehicles", data, follow=True)
    assert set(customer.vehicles.values_list("pk", flat=True)) == {world.vehicle.pk, world.other_vehicle.pk}
    assert "2 vehicles" in text_of(answer)
    assert world.people.manager.email in text_of(page.get(path_of(world.vehicle, "?tab=history")))


def test_everything_that_is_filtered_can_be_meant(page, world):
    data = {"action": "detach_customer", "all": "1"}
    page.post("/vehicles?has_customer=true", data)
    assert not Vehicle.objects.filter(customer__isnull=False).exists()


def test_nothing_ticked_is_told(page):
    answer = page.post("/vehicles", {"action": "detach_customer"}, follow=True)
    assert "Nothing was ticked" in text_of(answer)


@pytest.mark.parametrize("tab", ["live", "history", "attributes", "tasks", "rules", "nonsense"])
def test_a_vehicle_shows_each_of_its_sides(page, world, tab):
    answer = page.get(path_of(world.vehicle, f"?tab={tab}"))
    assert answer.status_code == 200
    shown = text_of(answer)
    assert 'data-testid="vehicle-detail-panel"' in shown
    told = {"tasks": world.task.title, "rules": "odometer_km was 10,412", "attributes": "9,000"}
    assert told.get(tab, "fleet-north") in shown


def test_a_vehicle_tells_speed_and_battery_where_they_are_known(page, world):
    assert "not known" in text_of(page.get(path_of(world.vehicle)))
    VehicleStatus.objects.filter(vehicle=world.vehicle).update(speed_kmh=52, battery_pct=80)
    shown = text_of(page.get(path_of(world.vehicle)))
    assert 'data-testid="speed-value"' in shown
    assert 'data-testid="battery-value"' in shown
    assert "52" in shown


def test_history_tells_before_and_after_and_the_row_of_the_file(page, world):
    cause = Cause.of(
        {"kind": "upload", "upload_id": world.upload.pk, "name": "fleet.csv", "uploaded_by": "a@b.c"}
    )
    world.vehicle.changes.create(
        at=timezone.now(), cause=cause, cause_row=4812, changes={"plate": ["N 1", "N 2"]}
    )
    shown = text_of(page.get(path_of(world.vehicle, "?tab=history")))
    assert "N 1" in shown
    assert "N 2" in shown
    assert f"/files/{world.upload.pk}?row=4812" in shown


def test_a_vehicle_is_edited_and_nothing_typed_is_lost_when_refused(page, world):
    path = path_of(world.vehicle, "/edit")
    fleet = world.people.north.pk
    answer = page.post(path, {"fleet": fleet, "make": "Volvo", "model_year": "1196"})
    assert answer.status_code == 422
    assert 'value="Volvo"' in text_of(answer)
    answer = page.post(path, {"fleet": fleet, "make": "Volvo", "model_year": "2021"})
    assert answer.status_code == 302
    world.vehicle.refresh_from_db()
    assert (world.vehicle.make, world.vehicle.model_year) == ("Volvo", 2021)


def test_a_vin_that_is_taken_is_told_at_its_field(page, world):
    update_vehicle(world.other_vehicle, {"vin": "WF0EXXTT0N0040137"}, by=world.people.manager)
    answer = page.post(
        path_of(world.vehicle, "/edit"), {"fleet": world.people.north.pk, "vin": "wf0exxtt0n0040137 "}
    )
    assert answer.status_code == 422
    assert "is taken" in str(answer.context["form"].errors["vin"])


def test_a_new_vehicle_is_made_in_ones_own_fleet_alone(page, world):
    data = {"vehicle_id": "new", "fleet": world.people.south.pk}
    assert page.post("/new-vehicle", data).status_code == 422
    assert page.post("/new-vehicle", {**data, "fleet": world.people.north.pk}).url == "/vehicles/new"
    assert page.get("/vehicles/new").status_code == 200


def test_a_status_that_is_edited_keeps_the_times_of_what_was_not_touched(page, world):
    before = VehicleStatus.objects.get(vehicle=world.vehicle)
    answer = page.post(path_of(world.vehicle, "/status"), {"odometer_km": "9000", "speed_kmh": "40"})
    assert answer.status_code == 302
    status = VehicleStatus.objects.get(vehicle=world.vehicle)
    assert (status.speed_kmh, status.odometer_km) == (40, 9_000)
    assert "odometer_km" in status.times
    assert status.recorded_at > before.recorded_at


def test_a_customer_is_attached_from_the_vehicle(page, world):
    customer = CustomerFactory(created_by=world.people.manager, external_id="C-77")
    page.post(path_of(world.vehicle, "/customer"), {"customer": "C-77"})
    world.vehicle.refresh_from_db()
    assert world.vehicle.customer == customer
    answer = page.post(path_of(world.vehicle, "/customer"), {"customer": "nobody at all"}, follow=True)
    assert "nobody at all" in text_of(answer)


def test_a_deleted_vehicle_leaves_the_list(page, world):
    page.post(path_of(world.vehicle, "/delete"))
    assert page.get(path_of(world.vehicle)).status_code == 404
    assert Vehicle.all_objects.filter(pk=world.vehicle.pk).exists()


def test_operators_find_no_buttons_that_would_refuse_them(client, world):
    client.force_login(world.people.operator)
    for path in ("/vehicles", path_of(world.vehicle)):
        shown = text_of(client.get(path))
        assert "/new-vehicle" not in shown
        assert "/edit" not in shown
        assert 'name="selected"' not in shown


def test_units_and_times_follow_the_person(page, world):
    person = world.people.manager
    person.units, person.time_zone = "IMPERIAL", "Asia/Tokyo"
    person.save()
    shown = text_of(page.get(path_of(world.vehicle)))
    assert "5,592" in shown
    assert "mi" in shown


def test_an_empty_list_says_what_it_is_for(page, world):
    Vehicle.objects.all().update(deleted_at=timezone.now())
    assert Customer.objects.exists()
    shown = text_of(page.get("/vehicles"))
    assert "No vehicles yet" in shown
    assert "/files" in shown
