from django.db.models import Q

from accounts.actors import Actor
from accounts.querysets import HideableQuerySet


class CustomerQuerySet(HideableQuerySet):
    def fence(self, actor: Actor) -> Q:
        """The customers of one's fleets' vehicles, and those that one made oneself."""
        own = Q(created_by=actor.user) if actor.user else Q(created_by_key=actor.key)
        served = Q(vehicles__deleted_at__isnull=True)
        if actor.bound_vehicle_id is None or actor.fleet_pks:
            served &= Q(vehicles__fleet__in=actor.fleet_pks)
        if actor.bound_vehicle_id is not None:
            served &= Q(vehicles__vehicle_id=actor.bound_vehicle_id)
        # A subquery, not a join: a customer has many vehicles and is listed once.
        return own | Q(pk__in=self.model._base_manager.filter(served).values("pk"))
