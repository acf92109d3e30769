"""The people of most tests: three of one fleet, one of another, and the keys of servers and devices."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rest_framework.test import APIClient

from accounts.actors import KeyActor
from accounts.models import ApiKey, Fleet, User
from accounts.services import issue_tokens
from accounts.tests.factories import ApiKeyFactory, FleetFactory, UserFactory

DEVICE_VEHICLE_ID = "fleet-north-VH-001"


def client_of(person: User | ApiKey | None) -> APIClient:
    """An API client that sends the person's access token or the key's secret."""
    client = APIClient()
    if isinstance(person, User):
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(person).access_token}")
    elif isinstance(person, ApiKey):
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {person.secret}")  # type: ignore[attr-defined]
    return client


@dataclass
class People:
    """``north`` is the fleet of operator, manager and keys; the stranger manages ``south``."""

    north: Fleet
    south: Fleet

    @classmethod
    def make(cls) -> "People":
        return cls(
            FleetFactory(fleet_id="fleet-north", fleet_name="North"),
            FleetFactory(fleet_id="fleet-south", fleet_name="South"),
        )

    @cached_property
    def administrator(self) -> User:
        return UserFactory(email="administrator@example.org", role="ADMINISTRATOR")

    @cached_property
    def manager(self) -> User:
        return UserFactory(email="manager@example.org", role="MANAGER", fleets=[self.north])

    @cached_property
    def operator(self) -> User:
        return UserFactory(email="operator@example.org", role="OPERATOR", fleets=[self.north])

    @cached_property
    def stranger(self) -> User:
        return UserFactory(email="stranger@example.org", role="MANAGER", fleets=[self.south])

    @cached_property
    def read_key(self) -> ApiKey:
        return ApiKeyFactory(name="read", scopes=["read"], fleets=[self.north])

    @cached_property
    def write_key(self) -> ApiKey:
        return ApiKeyFactory(name="write", scopes=["read", "write"], fleets=[self.north])

    @cached_property
    def ingest_key(self) -> ApiKey:
        return ApiKeyFactory(name="ingest", scopes=["ingest"], fleets=[self.north])

    @cached_property
    def device_key(self) -> ApiKey:
        return ApiKeyFactory(
            name="device",
            scopes=["read", "write", "ingest"],
            fleets=[self.north],
            vehicle_id=DEVICE_VEHICLE_ID,
        )

    def client(self, name: str) -> APIClient:
        """A client that acts as the one of that name; ``anonymous`` sends nothing."""
        return client_of(None if name == "anonymous" else getattr(self, name))

    def actor(self, name: str) -> Any:
        person = getattr(self, name)
        return KeyActor(person) if isinstance(person, ApiKey) else person
