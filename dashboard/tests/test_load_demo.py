"""The demo fleet."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Fleet, User
from accounts.services import check_credentials
from customer_management.models import Customer
from dashboard.management.commands.load_demo import ACCOUNTS
from fleet_manager.supervisor.plan import DEMO_ACCOUNTS
from rules.lanes import drain
from rules.models import Firing, Rule
from task_management.models import Task
from vehicle_management.models import Vehicle, VehicleStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    settings.DEMO_VEHICLES = 25
    call_command("load_demo")


def test_it_refuses_where_demo_is_off(settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO is off"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_the_accounts_that_the_supervisor_prints_can_log_in(demo):
    for role, email, password in DEMO_ACCOUNTS:
        assert check_credentials(email, password).role == role.upper()
    assert {email for _role, email, _password in DEMO_ACCOUNTS} == {email for email, *_rest in ACCOUNTS}


def test_the_operator_sees_the_demo_fleet_alone(demo):
    operator = User.objects.get(email="operator@fleet.example")
    assert list(Fleet.objects.visible_to(operator).values_list("fleet_id", flat=True)) == ["fleet-demo-001"]


def test_it_loads_a_fleet_that_is_alive(demo):
    assert Vehicle.objects.count() == VehicleStatus.objects.count() == 25
    assert Vehicle.objects.filter(vehicle_id="fleet-demo-001-VH-001").exists()
    assert Vehicle.objects.filter(vin__length=17).count() == 25
    assert Rule.objects.filter(enabled=True).count() == 3
    drain()
    assert set(Firing.objects.values_list("rule__name", flat=True)) == set(
        Rule.objects.values_list("name", flat=True)
    )


def test_a_second_time_changes_nothing(demo):
    def counts():
        models = (User, Fleet, Vehicle, Customer, Task, Rule, ApiKey)
        return [model.objects.count() for model in models]

    before = counts()
    call_command("load_demo")
    assert counts() == before
