"""A draft tried over the stored history of its vehicles."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from api_pattern.times import told_time
from rules.history import archived_days, count_readings, events_of
from rules.history_start import known_at
from rules.machine import Machine
from rules.moments import ms_of
from rules.nodes import Due
from rules.running import machine_of
from rules.surroundings import last_services
from rules.table import attribute_table
from rules.trial import Together, Trial
from rules.trial_draft import Draft
from rules.trial_told import Telling, read_by, readings_around
from rules.wording import sentence

MOST_READINGS = 20_000_000

Tick = Callable[[float], None]


def try_over_history(
    draft: Draft, start: datetime, end: datetime, *, tick: Tick = lambda share: None
) -> dict[str, Any]:
    """What the draft would have done from ``start`` (included) to ``end`` (not), told whole; nothing is done.

    ``tick`` is told now and then which share of the readings was taken. Raises ValidationError.
    """
    began = time.monotonic()
    pks = list(draft.vehicles)
    total = count_readings(pks, start, end, most=MOST_READINGS)
    if total > MOST_READINGS:
        told = _("There are over %(most)s readings in this time; choose a shorter one, or fewer vehicles.")
        raise ValidationError({"from": [told % {"most": f"{MOST_READINGS:,}"}]})
    machine = machine_of(draft.rule, attribute_table())
    trial = trial_of(draft, machine, start, end)
    trial.known = known_at(pks, machine.keys, start)
    trial.services = _services(draft, machine, start)
    outcome = trial.run(
        events_of(pks, machine.keys, start, end), lambda taken: tick(min(1.0, taken / max(1, total)))
    )
    names = read_by(machine)
    told_outcome = Telling(draft.rule, draft.vehicles, names, readings_around(names)).tell(outcome)
    return {
        **frame_of(draft, machine, start, end),
        "archived_days": [day.isoformat() for day in archived_days(pks, start, end)],
        **told_outcome,
        "took_ms": round((time.monotonic() - began) * 1000),
    }


def trial_of(draft: Draft, machine: Machine, start: datetime, end: datetime) -> Trial:
    rule = draft.rule
    return Trial(
        machine,
        {},
        ms_of(start) or 0,
        ms_of(end) or 0,
        Together(rule.cooldown_rule_s, rule.per_day_rule),
        skips_current=rule.skip_current,
    )


def frame_of(draft: Draft, machine: Machine, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "name": draft.rule.name,
        "sentence": sentence(machine.node),
        "from": told_time(start),
        "to": told_time(end),
        "vehicles": len(draft.vehicles),
    }


def _services(draft: Draft, machine: Machine, start: datetime) -> dict[int, int]:
    """When maintenance was last done before the trial begins; what is done later ends nothing in it."""
    if draft.origin is None or not any(isinstance(node, Due) for node in machine.nodes):
        return {}
    found = last_services([draft.origin.pk], draft.vehicles)
    before = ms_of(start) or 0
    return {vehicle: at for (_rule, vehicle), at in found.items() if at < before}
