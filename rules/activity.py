"""What rules did lately, as pages show it; everything is cut to the vehicles that the reader sees."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.actors import Actor
from rules.models import Firing, FiringAction, Rule
from task_management.models import Task

FAILING = (FiringAction.Status.FAILED, FiringAction.Status.PARKED)


def with_activity(rules: QuerySet[Rule], actor: Actor) -> QuerySet[Rule]:
    """Adds ``last_fired_at`` (or None) and the numbers ``failing_actions`` and ``held_back``.

    ``held_back`` is of all vehicles: for those who see all of them.
    """
    firings = Firing.objects.visible_to(actor).filter(rule=OuterRef("pk"))
    failing = (
        FiringAction.objects.visible_to(actor)
        .filter(status__in=FAILING, firing__rule=OuterRef("pk"))
        .order_by()
        .values("firing__rule")
        .annotate(count=Count("pk"))
    )
    return rules.annotate(
        last_fired_at=Subquery(firings.order_by("-pk").values("fired_at")[:1]),
        failing_actions=Coalesce(Subquery(failing.values("count"), output_field=IntegerField()), 0),
        held_back=Coalesce(F("total__held_back"), 0),
    )


def firings_by_day(
    rules: Iterable[Rule], actor: Actor, *, days: int = 7, zone: str = "UTC"
) -> dict[int, list[int]]:
    """By rule, how often it fired on each of the last ``days`` days, today last."""
    tz = ZoneInfo(zone)
    today = timezone.now().astimezone(tz).date()
    first = today - timedelta(days=days - 1)
    counts = {rule.pk: [0] * days for rule in rules}
    found = (
        Firing.objects.visible_to(actor)
        .filter(rule__in=list(counts), fired_at__gte=datetime(first.year, first.month, first.day, tzinfo=tz))
        .order_by()
        .values("rule", day=TruncDate("fired_at", tzinfo=tz))
        .annotate(count=Count("pk"))
    )
    for row in found:
        place = (row["day"] - first).days
        if 0 <= place < days:
            counts[row["rule"]][place] = row["count"]
    return counts


def firing_of_task(task: Task, actor: Actor) -> Firing | None:
    """The firing that created the task, with its rule: the way back to what caused it."""
    made_by = FiringAction.objects.visible_to(actor).filter(task=task)
    action = made_by.select_related("firing__rule", "firing__vehicle").first()
    return action.firing if action else None
