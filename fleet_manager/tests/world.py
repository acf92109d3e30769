"""One of everything in the northern fleet, for walks of all routes."""

import gzip
import io
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Cause, Membership, User
from accounts.tests.people import DEVICE_VEHICLE_ID, People
from alerts.models import Alert
from customer_management.models import Customer
from file_manager import storage
from file_manager.models import Upload, UploadFaultGroup
from rules.models import Firing, FiringAction, LogEntry, Rule
from task_management.models import Task
from telemetry.models import Archive, Trip
from telemetry.tests.factories import store
from telemetry.tests.trips import make_trip
from vehicle_management.models import AttributeType, Vehicle, VehicleChange, VehicleStatus

ROLES = (
    "anonymous",
    "operator",
    "manager",
    "administrator",
    "stranger",
    "read_key",
    "write_key",
    "ingest_key",
    "device_key",
)
FILE = b"vehicle_id,plate\nfleet-north-VH-001,N 1\n"
TRIP = {"vehicle_id": DEVICE_VEHICLE_ID, "data": [{"speed_kmh": 40, "g_force_long": 0.1}]}
PATTERN = {"field": "odometer_km", "operator": "gt", "value": 10_000}


@dataclass
class World:
    people: People
    customer: Customer
    vehicle: Vehicle
    other_vehicle: Vehicle
    task: Task
    rule: Rule
    firing: Firing
    alert: Alert
    trip: Trip
    archive: Archive
    upload: Upload
    key: ApiKey
    membership: Membership
    attribute_type: AttributeType
    fault_group: UploadFaultGroup

    @classmethod
    def make(cls) -> "World":
        people = People.make()
        # Made here, not in the savepoint of whoever asks first.
        for role in ROLES[1:]:
            getattr(people, role)
        cause = Cause.of(people.manager.as_cause())
        customer = Customer.objects.create(name="City of North", external_id="C-1", cause=cause)
        vehicle = _vehicle(people, cause, DEVICE_VEHICLE_ID, customer=customer)
        items = [{"text": "Oil", "done": False}]
        task = Task.objects.create(
            title="Change the oil", vehicle=vehicle, customer=customer, checklist=items, cause=cause
        )
        rule = Rule.objects.create(name="Service due", pattern=PATTERN, created_by=people.administrator)
        rule.fleets.add(people.north)
        upload = _upload(people, cause)
        return cls(
            people=people,
            customer=customer,
            vehicle=vehicle,
            other_vehicle=_vehicle(people, cause, "fleet-north-VH-002"),
            task=task,
            rule=rule,
            firing=_firing(rule, vehicle),
            alert=_alert(rule, vehicle),
            archive=Archive.objects.create(
                fleet=people.north,
                day=date(2026, 3, 2),
                name="archives/north/2026-03-02.parquet",
                status="STORED",
            ),
            trip=make_trip(vehicle, driver_id="D-1", body=gzip.compress(json.dumps(TRIP).encode())),
            upload=upload,
            key=people.read_key,
            membership=Membership.objects.get(user=people.operator),
            attribute_type=AttributeType.objects.create(name="tyre_wear", kind="number"),
            fault_group=UploadFaultGroup.objects.create(upload=upload, code="x", message="x", count=1),
        )

    def client(self, role: str, *, pages: bool) -> Client:
        """For pages a browser with a session; keys have none."""
        if not pages:
            return self.people.client(role)
        person = AnonymousUser() if role == "anonymous" else getattr(self.people, role)
        browser = Client()
        if isinstance(person, User):
            browser.force_login(person)
        return browser


def _vehicle(people: People, cause: Cause, vehicle_id: str, **values: Any) -> Vehicle:
    vehicle = Vehicle.objects.create(vehicle_id=vehicle_id, fleet=people.north, cause=cause, **values)
    VehicleStatus.objects.create(vehicle=vehicle, recorded_at=timezone.now(), odometer_km=9_000)
    VehicleChange.objects.create(
        vehicle=vehicle, at=timezone.now(), cause=cause, changes={"status.odometer_km": [None, 9_000]}
    )
    store(vehicle, [(timezone.now(), {"odometer_km": 9_000})])
    return vehicle


def _firing(rule: Rule, vehicle: Vehicle) -> Firing:
    firing = Firing.objects.create(
        rule=rule,
        rule_version=1,
        vehicle=vehicle,
        explanation="odometer_km was 10,412, which is over 10,000",
        cause={"kind": "message", "channel": "fleet.telemetry.raw"},
    )
    action = FiringAction.objects.create(
        firing=firing, index=0, type="store_log", params={"level": "INFO", "message": "due"}, status="DONE"
    )
    LogEntry.objects.create(message="due", vehicle=vehicle, action=action)
    return firing


def _alert(rule: Rule, vehicle: Vehicle) -> Alert:
    now = timezone.now()
    return Alert.objects.create(
        vehicle=vehicle,
        origin=f"rule:{rule.pk}",
        alert_type="OVERSPEED",
        severity="HIGH",
        message="It drives too fast.",
        field="speed_kmh",
        value=91,
        worst_value=96,
        threshold=80,
        triggered_at=now - timedelta(minutes=5),
        last_at=now - timedelta(seconds=30),
        count=3,
    )


def _upload(people: People, cause: Cause) -> Upload:
    now = timezone.now()
    stored_as, size_bytes, sha256 = storage.keep(io.BytesIO(FILE))
    return Upload.objects.create(
        name="fleet.csv",
        kind="vehicles",
        status="APPLIED",
        fleet=people.north,
        by=people.manager,
        cause=cause,
        stored_as=stored_as,
        size_bytes=size_bytes,
        sha256=sha256,
        created_at=now - timedelta(minutes=1),
        started_at=now,
        finished_at=now,
    )


def send(client: Client, method: str, path: str, body: Any) -> Any:
    if isinstance(body, dict) and any(hasattr(value, "read") for value in body.values()):
        return client.generic(method, path, encode_multipart(BOUNDARY, body), content_type=MULTIPART_CONTENT)
    if isinstance(client, APIClient):
        data = None if body is None else json.dumps(body)
        return client.generic(method, path, data or "", content_type="application/json")
    return client.generic(method, path)
