"""What every bus promises, asked of the one in memory and of the one on a real Valkey."""

import asyncio
import time
from uuid import uuid4

import pytest
from django.conf import settings
from redis import Redis
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from msg_pattern.bus import BusError, Outgoing, bus_at
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
    client.delete(name)


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
        bus.append(channel, [Outgoing(data)])
    consumer = bus.consume(channel, group="g")
    first = consumer.take(2, timeout_s=0.1)
    assert [entry.data for entry in first] == [b"1", b"2"]
    consumer.acknowledge(first)
    rest = consumer.take(2, timeout_s=0.1)
    assert [entry.data for entry in rest] == [b"3"]
    consumer.acknowledge(rest)
    assert consumer.take(2, timeout_s=0.01) == []


def test_a_group_that_comes_late_is_given_what_was_appended_before(bus, channel):
    bus.append(channel, [Outgoing(b"early")])
    assert [entry.data for entry in bus.consume(channel, group="g").take(9, 0.1)] == [b"early"]


def test_the_very_same_is_appended_once_for_a_while(bus, channel):
    assert bus.append_once(channel, Outgoing(b"same"), within_s=60)
    assert bus.append_once(channel, Outgoing(b"same"), within_s=60) is False
    assert bus.append_once(channel, Outgoing(b"other"), within_s=60)
    taken = bus.consume(channel, group="g").take(9, timeout_s=0.1)
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


def test_what_a_dead_consumer_left_is_given_first_to_the_next(valkey, channel):
    valkey.append(channel, [Outgoing(b"left"), Outgoing(b"new")])
    (dead,) = valkey.consume(channel, group="g").take(1, timeout_s=0.1)
    heir = valkey.consume(channel, group="g")
    left = heir.take(9, timeout_s=0.1)
    assert left[0] == dead
    heir.acknowledge(left)
    rest = heir.take(9, timeout_s=0.1)
    assert [entry.data for entry in (*left, *rest)] == [b"left", b"new"]


def test_what_a_consumer_of_another_name_left_is_taken_over_and_the_name_removed(valkey, client, channel):
    client.xgroup_create(channel, "g", id="0", mkstream=True)
    valkey.append(channel, [Outgoing(b"%d" % n) for n in range(1_200)])
    client.xreadgroup("g", "host-4711", {channel: ">"}, count=1_100)
    consumer = valkey.consume(channel, group="g")
    given = []
    while entries := consumer.take(500, timeout_s=0.01):
        given += [entry.data for entry in entries]
        consumer.acknowledge(entries)
    assert given == [b"%d" % n for n in range(1_200)]
    assert [one["name"] for one in client.xinfo_consumers(channel, "g")] == [b"holder"]


def test_what_was_taken_and_not_acknowledged_is_given_again(bus, channel):
    bus.append(channel, [Outgoing(b"1"), Outgoing(b"2")])
    consumer = bus.consume(channel, group="g")
    first = consumer.take(9, timeout_s=0.1)
    consumer.acknowledge(first[:1])
    assert consumer.take(9, timeout_s=0.1) == first[1:]


def test_an_entry_tells_who_sent_it_and_when(bus, channel):
    yesterday_ms = int((time.time() - 86_400) * 1000)
    bus.append(channel, [Outgoing(b"x", key="V1", sender="key:7", received_ms=yesterday_ms)])
    (entry,) = bus.consume(channel, group="g").take(1, timeout_s=0.1)
    assert (entry.sender, entry.received_ms) == ("key:7", yesterday_ms)


@pytest.mark.parametrize("at", ["1795268494622000", "4102444800000", "9" * 4_000, "1000", "-5", "soon", ""])
def test_a_time_that_cannot_be_is_not_believed(valkey, client, channel, at):
    before = time.time() * 1000
    client.xadd(channel, {"data": "{}", "at": at, "by": "a\x00b" + "c" * 200})
    (entry,) = valkey.consume(channel, group="g").take(1, timeout_s=0.1)
    assert before - 2_000 < entry.received_ms < before + 10_000
    assert entry.sender == "a␀b" + "c" * 97


def test_what_a_lost_answer_gave_out_is_given_again(valkey, channel, monkeypatch):
    valkey.append(channel, [Outgoing(b"1"), Outgoing(b"2")])
    consumer = valkey.consume(channel, group="g")
    consumer._left_after = None
    read = AbstractConnection.read_response

    def lose(connection, *args, **kwargs):
        read(connection, *args, **kwargs)
        monkeypatch.undo()
        connection.disconnect()
        raise RedisConnectionError("lost")

    monkeypatch.setattr(AbstractConnection, "read_response", lose)
    with pytest.raises(RedisConnectionError):
        consumer.take(1, timeout_s=0.1)
    consumer.close()
    assert [one.data for one in valkey.consume(channel, group="g").take(9, timeout_s=0.1)] == [b"1"]


