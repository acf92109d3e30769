import pytest
from django.core.exceptions import ValidationError

from accounts.tests.people import People
from customer_management import services
from customer_management.exceptions import CustomerConflict
from customer_management.models import Customer
from customer_management.tests.factories import CustomerFactory
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.make()


def test_hiding_leaves_out_what_one_does_not_see(people):
    mine = CustomerFactory(created_by=people.manager)
    other = CustomerFactory()
    assert services.hide_customers([mine.pk, other.pk], by=people.manager) == 1
    assert list(Customer.objects.all()) == [other]


def test_a_hidden_customer_is_restored_with_its_vehicles(people):
    customer = CustomerFactory(external_id="B02026")
    vehicle = VehicleFactory(customer=customer)
    services.hide_customers([customer.pk], by=people.administrator)
    services.restore_customer(Customer.all_objects.get())
    assert list(Customer.objects.get().vehicles.all()) == [vehicle]


def test_a_customer_whose_id_was_given_away_is_not_restored(people):
    customer = CustomerFactory(external_id="B02026")
    services.hide_customers([customer.pk], by=people.administrator)
    CustomerFactory(external_id="B02026")
    with pytest.raises(CustomerConflict, match="B02026"):
        services.restore_customer(customer)
    assert Customer.objects.count() == 1


def test_a_change_of_a_customer_that_was_deleted_meanwhile_is_refused(people):
    customer = CustomerFactory()
    services.hide_customers([customer.pk], by=people.administrator)
    with pytest.raises(CustomerConflict, match="deleted meanwhile"):
        services.update_customer(customer, {"name": "Port"}, by=people.administrator)


def test_only_a_hidden_customer_that_nothing_names_is_purged(people):
    customer = CustomerFactory()
    with pytest.raises(ValidationError, match="delete it before purging"):
        services.purge_customer(customer)
    VehicleFactory(customer=customer)
    services.hide_customers([customer.pk], by=people.administrator)
    hidden = Customer.all_objects.get()
    with pytest.raises(ValidationError, match="cannot be purged"):
        services.purge_customer(hidden)
    hidden.vehicles.all().delete()
    services.purge_customer(hidden)
    assert not Customer.all_objects.exists()


def test_the_version_counts_what_changed(people):
    customer = CustomerFactory(name="Port")
    assert services.update_customer(customer, {"name": "Port "}, by=people.administrator).version == 1
    assert services.update_customer(customer, {"name": "Harbour"}, by=people.administrator).version == 2
