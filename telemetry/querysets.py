"""What of telemetry one may see."""

from django.db.models import Q

from accounts.actors import Actor
from accounts.querysets import ScopedQuerySet


class ParkedQuerySet(ScopedQuerySet):
    """Parked entries may speak of any vehicle: administrators alone see them."""

    def fence(self, actor: Actor) -> Q:
        return Q(pk__in=())


class ArchiveQuerySet(ScopedQuerySet):
    """A fleet's archives are seen by its people; a device's key speaks for its vehicle alone."""

    def fence(self, actor: Actor) -> Q:
        return Q(pk__in=()) if actor.bound_vehicle_id else Q(fleet__in=actor.fleet_pks)
