"""A connection that is lost while readings are copied is the server's matter, not the readings'."""

import json

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from api_pattern.outages import is_away
from feed_processor import readings
from feed_processor.listener import ENTRIES_AT_ONCE, as_many_as, not_too_much, take_or_park
from msg_pattern.bus import Entry, Outgoing
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Channel
from telemetry.models import ParkedEntry
from vehicle_management.tests.factories import VehicleFactory


@pytest.mark.django_db(transaction=True)
def test_nothing_is_parked_when_the_session_is_ended_in_the_middle(monkeypatch):
    VehicleFactory(vehicle_id="VH-1")
    bus = MemoryBus()
    told = {"vehicle_id": "VH-1", "timestamp": timezone.now().isoformat(), "speed_kmh": 1}
    bus.append(Channel.TELEMETRY_RAW, [Outgoing(json.dumps(told).encode())])
    consumer = bus.consume(Channel.TELEMETRY_RAW, group="feed")
    move = readings.Moves.move

    def cut(moves, reports):
        ended = connection.connection.info.backend_pid
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
        other.close()
        return move(moves, reports)

    monkeypatch.setattr(readings.Moves, "move", cut)
    with pytest.raises(OperationalError) as caught:
        take_or_park(consumer, consumer.take(9, timeout_s=0))
    assert is_away(caught.value)
    connection.close()
    assert not ParkedEntry.objects.exists()
    assert len(consumer.take(9, timeout_s=0)) == 1


def entries(*sizes):
    return [Entry(f"{place}-0", b"x" * size) for place, size in enumerate(sizes)]


def test_a_transaction_is_of_so_many_bytes_and_of_one_entry_at_least():
    large = entries(400_000, 400_000, 400_000)
    assert not_too_much(large) == large[:2]
    assert not_too_much(entries(5_000_000, 1)) == entries(5_000_000)
    assert not_too_much(entries(200) * 3_000) == entries(200) * 3_000


def test_as_many_are_asked_for_as_are_taken_at_once():
    assert as_many_as(entries(100) * 40) == ENTRIES_AT_ONCE
    assert as_many_as(entries(20_000) * 7) == 50
    assert as_many_as(entries(9_000_000)) == 1
