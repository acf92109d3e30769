"""Rules mean the same everywhere: held against a plain interpreter that was written down from docs/rules.md.

``RANDOM_PATTERNS=2000 pytest rules/tests/test_same_everywhere.py`` holds 2,000 random patterns against it, live and
in a trial over the same history; without it they are some hundreds.

What differs by design, and is left out: live, a rule begins at some moment of the clock, here at the vehicle's
creation; a person's change of main data happens for rules at the time of the last report; and a person's
status that says nothing new leaves nothing that a trial could find.
"""

import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Fleet
from accounts.tests.factories import FleetFactory
from feed_processor.readings import take_readings
from msg_pattern.bus import Entry
from rules import models
from rules.history import events_of
from rules.history_start import known_at
from rules.lanes import drain_lane, tick_lane
from rules.machine import CLOCK, Kind, Machine, Report, State, Terms
from rules.maintenance import DAY_MS
from rules.moments import ms_of, time_of
from rules.patterns import parse
from rules.running import forget_book
from rules.running import machine_of as machine_of_rule
from rules.services import create_rule
from rules.table import attribute_table
from rules.tests.factories import EVERYTHING, LOG, OVER, administrator, set_clocks
from rules.tests.pattern_strategies import GAPS, TABLE, rules, stories
from rules.tests.plain_interpreter import Rule, Told, interpret
from rules.trial_draft import Draft
from rules.trial_run import trial_of
from vehicle_management.models import LANES, ChangeBatch, Vehicle, VehicleChange
from vehicle_management.registry import register
from vehicle_management.services import StatusRow, create_vehicles, record_statuses, update_vehicle

PATTERNS = int(os.environ.get("RANDOM_PATTERNS", "300"))
AT_ONCE = 25
KINDS = {"FIRED": "FIRE", "REPEATED": "REPEAT"}
KNOWN = {"plate": "B-AB 1", "fleet_id": "north"}


def machine_of(rule: Rule) -> Machine:
    trees = []
    for pattern in (rule.pattern, rule.clear):
        node, errors = parse(pattern, TABLE) if pattern is not None else (None, {})
        assert errors == {}
        trees.append(node)
    return Machine(trees[0], trees[1], Terms(rule.repeat_s, rule.cooldown_s, rule.per_day))


def keyed(values: dict[str, Any]) -> dict[str, Any]:
    return {TABLE[name].keys[0]: value for name, value in values.items()}


def run_machine(rule: Rule, told: list[Told], *, start: int, until: int, asked: list[int]) -> Any:
    """Stepped as a trial steps it, and by a clock that is asked at some more times (ms)."""
    machine, state, heard = machine_of(rule), State(), None
    if machine.goes_by_time:
        state.memory[CLOCK] = start
    values = keyed(KNOWN)
    steps = machine.see(state, Report(values, values, start, None, None))
    times = sorted(asked)
    for one in told:
        while times and times[0] < one.at:
            steps += machine.until(state, values, heard, times.pop(0))
        before, heard_before = values, heard
        values, heard = {**values, **keyed(one.values)}, one.at if one.is_report else heard
        steps += machine.see(state, Report(values, before, one.at, heard, heard_before))
    for end in [*times, until]:
        steps += machine.until(state, values, heard, end)
    return [(step.kind.name, step.at) for step in steps if step.kind is not Kind.STAY]


@settings(max_examples=PATTERNS, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rule=rules, story=stories(), rest=st.sampled_from(GAPS), asks=st.lists(st.integers(1, 10_000), max_size=4)
)
def test_the_machine_says_what_the_page_says(rule, story, rest, asks):
    start, told = story
    until = told[-1].at + rest * 1_000
    asked = [at for second in asks if (at := start + second * 1_000) < until]
    expected = interpret(rule, KNOWN, told, start=start, until=until)
    assert run_machine(rule, told, start=start, until=until, asked=[]) == expected
    assert run_machine(rule, told, start=start, until=until, asked=asked) == expected


class Taken:
    """Where entries are acknowledged."""

    def acknowledge(self, entries: Any) -> None:
        pass


