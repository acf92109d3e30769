"""Listeners that lose their database sessions, as if killed, while readings repeat: each crossing fires once."""

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from feed_processor.listener import Listener
from msg_pattern.bus import Outgoing, get_bus
from msg_pattern.messages import Channel
from rules.models import Firing, RuleState
from rules.tests.factories import make_rule, make_vehicle
from telemetry.models import ParkedEntry
from vehicle_management.models import ChangeBatch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
VEHICLES, CYCLES, KILLS, LISTENERS = 8, 12, 12, 3
THRESHOLDS = (40, 50, 60, 70, 80)
BEGIN = datetime.now(UTC) - timedelta(hours=1)
STREAMS = [Channel.TELEMETRY_RAW.value, *(f"{Channel.TELEMETRY_RAW.value}.{n}" for n in range(1, LISTENERS))]


@pytest.fixture
def bus():
    # The bus lives as long as the process: the number of its shards is put back.
    bus = get_bus()
    before, bus.shards = bus.shards, LISTENERS
    with Redis.from_url(settings.MESSAGE_BUS_URL) as client:
        client.delete(*STREAMS)
        yield bus
        client.delete(*STREAMS)
    bus.shards = before


@pytest.fixture
def listeners(bus):
    started = [Listener() for _ in range(LISTENERS)]
    threads = [threading.Thread(target=one.run) for one in started]
    for thread in threads:
        thread.start()
    yield started
    for one in started:
        one.stop()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def entry(vehicle, number):
    """Even ones are below all thresholds, odd ones above."""
    at = BEGIN + timedelta(seconds=number)
    told = {
        "vehicle_id": vehicle.vehicle_id,
        "timestamp": at.isoformat(),
        "speed_kmh": 20 + 80 * (number % 2),
    }
    return Outgoing(orjson.dumps(told), vehicle.vehicle_id, "key:1", round(time.time() * 1000))


def deliveries(vehicles, draw):
    """Each vehicle's in order, each one to three times, at once or later."""
    due = []
    for vehicle in vehicles:
        for number in range(2 * CYCLES):
            again = [draw.choice((0, draw.uniform(0, 8))) for _ in range(draw.randrange(3))]
            due += [(number + later, entry(vehicle, number)) for later in (0, *again)]
    return [one for _due, one in sorted(due, key=lambda pair: pair[0])]


def kill_some_session(draw):
    """End a session of the listeners, whatever it is at; answers whether there was any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        pids = [pid for (pid,) in cursor.fetchall()]
        if pids:
            cursor.execute("SELECT pg_terminate_backend(%s)", [draw.choice(pids)])
        return bool(pids)


def wait_until_settled(firings, within_s=90):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not ChangeBatch.objects.filter(done_at=None).exists() and Firing.objects.count() >= firings:
            return
        time.sleep(0.1)


def test_each_crossing_fires_once_whoever_is_killed(bus, listeners):
    draw = random.Random(5)
    rules = [make_rule({"field": "speed_kmh", "operator": "gt", "value": n}, name=str(n)) for n in THRESHOLDS]
    vehicles = [make_vehicle(f"VH-{n}") for n in range(VEHICLES)]
    due = deliveries(vehicles, draw)
    share, killed = len(due) // KILLS, 0
    for start in range(0, len(due), share):
        bus.append(Channel.TELEMETRY_RAW, due[start : start + share])
        time.sleep(draw.uniform(0, 0.4))
        killed += kill_some_session(draw)
    expected = Counter({(rule.pk, vehicle.pk): CYCLES for rule in rules for vehicle in vehicles})
    wait_until_settled(expected.total())
    assert killed >= KILLS // 2
    assert ParkedEntry.objects.count() == 0
    assert Counter(Firing.objects.values_list("rule", "vehicle")) == expected
    seconds = Counter(
        round((at - BEGIN).total_seconds()) for at in Firing.objects.values_list("occurred_at", flat=True)
    )
    assert seconds == Counter(dict.fromkeys(range(1, 2 * CYCLES, 2), len(expected)))
    assert RuleState.objects.filter(is_true=True).count() == len(rules) * VEHICLES
