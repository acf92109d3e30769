"""The fence: every query that serves a person or a key passes through ``visible_to``."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.actors import Actor


class ScopedQuerySet(models.QuerySet):
    """Rows that one may see. Subclasses say which in ``fence``; administrators see all."""

    def visible_to(self, actor: Actor) -> Self:
        if not actor.is_authenticated:
            return self.none()
        if actor.is_administrator:
            return self
        return self.filter(self.fence(actor))

    def fence(self, actor: Actor) -> Q:
        raise NotImplementedError(f"{type(self).__name__} has no fence")


class HideableQuerySet(ScopedQuerySet):
    """Rows that are hidden by ``deleted_at`` instead of being deleted."""

    def alive(self) -> Self:
        return self.filter(deleted_at__isnull=True)

    def hidden(self) -> Self:
        return self.filter(deleted_at__isnull=False)

    def hide(self) -> int:
        return self.update(deleted_at=timezone.now())


class FleetQuerySet(HideableQuerySet):
    def fence(self, actor: Actor) -> Q:
        return Q(pk__in=actor.fleet_pks)


class AdministratorsOnlyQuerySet(ScopedQuerySet):
    """People, memberships and keys: administrators alone see them."""

    def fence(self, actor: Actor) -> Q:
        return Q(pk__in=())
