import pytest

from accounts.tests.people import People
from customer_management.models import Customer
from customer_management.tests.factories import CustomerFactory
from vehicle_management.models import Vehicle
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db
PATH = "/api/v1/customers"


@pytest.fixture
def people() -> People:
    return People.make()


def served(people: People, **values: object) -> Customer:
    """A customer of a northern vehicle."""
    customer = CustomerFactory(**values)
    VehicleFactory(fleet=people.north, customer=customer)
    return customer


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [customer["name"] for customer in answer.json()["data"]]


def test_a_manager_creates_a_customer_and_reads_it_back(people):
    sent = {"name": " Port ", "external_id": "B02026", "email": "port@example.org", "attributes": {"tier": 2}}
    answer = people.client("manager").post(PATH, sent)
    assert answer.status_code == 201, answer.content
    told = people.client("manager").get(f"{PATH}/{answer.json()['id']}/").json()
    assert (told["name"], told["external_id"], told["attributes"]) == ("Port", "B02026", {"tier": 2})
    assert told["phone"] == ""
    assert told["created_at"].endswith("Z")
    assert Customer.objects.get().told_cause() == people.manager.as_cause()


def test_a_key_that_may_write_sees_what_it_made(people):
    client = people.client("write_key")
    made = client.post(PATH, {"name": "Port"}).json()
    assert names(client.get(PATH)) == ["Port"]
    assert people.client("manager").get(f"{PATH}/{made['id']}").status_code == 404


def test_an_operator_only_reads(people):
    customer = served(people)
    client = people.client("operator")
    assert client.get(f"{PATH}/{customer.pk}").status_code == 200
    assert client.post(PATH, {"name": "Port"}).status_code == 403
    assert client.patch(f"{PATH}/{customer.pk}", {"name": "Port"}).status_code == 403
    assert client.delete(f"{PATH}/{customer.pk}").status_code == 403


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_customer_needs_a_name(people, name):
    answer = people.client("manager").post(PATH, {"name": name})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["name"])


def test_an_unknown_field_is_refused(people):
    answer = people.client("manager").post(PATH, {"name": "Port", "tel": "1"})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["tel"])


@pytest.mark.parametrize(
    "attributes",
    [[1], {"": 1}, {"x" * 101: 1}, {"a\nb": 1}, {"note": "x" * 10_001}, {f"a{n}": n for n in range(201)}],
)
def test_attributes_have_limits(people, attributes):
    answer = people.client("manager").post(PATH, {"name": "Port", "attributes": attributes})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["attributes"])


def test_a_null_attribute_is_taken_away(people):
    customer = served(people, attributes={"tier": 2, "since": 1999})
    answer = people.client("manager").patch(
        f"{PATH}/{customer.pk}", {"attributes": {"tier": 3, "since": None}}
    )
    assert answer.json()["attributes"] == {"tier": 3}


def test_a_taken_external_id_is_a_conflict_also_where_one_does_not_see_who_has_it(people):
    CustomerFactory(external_id="B02026")
    answer = people.client("manager").post(PATH, {"name": "Port", "external_id": "B02026"})
    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")
    customer = served(people)
    answer = people.client("manager").patch(f"{PATH}/{customer.pk}", {"external_id": "B02026"})
    assert answer.status_code == 409
    customer.refresh_from_db()
    assert customer.external_id is None


def test_an_empty_external_id_is_none_and_taken_by_nobody(people):
    for _attempt in range(2):
        answer = people.client("manager").post(PATH, {"name": "Port", "external_id": ""})
        assert (answer.status_code, answer.json()["external_id"]) == (201, None)


def test_what_was_read_can_be_sent_back_and_changes_nothing(people):
    customer = served(people, email="port@example.org")
    client = people.client("manager")
    told = client.get(f"{PATH}/{customer.pk}").json()
    answer = client.put(f"{PATH}/{customer.pk}", told)
    assert (answer.status_code, answer.json()) == (200, told)
    customer.refresh_from_db()
    assert customer.version == 1