def test_what_lies_in_a_former_shard_is_still_to_be_read(valkey, client, channel):
    valkey.shards = 4
    valkey.append(channel, [Outgoing(b"x", key="V3")])
    (shard,) = [one for one in range(4) if client.exists(f"{channel}.{one}" if one else channel)]
    assert shard
    valkey.shards = 1
    assert valkey.shards_of(channel) == [0, shard]
    assert valkey.backlog(channel, group="g").entries == 1
    consumer = valkey.consume(channel, group="g", shard=shard)
    consumer.acknowledge(consumer.take(1, timeout_s=0.1))
    assert valkey.shards_of(channel) == [0]
    client.delete(f"{channel}.{shard}")


def test_an_entry_without_a_time_came_when_it_was_appended(bus, channel):
    before = time.time() * 1000
    bus.append(channel, [Outgoing(b"x")])
    (entry,) = bus.consume(channel, group="g").take(1, timeout_s=0.1)
    assert before - 2_000 < entry.received_ms < before + 10_000


def test_entries_of_a_key_lie_in_one_shard_in_order(valkey, client, channel):
    valkey.shards = 4
    valkey.append(channel, [Outgoing(b"%d" % n, key=f"V{n % 10}") for n in range(100)])
    given = [
        [entry.data for entry in valkey.consume(channel, group="g", shard=shard).take(200, 0.01)]
        for shard in range(4)
    ]
    client.delete(*(f"{channel}.{shard}" for shard in range(1, 4)))
    assert sorted(int(data) for shard in given for data in shard) == list(range(100))
    for n in range(10):
        ((held,),) = [[of_key] for shard in given if (of_key := [d for d in shard if int(d) % 10 == n])]
        assert held == [b"%d" % m for m in range(n, 100, 10)]


def test_the_backlog_tells_entries_bytes_and_age(bus, channel):
    assert bus.backlog(channel, group="g").entries == 0
    bus.append(channel, [Outgoing(b"x" * 1_000)] * 3)
    time.sleep(0.05)
    told = bus.backlog(channel, group="g")
    assert told.entries == 3
    assert 3_000 <= told.size < 30_000
    assert 0.02 < told.oldest_s < 5


def test_many_appends_from_an_event_loop_are_all_on_the_stream(bus, channel):
    async def append_all():
        appender = bus.appender()
        await asyncio.gather(
            *(appender.append(channel, [Outgoing(b"%d" % n, sender="key:1")]) for n in range(1_000))
        )
        await appender.close()

    asyncio.run(append_all())
    taken = bus.consume(channel, group="g").take(2_000, timeout_s=0.1)
    assert [entry.data for entry in taken] == [b"%d" % n for n in range(1_000)]


def test_an_append_to_a_bus_that_is_away_says_so_and_the_next_one_works(channel, tmp_path):
    async def append(url):
        appender = RedisBus(url).appender()
        await appender.append(channel, [Outgoing(b"x")])

    with pytest.raises(BusError, match="The bus does not answer"):
        asyncio.run(append(f"unix://{tmp_path}/nobody.sock"))


def test_an_append_that_the_server_refuses_fails_alone(valkey, client, channel):
    client.set(f"{channel}.text", "no stream")

    async def append_both():
        appender = valkey.appender()
        told = await asyncio.gather(
            appender.append(channel, [Outgoing(b"x")]),
            appender.append(f"{channel}.text", [Outgoing(b"y")]),
            return_exceptions=True,
        )
        await appender.close()
        return told

    fine, refused = asyncio.run(append_both())
    client.delete(f"{channel}.text")
    assert fine is None
    assert isinstance(refused, BusError)
    assert "WRONGTYPE" in str(refused)


def test_what_is_acknowledged_is_kept_no_longer(valkey, client, channel):
    consumer = valkey.consume(channel, group="g")
    valkey.append(channel, [Outgoing(b"done")])
    consumer.acknowledge(consumer.take(1, timeout_s=0.1))
    consumer.acknowledge([])
    assert client.xlen(channel) == 0
    assert client.xpending(channel, "g")["pending"] == 0


def test_an_entry_of_another_make_is_taken_as_empty(valkey, client, channel):
    client.xadd(channel, {"payload": "x"})
    (entry,) = valkey.consume(channel, group="g").take(1, timeout_s=0.1)
    assert entry.data == b""


def test_an_address_of_no_known_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="MESSAGE_BUS_URL begins with “amqp:”") as refused:
        bus_at("amqp://localhost")
    assert "kafka, memory, redis" in str(refused.value)
