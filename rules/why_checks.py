"""What stands between a true pattern and a firing: whether the rule was on, had begun, and watched the vehicle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from api_pattern.times import told_time
from rules.models import Rule, RuleVersion
from rules.moments import time_of
from rules.scope import ALL, scopes_of
from rules.surroundings import vehicles_of_open_tasks
from vehicle_management.models import Vehicle

_LATER_ONES_FIRST = """
    SELECT late.received_at FROM telemetry_reading late
    WHERE late.vehicle = %s AND late.recorded_at = %s AND EXISTS (
        SELECT FROM telemetry_reading newer
        WHERE newer.vehicle = late.vehicle AND newer.recorded_at > late.recorded_at
          AND newer.recorded_at < late.received_at AND newer.received_at < late.received_at
    )
"""


@dataclass(frozen=True)
class Check:
    """``name`` is for programs; ``told`` a sentence either way."""

    name: str
    ok: bool
    told: str


def checks_of(rule: Rule, vehicle: Vehicle, at: datetime, values: Mapping[str, Any]) -> list[Check]:
    """Of a stored rule; of a draft only the vehicle's being there matters."""
    if not rule.pk:
        return []
    return [
        _enabled(rule, at),
        _begun(rule, at),
        _version(rule, at),
        *_scope(rule, vehicle, values),
        *_waits(rule, at),
    ]


def late_reading(rule: Rule, vehicle: int, at: int) -> Check | None:
    """Where the reading of this time came after newer ones, which a rule without a lateness passes over."""
    with connection.cursor() as cursor:
        cursor.execute(_LATER_ONES_FIRST, [vehicle, time_of(at)])
        row = cursor.fetchone()
    if row is None or rule.lateness_s:
        return None
    told = _(
        "The reading of %(at)s came at %(received)s, after newer ones: it was stored, and the rule, whose"
        " lateness is 0, had decided by then."
    )
    return Check("late", False, told % {"at": told_time(time_of(at)), "received": told_time(row[0])})


def _enabled(rule: Rule, at: datetime) -> Check:
    held = _version_at(rule, at)
    was_on = bool(held.definition.get("enabled", True)) if held else rule.enabled
    if was_on and (rule.enabled or held is not None):
        return Check("enabled", True, _("The rule was on."))
    return Check("enabled", False, _("The rule was off."))


def _begun(rule: Rule, at: datetime) -> Check:
    since = {"at": told_time(rule.started_at.replace(microsecond=0))}
    if rule.started_at <= at:
        return Check("begun", True, _("It had begun, at %(at)s.") % since)
    told = _(
        "The rule began as it is now at %(at)s, which is later: it was made, changed or switched on then."
    )
    return Check("begun", False, told % since)


def _version(rule: Rule, at: datetime) -> Check:
    held = _version_at(rule, at)
    if held is None or held.number == rule.version:
        return Check("version", True, _("It was version %(n)d, as it is now.") % {"n": rule.version})
    told = _("Version %(then)d held at that time; what is said here goes by version %(now)d.")
    return Check("version", True, told % {"then": held.number, "now": rule.version})


def _version_at(rule: Rule, at: datetime) -> RuleVersion | None:
    return RuleVersion.objects.filter(rule=rule, at__lte=at).order_by("-number").first()


def _scope(rule: Rule, vehicle: Vehicle, values: Mapping[str, Any]) -> list[Check]:
    scope = scopes_of([rule])[rule.pk]
    of_tasks = vehicles_of_open_tasks([rule.pk], [vehicle.pk]).get(rule.pk, frozenset())
    if values.get("deleted_at") is not None:
        return [Check("scope", False, _("The vehicle was deleted, or not created yet."))]
    if not replace(scope, sight=ALL).watcher()(vehicle.pk, values, of_tasks):
        told = _("%(id)s is not in the rule's scope.") % {"id": vehicle.vehicle_id}
        return [Check("scope", False, told)]
    named = Check("scope", True, _("%(id)s is in the rule's scope.") % {"id": vehicle.vehicle_id})
    if scope.watcher()(vehicle.pk, values, of_tasks):
        return [named]
    maker = rule.created_by or rule.created_by_key
    told = _("%(maker)s, who made the rule, does not see %(id)s, so the rule does not watch it.")
    about = {"maker": maker or _("Whoever is gone"), "id": vehicle.vehicle_id}
    return [named, Check("sight", False, told % about)]


def _waits(rule: Rule, at: datetime) -> list[Check]:
    decided = at + timedelta(seconds=rule.lateness_s)
    if not rule.lateness_s or decided <= timezone.now():
        return []
    told = _("It waits %(n)s s for late readings, and decides at %(at)s.")
    return [
        Check(
            "lateness",
            False,
            told % {"n": f"{rule.lateness_s:,}", "at": told_time(decided.replace(microsecond=0))},
        )
    ]