def test_a_write_with_an_old_tag_is_refused(people):
    customer = served(people)
    client = people.client("manager")
    tag = client.get(f"{PATH}/{customer.pk}")["ETag"]
    assert client.patch(f"{PATH}/{customer.pk}", {"phone": "1"}, HTTP_IF_MATCH=tag).status_code == 200
    answer = client.patch(f"{PATH}/{customer.pk}", {"phone": "2"}, HTTP_IF_MATCH=tag)
    assert answer.status_code == 412
    customer.refresh_from_db()
    assert (customer.phone, customer.version) == ("1", 2)


def test_a_deleted_customer_is_hidden_frees_its_id_and_keeps_its_vehicles(people):
    customer = served(people, external_id="B02026")
    client = people.client("manager")
    assert client.delete(f"{PATH}/{customer.pk}").status_code == 204
    assert client.get(f"{PATH}/{customer.pk}").status_code == 404
    assert client.get(f"{PATH}/{customer.pk}/vehicles").status_code == 404
    assert client.post(PATH, {"name": "Port", "external_id": "B02026"}).status_code == 201
    assert Vehicle.objects.get().customer_id == customer.pk


def test_one_sees_the_customers_of_ones_fleets_and_those_that_one_made(people):
    served(people, name="of the north")
    CustomerFactory(name="made by the manager", created_by=people.manager)
    VehicleFactory(fleet=people.south, customer=CustomerFactory(name="of the south"))
    CustomerFactory(name="of nobody")
    assert names(people.client("manager").get(PATH)) == ["made by the manager", "of the north"]
    assert names(people.client("operator").get(PATH)) == ["of the north"]
    assert len(names(people.client("administrator").get(PATH))) == 4


def test_a_customer_is_not_seen_by_a_vehicle_that_was_deleted(people):
    customer = served(people)
    people.client("manager").delete(f"/api/v1/vehicles/{Vehicle.objects.get().vehicle_id}")
    assert people.client("operator").get(f"{PATH}/{customer.pk}").status_code == 404


def test_a_customer_with_many_vehicles_is_listed_once(people):
    customer = served(people)
    VehicleFactory(fleet=people.north, customer=customer)
    told = people.client("operator").get(PATH).json()
    assert (told["total"], len(told["data"])) == (1, 1)
    assert people.client("operator").get(f"{PATH}/{customer.pk}/vehicles").json()["total"] == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("external_id=E-2", ["Beta"]),
        ("external_id=e-2", []),
        ("name=beta", ["Beta"]),
        ("email=BETA@example.org", ["Beta"]),
        ("search=alph", ["Alpha"]),
        ("search=beta E-2", ["Beta"]),
        ("ordering=-name", ["Beta", "Alpha"]),
        ("has_vehicles=true", ["Alpha"]),
        ("has_vehicles=false", ["Beta"]),
        ("fleet_id=fleet-north", ["Alpha"]),
        ("fleet_id=fleet-south", []),
        ("created_after=2000-01-01T00:00:00Z", ["Alpha", "Beta"]),
        ("updated_before=2000-01-01T00:00:00Z", []),
    ],
)
def test_lists_filter_search_and_order(people, query, found):
    served(people, name="Alpha")
    CustomerFactory(name="Beta", external_id="E-2", email="beta@example.org")
    assert names(people.client("administrator").get(f"{PATH}?{query}")) == found


def test_a_foreign_fleet_as_a_filter_is_forbidden(people):
    assert people.client("manager").get(f"{PATH}?fleet_id=fleet-south").status_code == 403


@pytest.mark.parametrize("name", ["0", "abc", "9" * 30, "%00"])
def test_an_address_that_names_nothing_is_not_found(people, name):
    assert people.client("administrator").get(f"{PATH}/{name}").status_code == 404
