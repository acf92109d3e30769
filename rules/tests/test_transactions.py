"""What is rolled back fires nothing, one message fires all that it makes true, and no rule runs in circles."""

import json
import random
from collections import Counter
from contextlib import suppress

import pytest
from django.db import transaction

from alerts.models import Alert
from feed_processor.readings import take_readings
from msg_pattern.bus import Entry, get_bus
from msg_pattern.messages import Channel
from rules.firings import MOST_HOPS
from rules.lanes import drain
from rules.models import Firing, FiringAction
from rules.moments import now_ms
from rules.outbox import run_pending_actions
from rules.tests.factories import LOG, make_rule, make_vehicle, report

pytestmark = pytest.mark.django_db
TRANSACTIONS, RULES = 200, 20
RAISE = {"type": "raise_alert", "alert_type": "LEVEL", "severity": "LOW"}


@pytest.fixture
def bus(settings, request):
    settings.MESSAGE_BUS_URL = f"memory://{request.node.name[:40]}"
    return get_bus()


class Taken:
    """Where entries are acknowledged; ``failures`` times that fails, after all was stored."""

    def __init__(self, failures=0):
        self.failures = failures

    def acknowledge(self, entries):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the bus is away")


class RolledBack(Exception):
    pass


def say(vehicle, **values):
    data = json.dumps({"vehicle_id": vehicle.vehicle_id, **values}).encode()
    take_readings(Taken(), [Entry("1", data, "key:1", now_ms())])
    drain()


def publish(**values):
    said = ", ".join(f'"{name}": {value}' for name, value in values.items())
    return {"type": "publish_message", "channel": Channel.TELEMETRY_RAW.value, "message": f"{{{said}}}"}


def go_round(bus, most=3 * MOST_HOPS):
    """Run what is owed and take what that publishes, until nothing comes any more; answers how often."""
    consumer = bus.consume(Channel.TELEMETRY_RAW, group="test")
    for turn in range(most):
        run_pending_actions()
        entries = consumer.take(10, 0)
        if not entries:
            return turn
        take_readings(consumer, entries)
        drain()
    return most


def chain():
    return list(Firing.objects.order_by("id").values_list("rule__name", "hops"))


def test_what_is_rolled_back_fires_nothing():
    draw = random.Random(11)
    rules = [make_rule(name=name) for name in "ab"]
    vehicles = [make_vehicle(f"VH-{n}") for n in range(10)]
    kept = [True, False] * (TRANSACTIONS // 2)
    draw.shuffle(kept)
    expected = Counter()
    for place, is_kept in enumerate(kept):
        vehicle = draw.choice(vehicles)
        with suppress(RolledBack), transaction.atomic():
            report(vehicle, odometer_km=9_000.0 + place)
            report(vehicle, odometer_km=11_000.0 + place)
            if not is_kept:
                raise RolledBack
        expected.update((rule.pk, vehicle.pk) for rule in rules if is_kept)
        if not place % 7:
            drain()
    drain()
    assert Counter(Firing.objects.values_list("rule", "vehicle")) == expected
    assert FiringAction.objects.count() == expected.total() == TRANSACTIONS


def test_what_the_lane_cannot_end_fires_nothing_and_later_once(monkeypatch):
    rule, vehicle = make_rule(actions=[LOG, RAISE]), make_vehicle()
    report(vehicle, odometer_km=11_000.0)

    def refuse():
        raise RolledBack

    with monkeypatch.context() as broken:
        broken.setattr("rules.lanes.ring_for_actions", refuse)
        with pytest.raises(RolledBack):
            drain()
    assert [model.objects.count() for model in (Firing, FiringAction, Alert)] == [0, 0, 0]
    drain()
    assert Firing.objects.filter(rule=rule).count() == Alert.objects.count() == 1


def test_each_of_twenty_rules_fires_for_one_message():
    rules = [
        make_rule({"field": "speed_kmh", "operator": "gt", "value": n}, name=str(n)) for n in range(RULES)
    ]
    say(make_vehicle(), speed_kmh=99)
    assert Counter(Firing.objects.values_list("rule", flat=True)) == Counter(rule.pk for rule in rules)
    assert FiringAction.objects.count() == RULES
    assert len({json.dumps(one.cause) for one in Firing.objects.all()}) == 1


def test_a_message_that_could_not_be_acknowledged_fires_once():
    rule, vehicle = make_rule({"field": "speed_kmh", "operator": "gt", "value": 80}), make_vehicle()
    entry = Entry("1", json.dumps({"vehicle_id": vehicle.vehicle_id, "speed_kmh": 99}).encode(), "", now_ms())
    taken = Taken(failures=1)
    with pytest.raises(ConnectionError):
        take_readings(taken, [entry])
    drain()
    take_readings(taken, [entry])
    drain()
    assert Firing.objects.filter(rule=rule).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_rules_that_fire_each_other_are_stopped_and_say_so(bus, caplog):
    vehicle = make_vehicle()
    report(vehicle, level=0)
    for name, level, answer in (("ping", 1, 2), ("pong", 2, 1)):
        pattern = {"field": "level", "operator": "eq", "value": level}
        make_rule(pattern, name=name, actions=[publish(level=answer), RAISE])
    say(vehicle, level=1)
    assert go_round(bus) == MOST_HOPS + 1
    assert chain() == [(("ping", "pong")[n % 2], n) for n in range(MOST_HOPS + 2)]
    *others, last = Firing.objects.order_by("id")
    assert set(FiringAction.objects.filter(firing__in=others).values_list("status", flat=True)) == {"DONE"}
    stopped = last.actions.get(type="publish_message")
    sentence = (
        f"Stopped: actions of rules led to this firing {MOST_HOPS + 1} times in a row, "
        f"the last one firing {last.parent_id}."
    )
    assert (stopped.status, stopped.result) == ("FAILED", sentence)
    assert last.parent_id == others[-1].pk
    told = [record.getMessage() for record in caplog.records if record.name == "rules.firings"]
    assert told == [f"firing {last.pk} of rule “pong” for VH-1: {sentence}"]


def test_an_alert_of_a_stopped_firing_is_raised_and_leads_to_it(bus):
    vehicle = make_vehicle()
    report(vehicle, level=0)
    climbs = {"field": "level", "operator": "rose_by", "value": 0.5}
    make_rule(climbs, name="climbs", actions=[publish(level="1$level"), RAISE, LOG])
    say(vehicle, level=1)
    assert go_round(bus) == MOST_HOPS + 1
    assert chain() == [("climbs", hops) for hops in range(MOST_HOPS + 2)]
    last = Firing.objects.latest("id")
    assert dict(last.actions.values_list("type", "status")) == {
        "publish_message": "FAILED",
        "raise_alert": "DONE",
        "store_log": "FAILED",
    }
    assert last.actions.get(type="raise_alert").alert_id is not None


def test_what_comes_from_elsewhere_begins_a_new_chain(bus):
    vehicle = make_vehicle()
    report(vehicle, level=0)
    climbs = {"field": "level", "operator": "rose_by", "value": 0.5}
    make_rule(climbs, actions=[publish(level="1$level")])
    for level in (1, 0, 1):
        say(vehicle, level=level)
    go_round(bus)
    assert Firing.objects.filter(hops=0, parent=None).count() == 2
