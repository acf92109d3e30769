"""The lanes against an oracle that works on every event at once, in order.

Events pile up, lanes take them in small bites whenever they like, and rules begin in between: what fires
and what is remembered must be the same as if everything had been seen the moment it happened.
"""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Cause, Fleet
from accounts.tests.factories import FleetFactory
from rules import pending
from rules.lanes import drain, scan_rules, work_lane
from rules.models import Firing, FiringAction, Rule, RuleScan, RuleState
from rules.services import create_rule, disable_rules, enable_rules
from rules.tests.factories import OVER, administrator, make_vehicle, report
from vehicle_management.models import LANES, ChangeBatch, Vehicle, VehicleChange, VehicleStatus
from vehicle_management.services import hide_vehicles, restore_vehicle, update_vehicle

pytestmark = pytest.mark.django_db

VEHICLES, RULES = 3, 4
ODOMETERS = st.sampled_from([9_000.0, 9_500.0, 11_000.0, 12_000.0, None])
events = st.one_of(
    st.tuples(st.just("report"), st.integers(0, VEHICLES - 1), ODOMETERS),
    st.tuples(st.just("report"), st.integers(0, VEHICLES - 1), ODOMETERS),
    st.tuples(st.just("move"), st.integers(0, VEHICLES - 1), st.integers(0, 1)),
    st.tuples(st.just("hide"), st.integers(0, VEHICLES - 1), st.none()),
    st.tuples(st.just("restore"), st.integers(0, VEHICLES - 1), st.none()),
    st.tuples(st.just("enable"), st.integers(0, RULES - 1), st.none()),
    st.tuples(st.just("disable"), st.integers(0, RULES - 1), st.none()),
    st.tuples(st.just("work"), st.integers(0, VEHICLES - 1), st.none()),
    st.tuples(st.just("scan"), st.integers(0, VEHICLES - 1), st.none()),
)


@dataclass
class Known:
    fleet: int = 0
    odometer: float | None = None
    hidden: bool = False


@dataclass
class Watching:
    """A rule as the oracle knows it: over 10,000 in the first fleet, or anywhere."""

    everywhere: bool
    skip: bool
    enabled: bool = False
    true: set[int] = field(default_factory=set)
    fired: Counter = field(default_factory=Counter)

    def watches(self, known):
        return not known.hidden and (self.everywhere or known.fleet == 0)

    def look(self, vehicle, known, *, given):
        if not self.enabled:
            return
        if not self.watches(known) or (known.odometer is not None and known.odometer <= 10_000):
            self.true.discard(vehicle)
        elif known.odometer is not None and vehicle not in self.true:
            self.true.add(vehicle)
            self.fired[vehicle] += not (given and self.skip)


class Play:
    def __init__(self):
        for model in (
            RuleState,
            RuleScan,
            FiringAction,
            Firing,
            Rule,
            ChangeBatch,
            VehicleChange,
            VehicleStatus,
        ):
            model.objects.all().delete()
        Rule.all_objects.all().delete()
        Vehicle.all_objects.all().delete()
        Cause.objects.all().delete()
        self.by = administrator()
        self.fleets = list(Fleet.objects.all()[:2]) or [FleetFactory(), FleetFactory()]
        self.vehicles = [make_vehicle(f"VH-{n}", self.fleets[0]) for n in range(VEHICLES)]
        self.known = [Known() for _ in self.vehicles]
        drain()
        self.watching = [Watching(bool(n & 1), bool(n & 2)) for n in range(RULES)]
        self.rules = [self.make_rule(held) for held in self.watching]

    def make_rule(self, held):
        scope = {"everything": True} if held.everywhere else {"fleets": [self.fleets[0].fleet_id]}
        values = {"name": "r", "pattern": OVER, "scope": scope, "skip_current": held.skip, "enabled": False}
        return create_rule(values, by=self.by)

    def changed(self, index, *, given=()):
        for rule in self.watching:
            rule.look(index, self.known[index], given=rule in given)

    def report(self, index, odometer):
        if not self.known[index].hidden:
            self.known[index].odometer = odometer
            report(self.vehicles[index], odometer_km=odometer)
            self.changed(index)

    def move(self, index, fleet):
        known = self.known[index]
        if not known.hidden:
            given = [rule for rule in self.watching if not rule.watches(known)]
            known.fleet = fleet
            update_vehicle(self.vehicles[index], {"fleet": self.fleets[fleet]}, by=self.by)
            self.changed(index, given=given)

    def hide(self, index, _):
        if not self.known[index].hidden:
            self.known[index].hidden = True
            hide_vehicles([self.vehicles[index].pk], by=self.by)
            self.changed(index)

    def restore(self, index, _):
        if self.known[index].hidden:
            self.known[index].hidden = False
            restore_vehicle(self.vehicles[index], by=self.by)
            self.changed(index, given=self.watching)

    def enable(self, index, _):
        rule = self.watching[index]
        if not rule.enabled:
            rule.enabled = True
            enable_rules([self.rules[index]], by=self.by)
            for vehicle, known in enumerate(self.known):
                rule.look(vehicle, known, given=True)

    def disable(self, index, _):
        # What is pending when a rule is disabled is no longer its matter: see to it first.
        drain()
        self.watching[index].enabled = False
        self.watching[index].true.clear()
        disable_rules([self.rules[index]], by=self.by)

    def work(self, index, _):
        work_lane(self.vehicles[index].pk % LANES)

    def scan(self, index, _):
        scan_rules(self.vehicles[index].pk % LANES)

    def fired(self):
        return [
            Counter(Firing.objects.filter(rule=rule).values_list("vehicle", flat=True)) for rule in self.rules
        ]

    def true(self, index):
        rule = Rule.objects.get(pk=self.rules[index].pk)
        return set(RuleState.objects.filter(rule=rule, epoch=rule.epoch).values_list("vehicle", flat=True))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(events, max_size=25), bite=st.sampled_from([1, 2, 20_000]))
def test_whatever_happens_and_whenever_it_is_worked_on_the_same_fires(script, bite):
    most, pending.MOST_VEHICLES = pending.MOST_VEHICLES, bite
    try:
        play = Play()
        for name, index, value in script:
            getattr(play, name)(index, value)
        drain()
    finally:
        pending.MOST_VEHICLES = most
    pks = [vehicle.pk for vehicle in play.vehicles]
    expected = [Counter({pks[v]: n for v, n in rule.fired.items() if n}) for rule in play.watching]
    assert play.fired() == expected, (script, bite)
    for index, rule in enumerate(play.watching):
        if rule.enabled:
            assert play.true(index) == {pks[v] for v in rule.true}, (script, bite)
