"""Vehicle files: from bytes to vehicles, with every row's outcome."""

import json

import pytest

from accounts.tests.factories import FleetFactory, UserFactory
from customer_management.models import Customer
from feed_processor import relay
from file_manager.models import Upload
from file_manager.tests.factories import counts, run, told
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel
from rules.lanes import drain
from rules.models import Firing
from rules.tests.factories import is_true, make_rule
from vehicle_management.models import AttributeType, ChangeBatch, Vehicle, VehicleChange

pytestmark = pytest.mark.django_db

FLEET = """EquipID,License#,Year,Make,Colour,InServiceDate,Odometer,Department
01035,31603D,2000,PLYMOUTH,white,04-Aug-00,"10,412",parks
BIKE01,,2001,TREK,,10-Aug-01,,police
"""


def test_a_file_creates_vehicles_and_loses_no_column() -> None:
    upload = run(FLEET)
    assert (upload.status, counts(upload)) == ("APPLIED", {"created": 2})
    vehicle = Vehicle.objects.select_related("status", "cause").get(vehicle_id="01035")
    assert (vehicle.plate, vehicle.model_year, vehicle.color) == ("31603D", 2000, "white")
    assert vehicle.in_service_date.isoformat() == "2000-08-04"
    assert vehicle.attributes == {"Department": "parks"}
    assert vehicle.status.odometer_km == 10_412
    assert vehicle.cause.told(vehicle.cause_row) == {
        "kind": "upload",
        "upload_id": upload.pk,
        "name": "fleet.csv",
        "uploaded_by": upload.by.email,
        "row": 2,
    }


def test_the_same_file_again_changes_nothing_and_says_so() -> None:
    run(FLEET)
    batches = ChangeBatch.objects.count()
    again = run(FLEET)
    assert counts(again) == {"unchanged": 2}
    assert ChangeBatch.objects.count() == batches
    assert not VehicleChange.objects.exists()


def test_a_changed_cell_is_an_update_with_its_history_and_an_empty_one_changes_nothing() -> None:
    run(FLEET)
    upload = run(FLEET.replace("PLYMOUTH", "FORD").replace("white", "").replace('"10,412"', "10500"))
    assert counts(upload) == {"updated": 1, "unchanged": 1}
    changes = {}
    for change in VehicleChange.objects.select_related("cause"):
        assert change.told_cause()["row"] == 2
        changes |= change.changes
    assert changes == {"make": ["PLYMOUTH", "FORD"], "status.odometer_km": [10_412.0, 10_500.0]}
    assert Vehicle.objects.get(vehicle_id="01035").color == "white"


def test_batches_hold_old_and_new_values() -> None:
    run(FLEET)
    ChangeBatch.objects.all().delete()
    run(FLEET.replace("PLYMOUTH", "FORD"))
    batch = ChangeBatch.objects.get()
    place = batch.fields.index("make")
    assert (batch.old[0][place], batch.new[0][place], batch.rows) == ("PLYMOUTH", "FORD", [2])


def test_a_new_vehicle_is_told_as_it_began_though_it_changed_before_anyone_listened(monkeypatch) -> None:
    bus = MemoryBus()
    monkeypatch.setattr(relay, "get_bus", lambda: bus)
    run(FLEET)
    run(FLEET.replace("PLYMOUTH", "FORD").replace("10,412", "10,500"))
    with bus.subscribe(Channel.TELEMETRY_PROCESSED):
        relay.publish_batches(list(ChangeBatch.objects.order_by("pk").values_list("pk", flat=True)))
    told = [item for _channel, message in bus.published for item in message.data]
    changes = [item["changes"] for item in told if item["vehicle_id"] == "01035"]
    makes = [change["make"] for change in changes if "make" in change]
    odometers = [change["status.odometer_km"] for change in changes if "status.odometer_km" in change]
    assert makes == [[None, "PLYMOUTH"], ["PLYMOUTH", "FORD"]]
    assert odometers == [[None, 10_412.0], [10_412.0, 10_500.0]]


def test_rows_that_name_a_vehicle_again_are_told_and_the_last_one_wins() -> None:
    upload = run("vehicle_id,make\nA,Ford\nB,Iveco\nA,Volvo\n")
    assert counts(upload) == {"created": 2, "repeated": 1}
    assert Vehicle.objects.get(vehicle_id="A").make == "Volvo"
    assert told(upload, "NOTICE") == [(2, "", "repeated")]


