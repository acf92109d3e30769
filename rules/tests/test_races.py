"""Several workers on the same lanes, while vehicles change and rules begin: every crossing once."""

import random
import threading
from collections import Counter

import pytest
from django.db import connection

from rules.lanes import drain, scan_rules, work_lane
from rules.models import Firing, FiringAction, LogEntry, RuleState
from rules.outbox import run_pending_actions
from rules.services import create_rule
from rules.tests.factories import EVERYTHING, LOG, OVER, administrator, make_rule, make_vehicle, report
from vehicle_management.models import LANES, ChangeBatch

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(*works):
    """Run all at once; the first failure of any is raised here."""
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def crossings(values):
    """How often a series of odometers becomes more than 10,000."""
    was, count = False, 0
    for value in values:
        count += value > 10_000 and not was
        was = value > 10_000
    return count


def test_every_crossing_fires_once_however_many_work_on_a_lane():
    rule = make_rule()
    vehicles = [make_vehicle(f"VH-{n}") for n in range(12)]
    draw = random.Random(7)
    series = {vehicle.pk: [draw.choice((9_000.0, 11_000.0)) + n for n in range(15)] for vehicle in vehicles}
    writing = threading.Event()

    def write():
        for step in range(15):
            for vehicle in vehicles:
                report(vehicle, odometer_km=series[vehicle.pk][step])
        writing.set()

    def work():
        while not writing.is_set() or ChangeBatch.objects.filter(done_at__isnull=True).exists():
            for lane in range(LANES):
                work_lane(lane)
                scan_rules(lane)

    in_threads(write, work, work, work)
    drain()
    fired = Counter(Firing.objects.filter(rule=rule).values_list("vehicle", flat=True))
    assert fired == Counter({pk: count for pk, values in series.items() if (count := crossings(values))})
    true = {pk for pk, values in series.items() if values[-1] > 10_000}
    assert set(RuleState.objects.values_list("vehicle", flat=True)) == true


def test_scans_that_race_with_each_other_and_with_batches_fire_once():
    by = administrator()
    vehicles = [make_vehicle(f"VH-{n}") for n in range(40)]
    for vehicle in vehicles[::2]:
        report(vehicle, odometer_km=11_000.0)
    drain()
    rules = [
        create_rule({"name": "r", "pattern": OVER, "scope": EVERYTHING, "actions": [LOG]}, by=by)
        for _ in "ab"
    ]

    def write():
        for vehicle in vehicles:
            report(vehicle, odometer_km=12_000.0)

    in_threads(write, drain, drain)
    drain()
    fired = Counter(Firing.objects.values_list("rule", "vehicle"))
    assert set(fired.values()) == {1}
    assert len(fired) == len(rules) * len(vehicles)
    in_threads(*[run_pending_actions] * 3)
    assert set(FiringAction.objects.values_list("status", "attempts")) == {("DONE", 1)}
    assert LogEntry.objects.count() == len(fired)
