"""A rule tried over the rows of a file that was uploaded: nothing is applied."""

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import FleetFactory, UserFactory
from file_manager.models import Upload
from file_manager.tests.factories import hand_in, run
from rules.models import Firing
from vehicle_management.models import AttributeType, Vehicle, VehicleStatus
from vehicle_management.services import create_vehicles

pytestmark = pytest.mark.django_db(transaction=True)

FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
LOG = {"type": "store_log", "message": "$vehicle_id drives $speed_kmh km/h"}
STATUSES = """vehicle_id,time,speed_kmh,mood
VH-1,2026-03-02T12:00:20Z,70,calm
VH-1,2026-03-02T12:00:00Z,50,calm
VH-1,2026-03-02T12:00:10Z,90.5,angry
VH-2,2026-03-02T12:00:05Z,60,calm
VH-2,2026-03-02T12:00:30Z,fast,calm
nobody,2026-03-02T12:00:30Z,99,calm
"""


@pytest.fixture
def person():
    return UserFactory(role="ADMINISTRATOR")


@pytest.fixture
def api(person):
    client = APIClient()
    client.force_authenticate(person)
    return client


def reviewed(content: str, **values) -> Upload:
    """A file that was looked at and waits."""
    upload = run(content, apply=False, **values)
    assert upload.status == Upload.Status.REVIEW
    return upload


def tried(api, upload: Upload, pattern=FAST, **values):
    body = {"file": upload.pk, "pattern": pattern, "actions": [LOG], **values}
    answer = api.post("/api/v1/rules/test", body, format="json")
    assert answer.status_code == 200, answer.data
    return answer.data


def two_vehicles(person):
    fleet = FleetFactory()
    given = [{"vehicle_id": vehicle_id, "fleet": fleet} for vehicle_id in ("VH-1", "VH-2")]
    return create_vehicles(given, by=person)


def test_rows_are_tried_in_the_order_of_their_times(api, person) -> None:
    two_vehicles(person)
    told = tried(api, reviewed(STATUSES, kind="statuses", name="status.csv"))
    (firing,) = told["first_firings"]
    assert (firing["vehicle_id"], firing["at"]) == ("VH-1", "2026-03-02T12:00:10Z")
    assert firing["until"] == "2026-03-02T12:00:20Z"
    assert firing["actions"][0]["params"]["message"] == "VH-1 drives 90.5 km/h"
    assert [one["values"]["speed_kmh"] for one in firing["around"]] == [50, 90.5, 70]
    assert (told["vehicles"], told["readings"], told["faulty_rows"]) == (2, 4, 2)


def test_nothing_is_applied(api, person) -> None:
    two_vehicles(person)
    tried(api, reviewed(STATUSES, kind="statuses", name="status.csv"))
    assert not VehicleStatus.objects.exists()
    assert not Firing.objects.exists()


def test_reading_the_file_notes_no_attributes(api, person) -> None:
    two_vehicles(person)
    upload = reviewed(STATUSES, kind="statuses", name="status.csv")
    AttributeType.objects.all().delete()
    tried(api, upload)
    assert not AttributeType.objects.exists()


def test_attributes_of_ones_own_are_tried_too(api, person) -> None:
    two_vehicles(person)
    upload = reviewed(STATUSES, kind="statuses", name="status.csv")
    AttributeType.objects.get_or_create(name="mood", defaults={"kind": "text"})
    told = tried(api, upload, {"field": "mood", "operator": "eq", "value": "angry"})
    assert [one["vehicle_id"] for one in told["first_firings"]] == ["VH-1"]


def test_vehicles_that_the_file_would_create_are_tried(api, person) -> None:
    content = "vehicle_id,make,odometer_km\nVH-8,Ford,12000\nVH-9,Ford,9000\n"
    pattern = {
        "all": [
            {"field": "odometer_km", "operator": "gt", "value": 10_000},
            {"field": "make", "operator": "eq", "value": "Ford"},
        ]
    }
    told = tried(api, reviewed(content), pattern, actions=[{"type": "store_log", "message": "$vehicle_id"}])
    assert [one["vehicle_id"] for one in told["first_firings"]] == ["VH-8"]
    assert told["first_firings"][0]["actions"][0]["params"]["message"] == "VH-8"
    assert not Vehicle.objects.exists()


def test_a_file_that_was_applied_is_tried_as_it_came(api, person) -> None:
    two_vehicles(person)
    upload = run(STATUSES, kind="statuses", name="status.csv")
    assert tried(api, upload)["firings"] == 1


def test_only_files_that_one_sees_and_that_hold_vehicles_or_statuses_are_tried(api, person) -> None:
    upload = run("external_id,name\nC-1,Baker\n", kind="customers")
    answer = api.post("/api/v1/rules/test", {"file": upload.pk, "pattern": FAST}, format="json")
    assert answer.status_code == 422
    assert "holds no statuses or vehicles" in answer.data["errors"]["file"][0]
    waiting = hand_in("vehicle_id\nVH-1\n")
    answer = api.post("/api/v1/rules/test", {"file": waiting.pk, "pattern": FAST}, format="json")
    assert answer.status_code == 422