class Play:
    """Rules that watch two vehicles from their creation on, and what is told of them, through the database."""

    numbers = count(1)

    def __init__(self, given: Sequence[Rule], start: int) -> None:
        register({"g": "number", "door_open": "boolean"})
        self.start, self.by = start, administrator()
        self.fleets = {name: self.fleet(name) for name in ("north", "south")}
        # Those of the example before would be asked by the clock too.
        Vehicle.objects.update(deleted_at=time_of(start))
        self.rules = self.make_rules(given)
        values = {"plate": KNOWN["plate"], "fleet": self.fleets["north"]}
        made = [{"vehicle_id": f"VH-{next(self.numbers)}", **values} for _both in range(2)]
        self.vehicles = create_vehicles(made, by=self.by)
        for vehicle in self.vehicles:
            self.work(vehicle, start)

    def fleet(self, name: str) -> Fleet:
        return Fleet.objects.filter(fleet_id=name).first() or FleetFactory(fleet_id=name)

    def make_rules(self, given: Sequence[Rule]) -> list[models.Rule]:
        """The same rows in every example, begun anew: that is quicker than to make them through the services."""
        while models.Rule.objects.count() < len(given):
            create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING, "actions": [LOG]}, by=self.by)
        rules = list(models.Rule.objects.order_by("pk"))
        for rule, plain in zip(rules, given, strict=True):
            rule.pattern, rule.clear, rule.repeat_s = plain.pattern, plain.clear, plain.repeat_s
            rule.cooldown_s, rule.per_day = plain.cooldown_s, plain.per_day
            rule.epoch, rule.started_at = rule.epoch + 1, time_of(self.start)
        models.Rule.objects.bulk_update(
            rules, ["pattern", "clear", "repeat_s", "cooldown_s", "per_day", "epoch", "started_at"]
        )
        models.RuleScan.objects.all().delete()
        models.RuleTotal.objects.all().delete()
        set_clocks(time_of(self.start))
        forget_book()
        return rules

    def work(self, vehicle: Vehicle, at: int) -> None:
        """As if it had been told at its time."""
        ChangeBatch.objects.filter(done_at=None).update(created_at=time_of(at))
        drain_lane(vehicle.pk % LANES)

    def tell(self, vehicle: Vehicle, one: Told) -> None:
        at = time_of(one.at)
        if not one.is_report:
            values = {("fleet" if name == "fleet_id" else name): value for name, value in one.values.items()}
            if "fleet" in values:
                values["fleet"] = self.fleets[values["fleet"]]
            update_vehicle(Vehicle.objects.get(pk=vehicle.pk), values, by=self.by)
            just_now = VehicleChange.objects.filter(vehicle=vehicle, at__gt=time_of(self.start + DAY_MS))
            just_now.update(at=at)
        elif one.by_person:
            record_statuses([StatusRow(vehicle.pk, one.values, at)], cause=self.by.as_cause())
        else:
            reading = {"vehicle_id": vehicle.vehicle_id, "timestamp": at.isoformat(), **one.values}
            assert take_readings(Taken(), [Entry("1", orjson.dumps(reading), "key:1", one.at)]) == 1
        self.work(vehicle, one.at)

    def ask(self, until: int) -> None:
        for vehicle in self.vehicles:
            while tick_lane(vehicle.pk % LANES, until):
                pass

    def live(self, rule: models.Rule) -> Any:
        """What it did: of each vehicle the firings with their ends, and how often it was held back."""
        total = models.RuleTotal.objects.filter(rule=rule).first()
        return [self.fired(rule, vehicle) for vehicle in self.vehicles], total.held_back if total else 0

    def fired(self, rule: models.Rule, vehicle: Vehicle) -> Any:
        found = models.Firing.objects.filter(rule=rule, vehicle=vehicle).order_by("occurred_at", "pk")
        return [(KINDS[one.kind], ms_of(one.occurred_at), ms_of(one.cleared_at)) for one in found]

    def tried(self, until: int) -> list[Any]:
        """What a trial says that each of the rules would have done."""
        start, end = time_of(self.start), time_of(until + 1)
        vehicles = {vehicle.pk: vehicle.vehicle_id for vehicle in self.vehicles}
        machines = [machine_of_rule(rule, attribute_table()) for rule in self.rules]
        keys = frozenset().union(*(machine.keys for machine in machines))
        known, events = known_at(vehicles, keys, start), list(events_of(list(vehicles), keys, start, end))
        told = []
        for rule, machine in zip(self.rules, machines, strict=True):
            trial = trial_of(Draft(rule, vehicles), machine, start, end)
            trial.known = deepcopy(known)
            outcome = trial.run(events)
            fired = [
                [(one.kind.name, one.at, one.until) for one in outcome.fired if one.vehicle == pk]
                for pk in vehicles
            ]
            told.append((fired, len(outcome.held_back)))
        return told


def told_as_live(runs: list[list[tuple[str, int]]]) -> Any:
    """Of each vehicle the firings with their ends, and how often it was held back."""
    return [firings_of(steps) for steps in runs], sum(
        kind == "HOLD_BACK" for steps in runs for kind, _at in steps
    )


def firings_of(steps: list[tuple[str, int]]) -> list[tuple[str, int, int | None]]:
    return [
        (kind, at, next((end for over, end in steps[place:] if over == "CLEAR"), None))
        for place, (kind, at) in enumerate(steps)
        if kind in ("FIRE", "REPEAT")
    ]


def what_counts(told: list[Told]) -> list[Told]:
    """Without what people say that is known already: it leaves no trace in a vehicle's history."""
    kept, values = [], dict(KNOWN)
    for one in told:
        if not one.by_person or any(values.get(name) != value for name, value in one.values.items()):
            kept.append(one)
            values |= one.values
    return kept


def moved(begins: int, told: list[Told], *, start: int) -> list[Told]:
    """The same story, begun at another time."""
    return [replace(one, at=one.at - begins + start) for one in told]


@pytest.mark.django_db
@settings(
    max_examples=max(1, PATTERNS // AT_ONCE),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    given=st.lists(rules, min_size=AT_ONCE, max_size=AT_ONCE),
    story=stories(at_last_report=True),
    other=stories(at_last_report=True, most=4),
    rest=st.sampled_from(GAPS),
    asks=st.lists(st.integers(1, 10_000), max_size=1),
)
def test_live_and_tried_over_history_rules_do_what_the_page_says(given, story, other, rest, asks):
    start = story[0]
    both = [what_counts(story[1]), what_counts(moved(*other, start=start))]
    until = max(one.at for told in both for one in [Told(start, {}), *told]) + rest * 1_000
    play = Play(given, start)
    asked = sorted(at for second in asks if (at := start + second * 1_000) < until)
    pairs = [(vehicle, one) for vehicle, told in zip(play.vehicles, both, strict=True) for one in told]
    for vehicle, one in sorted(pairs, key=lambda pair: pair[1].at):
        while asked and asked[0] < one.at:
            play.ask(asked.pop(0))
        play.tell(vehicle, one)
    play.ask(until)
    for rule, plain, tried in zip(play.rules, given, play.tried(until), strict=True):
        runs = [interpret(plain, KNOWN, told, start=start, until=until) for told in both]
        tale = f"{plain} from {start} to {until}, asked at {asks}: {both}"
        assert play.live(rule) == told_as_live(runs), f"live: {tale}"
        assert tried == told_as_live(runs), f"tried: {tale}"
