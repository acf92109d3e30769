from typing import Self

from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Concat

from accounts.actors import Actor
from accounts.querysets import HideableQuerySet, ScopedQuerySet
from customer_management.models import Customer
from task_management.models import Task
from vehicle_management.models import Vehicle
from vehicle_management.querysets import of_fleets


class RuleQuerySet(HideableQuerySet):
    def fence(self, actor: Actor) -> Q:
        """Rules that watch anything that one sees, and those that one made oneself."""
        own = Q(created_by=actor.user) if actor.user else Q(created_by_key=actor.key)
        seen_by_maker = (
            Q(created_by__role="ADMINISTRATOR")
            | Q(created_by__memberships__fleet__in=actor.fleet_pks)
            | Q(created_by_key__fleets__in=actor.fleet_pks)
            | Q(shipped_as__isnull=False, created_by=None, created_by_key=None)
        )
        watching = (
            Q(everything=True)
            | Q(fleets__in=actor.fleet_pks)
            | Q(customers__in=Customer.objects.visible_to(actor).values("pk"))
            | Q(vehicles__in=Vehicle.objects.visible_to(actor).values("pk"))
            | Q(tasks__in=Task.objects.visible_to(actor).values("pk"))
        )
        # A scope is cut to what its maker sees, so one shares at least a fleet with the maker.
        rules = self.model.all_objects.filter(watching & seen_by_maker)  # type: ignore[attr-defined]
        return own | Q(pk__in=rules.values("pk"))

    def enabled(self) -> Self:
        return self.filter(enabled=True)


class FiringActionQuerySet(ScopedQuerySet):
    def fence(self, actor: Actor) -> Q:
        return of_fleets(actor, "firing__vehicle__")

    def making(self) -> Self:
        """Those that made their task; later firings only told it again."""
        firing, index = (Cast(name, TextField()) for name in ("firing_id", "index"))
        return self.filter(
            task__origin=Concat(Value("firing:"), firing, Value(":"), index, output_field=TextField())
        )
