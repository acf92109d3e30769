"""Rules that ask when a vehicle was heard of last."""

from datetime import datetime

import pytest

from rules.lanes import drain
from rules.models import Firing, FiringAction
from rules.tests.factories import LOG, count, is_true, make_rule, make_vehicle
from vehicle_management.models import VehicleChange
from vehicle_management.services import StatusRow, record_statuses

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rule_may_ask_when_a_vehicle_was_heard_of_last():
    heard = {"field": "recorded_at", "operator": "ge", "value": "2026-06-01T00:00:00Z"}
    rule, vehicle = (
        make_rule(heard, actions=[{**LOG, "message": "$vehicle_id at $recorded_at"}]),
        make_vehicle(),
    )
    for month, fired in (("01", 0), ("06", 1), ("07", 1)):
        at = datetime.fromisoformat(f"2026-{month}-02T10:00:00Z")
        record_statuses([StatusRow(vehicle.pk, {"odometer_km": 5.0}, at)], cause={"kind": "message"})
        drain()
        assert count(rule) == fired, month
    assert "2026-06-02T10:00:00Z" in Firing.objects.get().explanation
    assert FiringAction.objects.get().params["message"].startswith("VH-1 at 2026-06-02T10:00:00")
    assert VehicleChange.objects.count() == 1


def test_times_of_last_reports_that_wait_together_are_replayed_one_by_one():
    rule = make_rule({"field": "recorded_at", "operator": "between",
                      "value": ["2026-06-01T00:00:00Z", "2026-06-30T00:00:00Z"]})  # fmt: skip
    vehicle = make_vehicle()
    for month in ("05", "06", "07"):
        at = datetime.fromisoformat(f"2026-{month}-02T10:00:00Z")
        record_statuses([StatusRow(vehicle.pk, {"odometer_km": 5.0}, at)], cause={"kind": "message"})
    drain()
    assert (count(rule), is_true(rule, vehicle)) == (1, False)
