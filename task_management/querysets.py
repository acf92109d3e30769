from typing import Self

from django.db.models import Q
from django.utils import timezone

from accounts.actors import Actor
from accounts.querysets import HideableQuerySet, ScopedQuerySet
from customer_management.models import Customer
from vehicle_management.querysets import of_fleets


def of_visible(actor: Actor, path: str = "") -> Q:
    """Tasks of visible vehicles; of visible customers where no vehicle is named."""
    of_customer = Q(
        **{
            f"{path}vehicle__isnull": True,
            f"{path}customer__in": Customer.objects.visible_to(actor).values("pk"),
        }
    )
    return of_fleets(actor, f"{path}vehicle__") | of_customer


class TaskQuerySet(HideableQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_visible(actor)

    def open(self) -> Self:
        return self.filter(status="created")

    def overdue(self) -> Self:
        return self.open().filter(due_at__lt=timezone.now())

    def not_overdue(self) -> Self:
        return self.exclude(status="created", due_at__lt=timezone.now())


class TaskCommentQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_visible(actor, "task__")
