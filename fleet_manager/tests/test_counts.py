"""What the programs do is counted, and what was rolled back is not."""

import json
import smtplib
from collections.abc import Callable

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.tests.factories import FleetFactory
from accounts.tests.people import People
from file_manager.tasks import work_uploads
from file_manager.tests.factories import hand_in
from rules import lanes
from rules.lanes import drain
from rules.models import FiringAction
from rules.outbox import run_pending_actions
from rules.tests.factories import LOG, make_rule, make_vehicle, report
from telemetry.models import Trip
from telemetry.trip_scoring import score_trip
from telemetry.trips import submit_trip
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = {"type": "send_email", "to": "workshop@fleet.example", "subject": "s", "body": "b"}
FILE = "vehicle_id,model_year\nVH-1,2020\nVH-2,1196\nVH-1,2020\n"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def rise() -> Callable[..., float]:
    """By how much a count rose since the test began."""
    before = {
        (one.name, *sorted(one.labels.items())): one.value
        for metric in REGISTRY.collect()
        for one in metric.samples
    }
    return lambda name, **labels: value(name, **labels) - before.get((name, *sorted(labels.items())), 0.0)


def fire(*actions: dict[str, str]) -> None:
    make_rule(actions=list(actions))
    report(make_vehicle(), odometer_km=10_412.0)
    drain()


def test_evaluations_firings_and_actions_are_counted(rise):
    fire(LOG)

    run_pending_actions()

    assert rise("fleet_rule_evaluations_total") >= 1
    assert rise("fleet_rule_firings_total") == 1
    assert rise("fleet_actions_total", type="store_log", outcome="done") == 1


def test_what_a_lane_rolled_back_is_not_counted(rise, monkeypatch: pytest.MonkeyPatch):
    make_rule(actions=[LOG])
    report(make_vehicle(), odometer_km=10_412.0)

    class Undone(Exception):
        pass

    def undo(*args: object) -> None:
        raise Undone

    monkeypatch.setattr(lanes, "ring_for_actions", undo)
    with pytest.raises(Undone):
        drain()

    assert rise("fleet_rule_firings_total") == 0


def test_an_action_that_is_tried_again_counts_each_time(rise, monkeypatch: pytest.MonkeyPatch, settings):
    def refuse(*args: object, **named: object) -> None:
        raise smtplib.SMTPServerDisconnected("busy")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    fire(MAIL)

    run_pending_actions()

    assert rise("fleet_actions_total", type="send_email", outcome="postponed") == 1

    settings.ACTION_ATTEMPTS = 2
    from_now_on_due()
    run_pending_actions()

    assert rise("fleet_actions_total", type="send_email", outcome="parked") == 1


def from_now_on_due() -> None:
    FiringAction.objects.update(next_at=timezone.now())


def test_rows_of_files_are_counted_by_what_became_of_them(rise):
    hand_in(FILE, fleet=FleetFactory())

    work_uploads()

    outcomes = ("created", "updated", "unchanged", "repeated", "failed")
    assert {one: rise("fleet_import_rows_total", outcome=one) for one in outcomes} == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "repeated": 1,
        "failed": 1,
    }
    assert rise("fleet_uploads_total", outcome="applied") == 1
    assert rise("fleet_import_chunk_seconds_count") == 1


def test_a_file_that_cannot_be_read_counts_as_failed(rise):
    hand_in("", fleet=FleetFactory())

    work_uploads()

    assert rise("fleet_uploads_total", outcome="failed") == 1


def test_trips_are_counted_by_whether_they_got_a_score(rise):
    people = People.make()
    vehicle = VehicleFactory(fleet=people.north)
    body = {"vehicle_id": vehicle.vehicle_id, "driver_id": "D-1", "data": [{"g_force_long": -0.5}]}
    for key in ("one", "two"):
        submit_trip(body, json.dumps(body).encode(), people.actor("manager"), key)
    Trip.objects.filter(idempotency_key="two").update(body=None)

    for trip in Trip.objects.all():
        score_trip(trip.pk)

    assert rise("fleet_trips_scored_total", outcome="completed") == 1
    assert rise("fleet_trips_scored_total", outcome="failed") == 1
