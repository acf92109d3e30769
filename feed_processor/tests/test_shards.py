"""Listeners share the shards of a stream evenly, and take over what another one held."""

import threading

import pytest
from django.conf import settings
from django.db import connections
from redis import Redis

from feed_processor import shards
from feed_processor.shards import HeldShards
from msg_pattern.bus import Outgoing
from msg_pattern.redis import RedisBus

pytestmark = pytest.mark.django_db(transaction=True)
CHANNEL = "test.shards"


@pytest.fixture
def bus():
    bus = RedisBus(settings.MESSAGE_BUS_URL)
    bus.shards = 4
    yield bus
    with Redis.from_url(settings.MESSAGE_BUS_URL) as client:
        client.delete(CHANNEL, *(f"{CHANNEL}.{shard}" for shard in range(1, 4)))
    bus._client.close()


class Listening:
    """A listener's thread, with a database session of its own, that does one thing at a time."""

    def __init__(self, bus):
        self.held = HeldShards(bus, CHANNEL, "g")

    def look(self):
        """Looks after its locks; answers the shards that it holds then."""
        return self._do(lambda: (list(self.held.consumers()), sorted(self.held._consumers))[1])

    def take(self):
        return self._do(lambda: [one.data for each in self.held.consumers() for one in each.take(9, 0.01)])

    def start(self):
        self._todo, self._done, self._goes = None, None, threading.Semaphore(0)
        self._is_done = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        while self._goes.acquire() and self._todo:
            self._done = self._todo()
            self._is_done.release()
        self.held.close()
        connections.close_all()

    def _do(self, work):
        self._todo = work
        self._goes.release()
        assert self._is_done.acquire(timeout=20)
        return self._done

    def stop(self):
        self._todo = None
        self._goes.release()
        self._thread.join(20)


def test_each_shard_is_read_by_one_listener_and_all_are_read(bus, monkeypatch):
    monkeypatch.setattr(shards, "LOOK_EVERY_S", 0.0)
    bus.append(CHANNEL, [Outgoing(b"%d" % n, key=f"V{n}") for n in range(12)])
    one = Listening(bus).start()
    assert one.look() == [0, 1, 2, 3]
    other = Listening(bus).start()
    try:
        other.look()
        ours = one.look()
        theirs = other.look()
        assert (len(ours), len(theirs)) == (2, 2)
        assert sorted(ours + theirs) == [0, 1, 2, 3]
        seen = one.take()
    finally:
        one.stop()
    assert other.look() == [0, 1, 2, 3]
    # What the one that ended had taken and not acknowledged is given to the other.
    taken = other.take()
    other.stop()
    assert seen
    assert sorted(map(int, taken)) == list(range(12))
