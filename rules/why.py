"""Why a rule did, or did not, fire for a vehicle at a time: what stood in its way, and each node's truth.

The machine is stepped over the vehicle's events up to that time, so what it remembers then is what it remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from api_pattern.times import AHEAD, told_time
from rules.history import events_of
from rules.history_start import known_at
from rules.machine import CLOCK, Kind, Machine, Report, State, Step
from rules.matching import Moment, compile_pattern
from rules.models import Firing, Rule, RuleState
from rules.moments import ms_of, time_of
from rules.nodes import Due, Lasts, Node, Often, Silent, subjects
from rules.running import machine_of
from rules.surroundings import last_services
from rules.table import attribute_table
from rules.trial_told import first_known
from rules.why_checks import Check, checks_of, late_reading
from rules.why_nodes import ToldNode, nodes_of
from rules.wording import sentence
from vehicle_management.models import Vehicle

LOOKED_BACK = timedelta(days=2)
MOST_LOOKED_BACK = timedelta(days=32)
NEAR = timedelta(seconds=1)
OLDEST = timedelta(days=4_000)


@dataclass
class Seen:
    """How the machine stands at a time (milliseconds). ``said_at`` tells by key when its value was last said."""

    machine: Machine
    state: State
    values: dict[str, Any]
    before: dict[str, Any]
    start: int
    at: int
    last_at: int
    heard: int | None
    steps: list[Step] = field(default_factory=list)
    said_at: dict[str, int] = field(default_factory=dict)

    @property
    def moment(self) -> Moment:
        return Moment(self.values, before=self.before, at=self.at, heard=self.heard, memory=self.state.memory)

    @property
    def truth(self) -> bool | None:
        return compile_pattern(self.machine.node, self.machine.slots)(self.moment)

    @property
    def latest(self) -> Step | None:
        """What the last event, or the clock since then, led to."""
        kinds = (Kind.FIRE, Kind.REPEAT, Kind.HOLD_BACK)
        told = [step for step in self.steps if step.kind in kinds and step.at >= self.last_at]
        return told[-1] if told else None


def why(rule: Rule, vehicle: Vehicle, at: datetime) -> dict[str, Any]:
    """``rule`` may be one that is not stored: then it counts as begun long before. Raises ValidationError."""
    _refuse_far(at)
    machine = machine_of(rule, attribute_table())
    seen = _replay(rule, machine, vehicle.pk, at)
    checks = checks_of(rule, vehicle, at, seen.values)
    firing = _stored_firing(rule, vehicle, seen)
    verdict, answer = _verdict(rule, seen, checks, firing)
    checks += [late] if rule.pk and (late := late_reading(rule, vehicle.pk, seen.last_at)) else []
    if seen.latest is not None and seen.latest.kind is Kind.HOLD_BACK:
        checks.append(Check("held_back", False, seen.latest.told))
    return {
        "vehicle_id": vehicle.vehicle_id,
        "at": told_time(at),
        "sentence": sentence(machine.node),
        "verdict": verdict,
        "answer": answer,
        "checks": [{"name": one.name, "ok": one.ok, "told": one.told} for one in checks],
        "nodes": [_told_node(one, seen) for one in _all_nodes(machine, seen)],
        "heard_at": _told(seen.heard),
        "true_since": _told(_since(rule, vehicle, seen)),
        "firing_id": firing.pk if firing else None,
    }


def _refuse_far(at: datetime) -> None:
    now = timezone.now()
    if at > now + AHEAD:
        raise ValidationError({"at": [_("“%(at)s” lies ahead; ask for what was.") % {"at": told_time(at)}]})
    if at < now - OLDEST:
        told = _("“%(at)s” lies more than %(n)s days back.")
        raise ValidationError({"at": [told % {"at": told_time(at), "n": f"{OLDEST.days:,}"}]})


def _replay(rule: Rule, machine: Machine, pk: int, at: datetime) -> Seen:
    start, skip = _beginning(rule, machine, at)
    known = known_at([pk], machine.keys, start)[pk]
    state, first = State(), ms_of(start) or 0
    if machine.goes_by_time:
        state.memory[CLOCK] = first
    seen = Seen(machine, state, known.values, known.values, first, ms_of(at) or 0, first, known.heard)
    _renew(rule, machine, pk, seen)
    begin = Report(known.values, known.values, first, known.heard, known.heard, skip=skip)
    seen.steps += machine.see(state, begin)
    for _pk, when, said, is_report, _change in events_of([pk], machine.keys, start, time_of(seen.at + 1)):
        values, heard = {**seen.values, **said}, when if is_report else seen.heard
        steps = machine.see(state, Report(values, seen.values, when, heard, seen.heard))
        seen.steps = [*seen.steps[-20:], *steps]
        seen.before, seen.values, seen.heard, seen.last_at = seen.values, values, heard, when
        seen.said_at.update(dict.fromkeys(said, when))
    seen.steps += machine.until(state, seen.values, seen.heard, seen.at)
    return seen


def _beginning(rule: Rule, machine: Machine, at: datetime) -> tuple[datetime, bool]:
    """From when on to look, and whether what is true then is no news."""
    lengths = [node.seconds for node in machine.nodes if isinstance(node, Lasts | Often | Silent)]
    back = min(MOST_LOOKED_BACK, LOOKED_BACK + timedelta(seconds=max(lengths, default=0)))
    start = at - back
    if rule.pk and start < rule.started_at <= at:
        return rule.started_at, rule.skip_current
    return start, True


def _renew(rule: Rule, machine: Machine, pk: int, seen: Seen) -> None:
    if rule.pk and any(isinstance(node, Due) for node in machine.nodes):
        served = last_services([rule.pk], [pk]).get((rule.pk, pk))
        if served is not None and served <= seen.at:
            machine.renew(seen.state, seen.values, served)


def _stored_firing(rule: Rule, vehicle: Vehicle, seen: Seen) -> Firing | None:
    latest = seen.latest
    if not rule.pk or latest is None:
        return None
    at = time_of(latest.at)
    near = Firing.objects.filter(rule=rule, vehicle=vehicle, occurred_at__range=(at - NEAR, at + NEAR))
    return near.order_by("-pk").first()


def _verdict(rule: Rule, seen: Seen, checks: list[Check], firing: Firing | None) -> tuple[str, str]:
    latest = seen.latest
    if firing is not None:
        return "FIRED", _("It fired: %(why)s.") % {"why": firing.explanation}
    unfit = next((check for check in checks if not check.ok), None)
    if unfit is not None:
        return "NOT_WATCHED", unfit.told
    if latest is not None and latest.kind is Kind.HOLD_BACK:
        return "HELD_BACK", latest.told
    if latest is not None:
        return _would_fire(rule, seen, latest)
    if seen.state.is_true:
        return "STILL_TRUE", _(
            "It was true already, so it did not fire anew: it has to end before it fires again."
        )
    if seen.truth is False:
        return "NOT_TRUE", _("The pattern was not true.")
    return "NOT_KNOWN", _("The pattern was neither true nor false: something that it asks for was not known.")


def _would_fire(rule: Rule, seen: Seen, latest: Step) -> tuple[str, str]:
    told = {"why": latest.told}
    if not rule.pk:
        return "FIRED", _("It would have fired: %(why)s.") % told
    held = _held_back_together(rule, latest.at)
    if held:
        return "HELD_BACK", held
    return "FIRED", _("As it is now, the rule fires then (%(why)s), but no firing is stored.") % told


def _held_back_together(rule: Rule, at: int) -> str:
    """What the rule did for other vehicles just before, or on that day."""
    moment = time_of(at)
    others = Firing.objects.filter(rule=rule, occurred_at__lte=moment)
    since = moment - timedelta(seconds=rule.cooldown_rule_s)
    if rule.cooldown_rule_s and others.filter(occurred_at__gt=since).exists():
        told = _("The rule had fired for another vehicle less than %(n)s s before, which is its cooldown.")
        return told % {"n": f"{rule.cooldown_rule_s:,}"}
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if (
        rule.per_day_rule is not None
        and others.filter(occurred_at__gte=midnight).count() >= rule.per_day_rule
    ):
        told = _("The rule had fired %(n)s times that day, which is its limit over all vehicles.")
        return told % {"n": f"{rule.per_day_rule:,}"}
    return ""


def _since(rule: Rule, vehicle: Vehicle, seen: Seen) -> int | None:
    """Since when it was true; what was so when we began to look is longer ago, and noted with the rule."""
    if not seen.state.is_true:
        return None
    if rule.pk and seen.state.since == seen.start:
        held = RuleState.objects.filter(rule=rule, vehicle=vehicle, is_true=True, epoch=rule.epoch).first()
        if held is not None and held.since is not None and held.since < time_of(seen.start):
            return ms_of(held.since)
    return seen.state.since


def _all_nodes(machine: Machine, seen: Seen) -> Iterator[ToldNode]:
    yield from nodes_of(machine.node, machine.slots, seen.moment)
    if machine.clear is not None:
        yield from nodes_of(machine.clear, machine.slots, seen.moment, path="clear")


def _told_node(one: ToldNode, seen: Seen) -> dict[str, Any]:
    return {
        "node": one.node,
        "path": one.path,
        "depth": one.depth,
        "truth": one.truth,
        "told": one.told,
        "values": _values(one.of, seen) if one.is_leaf else {},
    }


def _values(node: Node, seen: Seen) -> dict[str, Any]:
    found = {}
    for subject in sorted(subjects(node), key=lambda one: one.name):
        times = [seen.said_at[key] for key in subject.keys if key in seen.said_at]
        found[subject.name] = {
            "value": first_known(subject, seen.values),
            "at": _told(max(times, default=None)),
        }
    return found


def _told(ms: int | None) -> str | None:
    return None if ms is None else told_time(time_of(ms))
