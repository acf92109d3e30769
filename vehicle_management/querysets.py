from django.db.models import Q

from accounts.actors import Actor
from accounts.querysets import HideableQuerySet, ScopedQuerySet


def of_fleets(actor: Actor, path: str = "") -> Q:
    """Rows whose vehicle (reached by ``path``) the actor may see."""
    fence = Q(**{f"{path}fleet__in": actor.fleet_pks})
    if actor.bound_vehicle_id is None:
        return fence
    # A device's key need not name the vehicle's fleet; where it names fleets, it is kept to them.
    own = Q(**{f"{path}vehicle_id": actor.bound_vehicle_id})
    return own & fence if actor.fleet_pks else own


class VehicleQuerySet(HideableQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_fleets(actor)


class OfVehicleQuerySet(ScopedQuerySet):
    """Rows that belong to one vehicle and are seen by whoever sees it."""

    def fence(self, actor: Actor) -> Q:
        return of_fleets(actor, "vehicle__")