def test_bad_rows_are_told_by_row_and_column_and_good_ones_go_on() -> None:
    upload = run(
        "vehicle_id,year,latitude,vin\n"
        "A,1196,,\nB,2020,95,\na/b,2020,,\n,,,\n,2020,,\nC,2020,47.5,1FTBW2CM9K0000009\nD,2020\n"
    )
    assert counts(upload) == {"created": 1, "failed": 5}
    assert told(upload) == [
        (2, "year", "not_a_year"),
        (3, "latitude", "out_of_range"),
        (4, "vehicle_id", "not_an_id"),
        (6, "", "no_key"),
        (8, "", "row_shape"),
    ]
    assert upload.faults.get(row=2).message.startswith("“1196” is not a year between 1900 and ")
    assert told(upload, "NOTICE") == [(7, "vin", "vin_check_digit")]


def test_a_column_that_is_wrong_in_every_row_is_one_grouped_fault() -> None:
    upload = run("vehicle_id,year\n" + "".join(f"V{n},never\n" for n in range(300)))
    group = upload.fault_groups.get()
    assert (group.column, group.code, group.count, upload.rows_failed) == ("year", "not_a_year", 300, 300)


def test_a_vehicle_is_matched_by_the_first_key_that_the_row_fills() -> None:
    run("vehicle_id,vin,plate\nA,1M8GDM9AXKP042788,P1\n")
    upload = run("vehicle_id,vin,plate,color\n,1m8gdm9axkp042788,,red\n")
    assert counts(upload) == {"updated": 1}
    upload = run("plate,color\nP1,blue\n")
    assert counts(upload) == {"updated": 1}
    assert Vehicle.objects.get().color == "blue"


def test_a_new_vehicle_takes_its_key_as_its_id() -> None:
    run("VIN,plate\n1m8gdm9axkp042788,P1\n,P2\n")
    assert set(Vehicle.objects.values_list("vehicle_id", flat=True)) == {"1M8GDM9AXKP042788", "P2"}


def test_keys_that_point_at_different_vehicles_are_a_fault() -> None:
    run("vehicle_id,vin,plate\nA,1M8GDM9AXKP042788,P1\nB,,P2\n")
    upload = run("vehicle_id,vin,plate\nB,1M8GDM9AXKP042788,\nA,,P2\n")
    assert counts(upload) == {"failed": 2}
    assert told(upload) == [(2, "vin", "keys_differ"), (3, "plate", "keys_differ")]


def test_a_plate_of_several_vehicles_is_no_key() -> None:
    run("vehicle_id,plate\nA,P1\nB,P1\n")
    upload = run("plate,color\nP1,red\n")
    assert (counts(upload), told(upload)) == ({"failed": 1}, [(2, "plate", "several")])


def test_two_vehicles_of_one_file_cannot_share_a_full_vin() -> None:
    upload = run("vehicle_id,vin\nA,1M8GDM9AXKP042788\nB,1M8GDM9AXKP042788\n")
    assert (counts(upload), told(upload)) == ({"created": 1, "failed": 1}, [(2, "vin", "vin_twice")])


def test_a_row_with_a_vin_alone_means_the_vehicle_that_another_row_names() -> None:
    upload = run("vehicle_id,vin,color\nA,1M8GDM9AXKP042788,red\n,1M8GDM9AXKP042788,blue\n")
    assert counts(upload) == {"created": 1, "repeated": 1}


def test_a_vehicle_of_an_unseen_fleet_is_a_fault_that_tells_nothing_else() -> None:
    south = FleetFactory(fleet_id="south")
    run("vehicle_id,make\nA,Ford\n", fleet=south)
    north = FleetFactory(fleet_id="north")
    manager = UserFactory(role="MANAGER", fleets=[north])
    upload = run("vehicle_id,make\nA,Volvo\nB,Ford\n", fleet=north, by=manager)
    assert (counts(upload), told(upload)) == ({"created": 1, "failed": 1}, [(2, "", "taken")])
    assert Vehicle.objects.get(vehicle_id="A").make == "Ford"


def test_customers_are_attached_by_a_files_column() -> None:
    customer = Customer.objects.create(name="Acme", external_id="C-1")
    upload = run("vehicle_id,customer\nA,C-1\nB,Acme\nC,Nobody\n")
    assert (counts(upload), told(upload)) == ({"created": 2, "failed": 1}, [(4, "customer", "unknown_name")])
    assert Vehicle.objects.filter(customer=customer).count() == 2


def test_jsons_null_clears_and_what_is_missing_changes_nothing() -> None:
    run(json.dumps([{"vehicle_id": "A", "color": "red", "make": "Ford", "Depot": "x", "Size": 3}]))
    upload = run(json.dumps([{"vehicle_id": "A", "color": None, "Depot": None}]))
    assert counts(upload) == {"updated": 1}
    vehicle = Vehicle.objects.get()
    assert (vehicle.color, vehicle.make, vehicle.attributes) == (None, "Ford", {"Size": 3})


