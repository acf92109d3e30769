"""Customers in the admin."""

import json

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import UserFactory
from accounts.tests.people import People
from customer_management.models import Customer
from customer_management.tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/customer_management/customer/"


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def browser(client, people):
    client.force_login(people.administrator)
    return client


def form(**values):
    attributes = json.dumps(values.pop("attributes", {}))
    return {"external_id": "", "name": "City", "email": "", "phone": "", "address": "", "attributes": attributes,
            **values}  # fmt: skip


def act(browser, name, *customers, **more):
    body = {"action": name, "_selected_action": [customer.pk for customer in customers], **more}
    answer = browser.post(LIST, body)
    assert answer.status_code == 302
    told = " ".join(str(message) for message in get_messages(answer.wsgi_request))
    assert browser.get(LIST).status_code == 200  # which shows the messages, and so ends them
    return told


def test_a_customer_is_made_and_changed_through_the_services(browser, people):
    assert browser.post(f"{LIST}add/", form(attributes={"segment": "city"})).status_code == 302
    customer = Customer.objects.get()
    assert customer.created_by == people.administrator
    assert customer.cause.data == people.administrator.as_cause()
    answer = browser.post(f"{LIST}{customer.pk}/change/", form(name="Town", external_id=" C-1 "))
    assert answer.status_code == 302
    customer.refresh_from_db()
    assert (customer.name, customer.external_id, customer.version) == ("Town", "C-1", 2)


def test_an_external_id_that_is_taken_is_told_at_its_field(browser):
    CustomerFactory(external_id="C-1")
    answer = browser.post(f"{LIST}add/", form(external_id="C-1"))
    assert "“C-1” is taken" in answer.context["adminform"].form.errors["external_id"][0]
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("attributes", [{"x" * 101: 1}, {"note": "x" * 10_001}, ["a list"], {"a\nb": 1}])
def test_attributes_that_cannot_be_stored_are_told_at_their_field(browser, attributes):
    answer = browser.post(f"{LIST}add/", form(attributes=attributes))
    assert answer.context["adminform"].form.errors["attributes"]
    assert not Customer.objects.exists()


def test_a_customer_is_deleted_restored_and_purged(browser):
    customer = CustomerFactory()
    act(browser, "delete_selected", customer, post="yes")
    customer.refresh_from_db()
    assert customer.deleted_at is not None
    assert customer.name not in browser.get(f"{LIST}?deleted_at__isempty=1").content.decode()
    assert customer.name in browser.get(f"{LIST}?deleted_at__isempty=0").content.decode()
    assert act(browser, "restore", customer) == "1 customer done."
    assert Customer.objects.filter(pk=customer.pk).exists()
    assert browser.post(f"{LIST}{customer.pk}/delete/", {"post": "yes"}).status_code == 302
    act(browser, "purge", customer)
    assert not Customer.all_objects.filter(pk=customer.pk).exists()


def test_a_customer_is_not_restored_over_another_of_its_external_id(browser):
    customer = CustomerFactory(external_id="C-1")
    act(browser, "delete_selected", customer, post="yes")
    CustomerFactory(external_id="C-1")
    assert "C-1" in act(browser, "restore", customer)
    customer.refresh_from_db()
    assert customer.deleted_at is not None


def test_a_deleted_customer_is_neither_edited_nor_offered(browser):
    customer = CustomerFactory(name="Gone")
    act(browser, "delete_selected", customer, post="yes")
    assert browser.post(f"{LIST}{customer.pk}/change/", form()).status_code == 403
    query = {"app_label": "task_management", "model_name": "task", "field_name": "customer", "term": "Gone"}
    assert browser.get("/admin/autocomplete/", query).json()["results"] == []


def test_a_list_takes_the_same_queries_however_long_it_is(browser):
    counts = []
    for _round in range(2):
        for _number in range(5):
            CustomerFactory(created_by=UserFactory())
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(LIST).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert browser.get(LIST, {"q": "Customer", "served": "no"}).context["cl"].result_count == 10
    assert browser.get(LIST, {"served": "yes"}).context["cl"].result_count == 0
