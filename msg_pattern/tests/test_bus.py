"""What every bus promises, asked of the one in memory and of the one on a real Valkey."""

from uuid import uuid4

import pytest
from django.conf import settings
from redis import Redis

from msg_pattern import redis as redis_bus
from msg_pattern.bus import bus_at
from msg_pattern.memory import MemoryBus
from msg_pattern.messages import Message
from msg_pattern.redis import RedisBus


@pytest.fixture
def client():
    client = Redis.from_url(settings.MESSAGE_BUS_URL)
    yield client
    client.close()


@pytest.fixture
def valkey(client):
    bus = RedisBus(settings.MESSAGE_BUS_URL)
    yield bus
    bus._client.close()


@pytest.fixture(params=["memory", "valkey"])
def bus(request):
    return MemoryBus() if request.param == "memory" else request.getfixturevalue("valkey")


@pytest.fixture
def channel(client):
    name = f"test.{uuid4()}"
    yield name
    client.delete(name, f"{name}.rejected")


def hear(subscription, tries: int = 50):
    """The next message; a subscription's first answer may be its own confirmation."""
    for _try in range(tries):
        if heard := subscription.receive(timeout_s=0.1):
            return heard
    return None


def subscribed(bus, channel):
    """Wait until the server knows of the subscription."""
    return any(bus.has_listeners(channel) for _try in range(100))


def test_an_entry_is_taken_in_order_and_once(bus, channel):
    for data in (b"1", b"2", b"3"):
        bus.append(channel, data)
    consumer = bus.consume(channel, group="g", name="a")
    assert [entry.data for entry in consumer.take(2, timeout_s=0.1)] == [b"1", b"2"]
    rest = consumer.take(2, timeout_s=0.1)
    assert [entry.data for entry in rest] == [b"3"]
    consumer.acknowledge(rest)
    assert consumer.take(2, timeout_s=0.01) == []


def test_a_group_that_comes_late_is_given_what_was_appended_before(bus, channel):
    bus.append(channel, b"early")
    assert [entry.data for entry in bus.consume(channel, group="g", name="a").take(9, 0.1)] == [b"early"]


def test_the_very_same_is_appended_once_for_a_while(bus, channel):
    assert bus.append_once(channel, b"same", within_s=60)
    assert bus.append_once(channel, b"same", within_s=60) is None
    assert bus.append_once(channel, b"other", within_s=60)
    taken = bus.consume(channel, group="g", name="a").take(9, timeout_s=0.1)
    assert [entry.data for entry in taken] == [b"same", b"other"]


def test_subscribers_hear_their_channel_alone(bus, channel):
    message = Message("test", {"n": 1})
    with bus.subscribe(channel) as subscription:
        assert subscribed(bus, channel)
        bus.publish(f"{channel}.other", Message("test", {"n": 0}))
        bus.publish(channel, message)
        assert hear(subscription) == (channel, message.to_json())
        assert subscription.receive(timeout_s=0.01) is None


def test_many_are_heard_in_order_by_every_subscriber(bus, channel):
    messages = [Message("test", {"n": n}) for n in range(3)]
    with bus.subscribe(channel) as one, bus.subscribe(channel) as other:
        assert subscribed(bus, channel)
        assert hear(one, tries=1) is None
        assert hear(other, tries=1) is None
        bus.publish_many(channel, messages)
        for subscription in (one, other):
            heard = [hear(subscription) for _message in messages]
            assert [data for _channel, data in heard] == [message.to_json() for message in messages]


def test_nobody_listens_once_a_subscription_ended(bus, channel):
    with bus.subscribe(channel):
        assert subscribed(bus, channel)
    assert not all(bus.has_listeners(channel) for _try in range(100))


def test_a_bus_answers(bus):
    assert bus.ping()


def test_what_a_dead_consumer_left_is_given_to_another(valkey, channel, monkeypatch):
    monkeypatch.setattr(redis_bus, "ABANDONED_AFTER_MS", 0)
    valkey.append(channel, b"left")
    dead = valkey.consume(channel, group="g", name="dead").take(1, timeout_s=0.1)
    (claimed,) = valkey.consume(channel, group="g", name="alive").take(1, timeout_s=0.1)
    assert (claimed.id, claimed.data, claimed.deliveries) == (dead[0].id, b"left", 1)


def test_what_a_living_consumer_works_on_is_not_given_to_another(valkey, channel):
    valkey.append(channel, b"held")
    assert valkey.consume(channel, group="g", name="a").take(1, timeout_s=0.1)
    assert valkey.consume(channel, group="g", name="b").take(1, timeout_s=0.01) == []


def test_what_is_acknowledged_is_kept_no_longer(valkey, client, channel):
    consumer = valkey.consume(channel, group="g", name="a")
    valkey.append(channel, b"done")
    consumer.acknowledge(consumer.take(1, timeout_s=0.1))
    consumer.acknowledge([])
    assert client.xlen(channel) == 0
    assert client.xpending(channel, "g")["pending"] == 0


def test_what_is_rejected_is_put_aside_with_the_reason(valkey, client, channel):
    consumer = valkey.consume(channel, group="g", name="a")
    valkey.append(channel, b"odd")
    consumer.reject(*consumer.take(1, timeout_s=0.1), "It is odd.")
    ((_id, fields),) = client.xrange(f"{channel}.rejected")
    assert fields == {b"data": b"odd", b"reason": b"It is odd."}
    assert client.xlen(channel) == 0


def test_an_entry_of_another_make_is_taken_as_empty(valkey, client, channel):
    client.xadd(channel, {"payload": "x"})
    (entry,) = valkey.consume(channel, group="g", name="a").take(1, timeout_s=0.1)
    assert entry.data == b""


def test_an_address_of_no_known_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="MESSAGE_BUS_URL begins with “kafka:”") as refused:
        bus_at("kafka://localhost")
    assert "memory, redis" in str(refused.value)