def test_attributes_keep_the_type_that_they_were_first_seen_with() -> None:
    run("vehicle_id,Doors,Tank,Code\nA,4,12.5,0012\n")
    kinds = dict(AttributeType.objects.values_list("name", "kind"))
    assert kinds == {"Doors": "number", "Tank": "number", "Code": "text"}
    assert Vehicle.objects.get().attributes == {"Doors": 4, "Tank": 12.5, "Code": "0012"}
    upload = run("vehicle_id,Doors\nA,four\n")
    assert told(upload, "NOTICE") == [(2, "Doors", "attribute_kind")]
    assert Vehicle.objects.get().attributes["Doors"] == "four"


def test_a_column_of_dates_is_read_one_way() -> None:
    fleet = FleetFactory(date_order="MDY")
    run("vehicle_id,in_service_date\nA,01/02/2020\nB,25/02/2020\n", fleet=fleet)
    run("vehicle_id,in_service_date\nC,01/02/2020\n", fleet=fleet)
    dates = {vehicle.vehicle_id: str(vehicle.in_service_date) for vehicle in Vehicle.objects.all()}
    assert dates == {"A": "2020-02-01", "B": "2020-02-25", "C": "2020-01-02"}


def test_a_long_file_that_changes_its_mind_late_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows say numbers and month first; a later one says otherwise for the whole column."""
    monkeypatch.setattr("file_manager.run.FIRST_ROWS", 2)
    monkeypatch.setattr("feed_processor.blocks.read_blocks.__defaults__", (2,))
    fleet = FleetFactory(date_order="MDY")
    upload = run(
        "vehicle_id,in_service_date,Doors\nA,01/02/2020,4\nB,03/04/2020,4\nC,05/06/2020,x\nD,25/02/2020,2\n",
        fleet=fleet,
    )
    assert counts(upload) == {"created": 4}
    vehicle = Vehicle.objects.get(vehicle_id="A")
    assert (str(vehicle.in_service_date), vehicle.attributes) == ("2020-02-01", {"Doors": "4"})


def test_a_file_of_many_small_bundles_is_loaded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups of customers and notes of faults take their turns with the copying of rows."""
    monkeypatch.setattr("feed_processor.blocks.read_blocks.__defaults__", (3,))
    monkeypatch.setattr("feed_processor.stage.BUNDLE_ROWS", 7)
    FleetFactory(fleet_id="north")
    Customer.objects.bulk_create(Customer(name=f"C{n}") for n in range(200))
    rows = [f"V{n},C{n},{-1 if n % 10 == 0 else n}" for n in range(200)]
    upload = run("vehicle_id,customer,odometer\n" + "\n".join(rows) + "\n")
    assert counts(upload) == {"created": 180, "failed": 20}
    assert upload.faults.count() == 20
    assert Vehicle.objects.get(vehicle_id="V199").customer.name == "C199"


def test_formulas_and_odd_characters_are_stored_as_they_are() -> None:
    run('vehicle_id,notes\nA,"=1+1 \\ tab\there\nline"\n')
    assert Vehicle.objects.get().notes == "=1+1 \\ tab\there\nline"


def test_a_file_that_cannot_be_read_fails_and_nothing_of_it_is_applied() -> None:
    upload = run('vehicle_id,make\nA,Ford\nB,"open\nC,x\n')
    assert (upload.status, Vehicle.objects.count()) == (Upload.Status.FAILED, 0)
    assert upload.faults.get().row == 0


def test_a_new_vehicle_crosses_as_it_began_though_it_fell_back_before_anyone_looked() -> None:
    rule = make_rule()
    run(FLEET)
    run(FLEET.replace("10,412", "9,000"))
    drain()
    firing = Firing.objects.get(rule=rule)
    assert (firing.vehicle.vehicle_id, is_true(rule, firing.vehicle)) == ("01035", False)
    assert "10,412" in firing.explanation


def test_a_plate_that_is_the_id_of_another_vehicle_is_a_fault_of_its_row_alone() -> None:
    run("vehicle_id,plate\nP2,N 2\n")
    upload = run("vehicle_id,plate\nB7,\n,B7\n,P2\n,P3\n")
    assert counts(upload) == {"created": 2, "failed": 2}
    assert set(upload.faults.values_list("row", "code")) == {(3, "taken"), (4, "taken")}
    assert set(Vehicle.objects.values_list("vehicle_id", flat=True)) == {"P2", "B7", "P3"}
