"""Who acts: a person or an API key. Both answer the same questions."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from accounts.models import ApiKey, User


class Causing(Protocol):
    """Whatever a history can name as a cause."""

    def as_cause(self) -> dict[str, Any]: ...


class Actor(Protocol):
    """What views, services and querysets may ask of whoever is acting."""

    @property
    def is_authenticated(self) -> bool: ...

    @property
    def role(self) -> str: ...

    @property
    def is_administrator(self) -> bool: ...

    @property
    def can_write(self) -> bool:
        """May create and change vehicles, customers, tasks, rules and files (within the fence)."""
        ...

    @property
    def fleet_pks(self) -> frozenset[int]:
        """Primary keys of the fleets that the actor is limited to; unused for administrators."""
        ...

    @property
    def fleets_by_id(self) -> dict[str, int]:
        """The same by ``fleet_id``."""
        ...

    @property
    def bound_vehicle_id(self) -> str | None:
        """The one vehicle that a device's key speaks for."""
        ...

    @property
    def user(self) -> "User | None": ...

    @property
    def key(self) -> "ApiKey | None": ...

    def as_cause(self) -> dict[str, Any]:
        """``{"kind": "user" | "api_key", ...}``: how a history names the actor."""
        ...


class KeyActor:
    """A key acts as a manager of its fleets where it may write, and only reads where it may not."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_administrator = False
    is_staff = False
    user = None

    def __init__(self, key: "ApiKey") -> None:
        self.key = key

    def __str__(self) -> str:
        return f"key {self.key}"

    @property
    def pk(self) -> None:
        """A key is no row of the people's table."""
        return None

    @property
    def role(self) -> str:
        return "MANAGER" if self.can_write else "OPERATOR"

    @property
    def can_write(self) -> bool:
        return "write" in self.key.scopes

    @property
    def can_read(self) -> bool:
        return self.can_write or "read" in self.key.scopes

    @cached_property
    def fleets_by_id(self) -> dict[str, int]:
        return {fleet.fleet_id: fleet.pk for fleet in self.key.fleets.all() if fleet.deleted_at is None}

    @cached_property
    def fleet_pks(self) -> frozenset[int]:
        return frozenset(self.fleets_by_id.values())

    @property
    def bound_vehicle_id(self) -> str | None:
        return self.key.vehicle_id

    def as_cause(self) -> dict[str, Any]:
        return {"kind": "api_key", "key_id": self.key.pk, "name": self.key.name}


def sender_of(request: Any) -> Actor:
    """Whoever sent an authenticated request."""
    sender: Actor = request.user
    return sender


def actor_of(user: "User | None", key: "ApiKey | None") -> Actor | None:
    """Who once acted, from the columns that say so; None when that person or key is gone."""
    if user is not None:
        return user
    return KeyActor(key) if key is not None else None
