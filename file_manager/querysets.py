from typing import Self

from django.db.models import Q

from accounts.actors import Actor
from accounts.querysets import ScopedQuerySet


class UploadQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return Q(fleet__in=actor.fleet_pks)

    def unfinished(self) -> Self:
        """Uploads that a worker still owes something."""
        return self.filter(status__in=("UPLOADED", "READING", "APPLYING"))


class OfUploadQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return Q(upload__fleet__in=actor.fleet_pks)
