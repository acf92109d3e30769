"""What is to be tried, and on what: a rule as it is, as it would be after a change, or one that is not stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from api_pattern.parsers import is_storable_text
from rules.checks import LIMITS, NamedScope, check_rule
from rules.models import Rule
from rules.scope import sight_of
from rules.versions import definition_of
from task_management.models import Task
from vehicle_management.models import Vehicle

MOST_NAMED = 1_000
LONGEST_DAYS = 400
FIELDS = ("name", "pattern", "clear", "actions", "skip_current", "scope", *LIMITS)


@dataclass(frozen=True)
class Draft:
    """A checked rule that is not stored (``rule``), the stored one that it comes from, and whom it concerns.

    ``vehicles`` holds the ids by key of those that it is tried on.
    """

    rule: Rule
    vehicles: dict[int, str] = field(default_factory=dict)
    origin: Rule | None = None


def read_draft(
    values: Mapping[str, Any],
    *,
    by: Actor,
    origin: Rule | None = None,
    vehicles: Iterable[str] | None = None,
    needs_vehicles: bool = True,
) -> Draft:
    """``values`` as the API's body has them, over what ``origin`` says; on ``vehicles``, or on its scope's.

    Without either, it is an error where it ``needs_vehicles``, and all that ``by`` sees where not. Raises
    ValidationError by the path of what is wrong.
    """
    given = {name: value for name, value in values.items() if name in FIELDS}
    if not str(given.get("name") or "").strip():
        given.pop("name", None)
    whole = {**(definition_of(origin) if origin else {"pattern": None}), **given}
    whole.pop("enabled", None)
    scope = check_rule(whole, by=by, rule=origin)
    rule = Rule(
        name=whole.get("name") or _("New rule"),
        pattern=whole["pattern"],
        clear=whole.get("clear"),
        actions=whole.get("actions") or [],
        skip_current=bool(whole.get("skip_current")),
        **{name: whole[name] for name in LIMITS if name in whole},
    )
    if vehicles is not None:
        return Draft(rule, named_vehicles(vehicles, by=by), origin)
    if scope is None and not needs_vehicles:
        return Draft(rule, _ids(Vehicle.objects.visible_to(by)), origin)
    if scope is None:
        raise ValidationError({"scope": [_("Say what to try it on: give a scope, or vehicles.")]})
    return Draft(rule, _ids(_watched(scope, origin, by)), origin)


def named_vehicles(vehicle_ids: Iterable[str], *, by: Actor) -> dict[int, str]:
    """Raises ValidationError that names those which ``by`` does not see."""
    wanted = list(dict.fromkeys(vehicle_ids))
    if len(wanted) > MOST_NAMED:
        told = _("Up to %(most)s vehicles may be named; these are %(n)s.")
        raise ValidationError({"vehicles": [told % {"most": f"{MOST_NAMED:,}", "n": f"{len(wanted):,}"}]})
    good = [one for one in wanted if is_storable_text(one)]
    found = _ids(Vehicle.objects.visible_to(by).filter(vehicle_id__in=good))
    missing = [one for one in wanted if one not in found.values()]
    if missing:
        told = _("There is no vehicle %(id)s that you may see.")
        raise ValidationError(
            {"vehicles": [told % {"id": one[:64].replace("\x00", "␀")} for one in missing[:10]]}
        )
    return found


def read_span(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """The period of a trial; up to now where it has no end. Raises ValidationError."""
    now = timezone.now()
    end = now if end is None else end
    if start is None:
        raise ValidationError({"from": [_("Say from when on to try it, such as 2026-03-01T00:00:00Z.")]})
    if start >= end:
        raise ValidationError({"from": [_("The beginning does not lie before the end.")]})
    if start >= now:
        raise ValidationError({"from": [_("The beginning lies ahead; a trial goes over what has happened.")]})
    if (end - start).days >= LONGEST_DAYS:
        raise ValidationError({"from": [_("A trial covers less than %(n)d days.") % {"n": LONGEST_DAYS}]})
    return start, min(end, now)


def _ids(vehicles: QuerySet[Vehicle]) -> dict[int, str]:
    return dict(vehicles.order_by("pk").values_list("pk", "vehicle_id"))


def _watched(scope: NamedScope, origin: Rule | None, by: Actor) -> QuerySet[Vehicle]:
    """What the scope names of what ``by`` sees, and the stored rule's maker too."""
    seen = Vehicle.objects.visible_to(by)
    if origin is not None:
        sight = sight_of(origin)
        if sight.fleets is not None:
            seen = seen.filter(fleet__in=sight.fleets)
        if sight.only is not None:
            seen = seen.filter(pk__in=sight.only)
    if scope.everything:
        return seen
    of_tasks = Task.objects.open().filter(pk__in=scope.pks["tasks"]).values("vehicle")
    return seen.filter(
        Q(fleet__in=scope.pks["fleets"])
        | Q(customer__in=scope.pks["customers"])
        | Q(pk__in=scope.pks["vehicles"])
        | Q(pk__in=of_tasks)
    )
