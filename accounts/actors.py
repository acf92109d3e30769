"""Who acts: a person or an API key. Both answer the same questions."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from accounts.models import ApiKey, User


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
