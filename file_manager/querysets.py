from typing import Self

from django.db.models import Q
from django.utils import timezone

from accounts.actors import Actor
from accounts.querysets import ScopedQuerySet


def of_fleets(actor: Actor, path: str = "") -> Q:
    """Uploads of the actor's fleets; a device's key speaks for its vehicle and sees no files."""
    if actor.bound_vehicle_id is not None:
        return Q(pk__in=())
    return Q(**{f"{path}fleet__in": actor.fleet_pks})


class UploadQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_fleets(actor)

    def unfinished(self) -> Self:
        """Uploads that a worker still owes something."""
        rested = Q(rests_until=None) | Q(rests_until__lte=timezone.now())
        return self.filter(rested, status__in=("UPLOADED", "READING", "APPLYING"))


class OfUploadQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_fleets(actor, "upload__")
