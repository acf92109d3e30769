"""Vehicles in the admin."""

import json

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.people import People
from customer_management.tests.factories import CustomerFactory
from task_management.tests.factories import TaskFactory
from vehicle_management.models import AttributeType, ChangeBatch, Vehicle, VehicleChange
from vehicle_management.services import record_status
from vehicle_management.tests.factories import VehicleFactory, VehicleStatusFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/vehicle_management/vehicle/"
TEXTS = (
    "vin",
    "plate",
    "make",
    "model",
    "model_year",
    "vehicle_type",
    "fuel_type",
    "color",
    "in_service_date",
    "notes",
)


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def browser(client, people):
    client.force_login(people.administrator)
    return client


def form(**values):
    attributes = json.dumps(values.pop("attributes", {}))
    formset = {"status-TOTAL_FORMS": 0, "status-INITIAL_FORMS": 0}
    empty = dict.fromkeys((*TEXTS, "fleet", "customer"), "")
    return {**formset, **empty, "attributes": attributes, **values}


def act(browser, name, *vehicles, **more):
    """What the list's action answers: a page that asks more, or what it tells."""
    body = {"action": name, "_selected_action": [vehicle.pk for vehicle in vehicles], **more}
    answer = browser.post(LIST, body)
    if answer.status_code == 200:
        return answer
    told = " ".join(str(message) for message in get_messages(answer.wsgi_request))
    assert browser.get(LIST).status_code == 200  # which shows the messages, and so ends them
    return told


def test_a_vehicle_is_made_and_changed_through_the_door(browser, people):
    body = form(vehicle_id="VH-1", fleet=people.north.pk, vin="1ftbw2cm9k0000001", attributes={"Depot": "A"})
    assert browser.post(f"{LIST}add/", body).status_code == 302
    vehicle = Vehicle.objects.get()
    assert (vehicle.vin, vehicle.attributes, vehicle.fleet) == (
        "1FTBW2CM9K0000001",
        {"Depot": "A"},
        people.north,
    )
    assert vehicle.cause.data == people.administrator.as_cause()
    answer = browser.post(f"{LIST}{vehicle.pk}/change/", form(fleet=people.north.pk, make="Ford"))
    assert answer.status_code == 302
    change = VehicleChange.objects.get()
    assert change.changes["make"] == [None, "Ford"]
    assert change.changes["attributes.Depot"] == ["A", None]
    assert ChangeBatch.objects.count() == 2
    page = browser.get(f"{LIST}{vehicle.pk}/change/").content.decode()
    assert "make: None → Ford" in page
    assert people.administrator.email in page


def test_a_save_that_changes_nothing_leaves_no_trace(browser, people):
    vehicle = VehicleFactory(vehicle_id="VH-1", fleet=people.north, make=None, model=None)
    assert browser.post(f"{LIST}{vehicle.pk}/change/", form(fleet=people.north.pk)).status_code == 302
    assert not VehicleChange.objects.exists()
    vehicle.refresh_from_db()
    assert vehicle.version == 1


def test_the_id_never_changes(browser, people):
    vehicle = VehicleFactory(vehicle_id="VH-1")
    browser.post(f"{LIST}{vehicle.pk}/change/", form(vehicle_id="VH-2"))
    vehicle.refresh_from_db()
    assert vehicle.vehicle_id == "VH-1"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("vehicle_id", {"vehicle_id": "VH-1"}),
        ("vehicle_id", {"vehicle_id": "a/b"}),
        ("vin", {"vehicle_id": "VH-2", "vin": "1ftbw2cm9k0000001"}),
        ("model_year", {"vehicle_id": "VH-2", "model_year": 1196}),
        ("attributes", {"vehicle_id": "VH-2", "attributes": ["a list"]}),
        ("attributes", {"vehicle_id": "VH-2", "attributes": {"x" * 101: 1}}),
    ],
)
def test_what_is_wrong_is_told_at_its_field(browser, field, values):
    VehicleFactory(vehicle_id="VH-1", vin="1FTBW2CM9K0000001")
    answer = browser.post(f"{LIST}add/", form(**values))
    assert list(answer.context["adminform"].form.errors) == [field]
    assert Vehicle.objects.count() == 1


@pytest.mark.parametrize("field", ["customer", "fleet"])
def test_many_vehicles_are_given_a_customer_or_a_fleet_on_a_page_that_asks_which(browser, people, field):
    target = CustomerFactory() if field == "customer" else people.south
    vehicles = VehicleFactory.create_batch(3, fleet=people.north)
    asked = act(browser, f"attach_{field}", *vehicles)
    assert "3 vehicles" in asked.content.decode()
    assert (
        act(browser, f"attach_{field}", *vehicles[:2], apply="1", target=target.pk) == "2 vehicles changed."
    )
    given = Vehicle.objects.filter(**{field: target}).order_by("pk")
    assert list(given) == vehicles[:2]
    assert VehicleChange.objects.count() == 2
    assert act(browser, f"attach_{field}", *vehicles, apply="1", target=target.pk) == "1 vehicle changed."


