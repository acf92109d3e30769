"""Rules with a lateness: whatever order readings come in, they decide as if all had come in order."""

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from alerts.models import Alert
from feed_processor.readings import take_readings
from msg_pattern.bus import Entry
from rules.lanes import drain
from rules.models import Firing, RuleState
from rules.moments import ms_of
from rules.tests.factories import EVERYTHING, make_rule, make_vehicle

pytestmark = pytest.mark.django_db(transaction=True)
FAST = {"field": "speed_kmh", "operator": "gt", "value": 80}
RAISE = {"type": "raise_alert", "alert_type": "OVERSPEED", "severity": "HIGH"}
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
LATENESS_S = 60


class Taken:
    """Where entries are acknowledged."""

    def acknowledge(self, entries):
        pass


def receive(readings, *, at):
    """Readings (vehicle, seconds, speed) in this order, received together."""
    entries = [
        Entry(str(place), orjson.dumps(reading(*one)), "key:1", ms_of(at))
        for place, one in enumerate(readings)
    ]
    for entry in entries:
        take_readings(Taken(), [entry])
    drain()


def reading(vehicle, seconds, speed):
    at = BEGIN + timedelta(seconds=seconds)
    return {"vehicle_id": vehicle.vehicle_id, "timestamp": at.isoformat(), "speed_kmh": speed}


def ask(at):
    """The clock is asked; everything that was received before is stored."""
    RuleState.objects.filter(wake_at__isnull=False).update(wake_at=at - timedelta(seconds=1))
    drain(until=ms_of(at))


def fired(rule):
    return [
        ((one.occurred_at - BEGIN).total_seconds(), one.explanation)
        for one in Firing.objects.filter(rule=rule).order_by("occurred_at")
    ]


SPEEDS = [70.0, 85.0, 90.0, 60.0, 95.0, 99.0, 81.0, 82.0, 70.0, 90.0]


def test_shuffled_readings_decide_as_they_do_in_order():
    patterns = [
        FAST,
        {"lasts": FAST, "seconds": 20},
        {"field": "speed_kmh", "operator": "rose_by", "value": 20},
        {"often": FAST, "times": 2, "seconds": 60},
        {"not": {"silent": 5}},
    ]
    late = [
        make_rule(one, name=str(i), lateness_s=LATENESS_S, actions=[RAISE]) for i, one in enumerate(patterns)
    ]
    vehicle = make_vehicle()
    ask(datetime.now(UTC))
    readings = [(vehicle, 10 * i, speed) for i, speed in enumerate(SPEEDS)]
    random.Random(4).shuffle(readings)
    received = datetime.now(UTC)
    receive(readings, at=received)
    assert Firing.objects.count() == 0
    ask(received + timedelta(seconds=LATENESS_S - 1))
    assert Firing.objects.count() == 0
    ask(received + timedelta(seconds=LATENESS_S + 1))
    assert [at for at, _why in fired(late[0])] == [10, 40, 90]
    assert [at for at, _why in fired(late[1])] == [60]
    assert [at for at, _why in fired(late[2])] == [40]
    assert [at for at, _why in fired(late[3])] == [40, 90]
    assert Firing.objects.filter(rule=late[0]).first().cause["kind"] == "reading"
    alert = Alert.objects.filter(origin=f"rule:{late[0].pk}").order_by("triggered_at")[1]
    assert (alert.worst_value, alert.count, alert.closed_at) == (99.0, 4, BEGIN + timedelta(seconds=80))


def test_what_comes_after_the_lateness_is_only_stored():
    rule, vehicle = make_rule(lateness_s=LATENESS_S, pattern=FAST), make_vehicle()
    ask(datetime.now(UTC))
    received = datetime.now(UTC)
    receive([(vehicle, 100, 70.0)], at=received)
    ask(received + timedelta(seconds=LATENESS_S + 5))
    receive([(vehicle, 50, 90.0), (vehicle, 110, 85.0)], at=received + timedelta(seconds=LATENESS_S + 6))
    ask(received + timedelta(seconds=3 * LATENESS_S))
    assert [at for at, _why in fired(rule)] == [110]


def test_a_prompt_rule_lets_a_late_reading_only_be_stored():
    rule, vehicle = make_rule(pattern=FAST, scope=EVERYTHING), make_vehicle()
    receive([(vehicle, 100, 70.0), (vehicle, 50, 90.0)], at=datetime.now(UTC))
    assert fired(rule) == []


def test_the_clock_does_not_go_past_a_reading_that_waits():
    rule, vehicle = make_rule({"silent": 5}, lateness_s=LATENESS_S), make_vehicle()
    began = datetime.now(UTC).replace(microsecond=0)

    def hear(seconds, *, received):
        at = began + timedelta(seconds=received)
        told = {
            "vehicle_id": vehicle.vehicle_id,
            "timestamp": (began + timedelta(seconds=seconds)).isoformat(),
        }
        take_readings(Taken(), [Entry("1", orjson.dumps(told | {"speed_kmh": seconds}), "key:1", ms_of(at))])
        drain()

    hear(1, received=3)
    hear(5, received=11)
    hear(8, received=9)
    # The first reading has waited long enough, the second has not; of silence there were 4 and 3 seconds.
    for seconds in (7, 8, 9, 10, 12):
        ask(began + timedelta(seconds=LATENESS_S + seconds))
    assert Firing.objects.count() == 0
    ask(began + timedelta(seconds=LATENESS_S + 20))
    (firing,) = Firing.objects.filter(rule=rule)
    assert firing.occurred_at == began + timedelta(seconds=13)