def test_all_rows_of_a_list_are_given_a_customer_at_once(browser, people):
    customer = CustomerFactory()
    vehicles = VehicleFactory.create_batch(60, fleet=people.north)
    more = {"select_across": "1", "apply": "1", "target": customer.pk}
    assert act(browser, "attach_customer", vehicles[0], **more) == "60 vehicles changed."
    assert (
        'name="select_across" value="1"'
        in act(browser, "attach_customer", vehicles[0], select_across="1").content.decode()
    )


def test_a_vehicle_is_deleted_restored_and_purged(browser):
    vehicle = VehicleFactory(vehicle_id="VH-GONE")
    act(browser, "delete_selected", vehicle, post="yes")
    assert not Vehicle.objects.exists()
    assert "VH-GONE" not in browser.get(f"{LIST}?deleted_at__isempty=1").content.decode()
    assert "VH-GONE" in browser.get(f"{LIST}?deleted_at__isempty=0").content.decode()
    assert act(browser, "restore", vehicle) == "1 vehicle changed."
    assert Vehicle.objects.get() == vehicle
    assert [list(change.changes) for change in VehicleChange.objects.all()] == [["deleted_at"]] * 2
    assert browser.post(f"{LIST}{vehicle.pk}/delete/", {"post": "yes"}).status_code == 302
    assert act(browser, "purge", vehicle).endswith("1 vehicle changed.")
    assert not Vehicle.all_objects.exists()


def test_a_vehicle_is_not_restored_over_another_of_its_id_nor_purged_under_a_task(browser):
    vehicle = VehicleFactory(vehicle_id="VH-1")
    TaskFactory(vehicle=vehicle)
    act(browser, "delete_selected", vehicle, post="yes")
    VehicleFactory(vehicle_id="VH-1")
    assert "is taken" in act(browser, "restore", vehicle)
    assert "cannot be purged" in act(browser, "purge", vehicle)
    vehicle.refresh_from_db()
    assert vehicle.deleted_at is not None


def test_a_deleted_vehicle_is_neither_edited_nor_offered(browser):
    vehicle = VehicleFactory(vehicle_id="VH-GONE")
    act(browser, "delete_selected", vehicle, post="yes")
    assert browser.post(f"{LIST}{vehicle.pk}/change/", form()).status_code == 403
    query = {"app_label": "task_management", "model_name": "task", "field_name": "vehicle", "term": "GONE"}
    assert browser.get("/admin/autocomplete/", query).json()["results"] == []


def test_saving_keeps_a_customer_that_was_deleted(browser, people):
    customer = CustomerFactory()
    vehicle = VehicleFactory(customer=customer)
    browser.post("/admin/customer_management/customer/", {
        "action": "delete_selected", "_selected_action": [customer.pk], "post": "yes",
    })  # fmt: skip
    browser.post(f"{LIST}{vehicle.pk}/change/", form(customer=customer.pk, color="red"))
    vehicle.refresh_from_db()
    assert (vehicle.customer_id, vehicle.color) == (customer.pk, "red")


def test_status_changes_and_batches_are_only_read(browser, people):
    vehicle = VehicleFactory(fleet=people.north)
    record_status(vehicle, {"odometer_km": 10_412}, at=None, by=people.administrator)
    assert "10412" in browser.get(f"{LIST}{vehicle.pk}/change/").content.decode()
    rows = {
        "vehiclestatus": vehicle.pk,
        "vehiclechange": VehicleChange.objects.get().pk,
        "changebatch": ChangeBatch.objects.get().pk,
    }
    for name, pk in rows.items():
        path = f"/admin/vehicle_management/{name}/"
        assert browser.get(path).status_code == 200
        assert browser.get(f"{path}{pk}/change/").status_code == 200
        for writing in (f"{path}add/", f"{path}{pk}/change/", f"{path}{pk}/delete/"):
            assert browser.post(writing, {"post": "yes"}).status_code == 403
    found = browser.get(f"/admin/vehicle_management/vehiclechange/?vehicle__id__exact={vehicle.pk}")
    assert found.context["cl"].result_count == 1


def test_an_attributes_type_is_changed_and_never_its_name(browser):
    kind = AttributeType.objects.create(name="tyre_wear", kind="text")
    path = f"/admin/vehicle_management/attributetype/{kind.pk}/change/"
    assert browser.post(path, {"kind": "number", "name": "x"}).status_code == 302
    kind.refresh_from_db()
    assert (kind.name, kind.kind) == ("tyre_wear", "number")


def test_a_list_takes_the_same_queries_however_long_it_is(browser, people):
    counts = []
    for _round in range(2):
        for _number in range(10):
            VehicleStatusFactory(vehicle=VehicleFactory(fleet=people.north, customer=CustomerFactory()))
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(LIST).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "ford"}, {"VH-1", "VH-2"}),
        ({"q": "VH-2 ford"}, {"VH-2"}),
        ({"model_year": "2020"}, {"VH-1"}),
        ({"customer__isempty": "0"}, {"VH-2"}),
    ],
)
def test_the_list_is_searched_and_filtered(browser, people, query, found):
    VehicleFactory(vehicle_id="VH-1", make="Ford", model_year=2020)
    VehicleFactory(vehicle_id="VH-2", make="Ford", customer=CustomerFactory())
    VehicleFactory(vehicle_id="VH-3", make="Iveco")
    rows = browser.get(LIST, query).context["cl"].result_list
    assert {vehicle.vehicle_id for vehicle in rows} == found
