"""The bus on Kafka, asked of a broker that speaks its protocol."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from django.conf import settings

from msg_pattern import kafka_cluster, kafka_consumer
from msg_pattern.bus import BusError, Outgoing, bus_at
from msg_pattern.kafka import KafkaBus
from msg_pattern.messages import Channel, Message
from msg_pattern.tests.tansu import HURRIED, free_address, running_tansu
from msg_pattern.topics import HOUR_MS, TOPICS

JOINS_WITHIN_S = 20.0
YESTERDAY_MS = int((time.time() - 86_400) * 1000)


@pytest.fixture(scope="module")
def tansu():
    with running_tansu() as broker:
        yield broker


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    for name, value in HURRIED.items():
        monkeypatch.setitem(kafka_consumer.IN_A_GROUP, name, value)


@pytest.fixture
def bus(tansu):
    bus = KafkaBus(f"{tansu.url}?partitions=4")
    yield bus
    bus.close()


@pytest.fixture
def channel():
    return f"test.{uuid4()}"


@pytest.fixture
def consume(bus, channel):
    """Join a group of the channel; all leave at the end of the test."""
    joined = []

    def join(group="g", at=bus):
        joined.append(at.consume(channel, group=group))
        return joined[-1]

    yield join
    for consumer in joined:
        consumer.close()


def take_all(consumer, count, *, acknowledged=True):
    """Take until ``count`` entries came; fewer when they do not come in time."""
    entries, deadline = [], time.monotonic() + JOINS_WITHIN_S
    while len(entries) < count and time.monotonic() < deadline:
        taken = consumer.take(count, timeout_s=0.5)
        if not acknowledged and len(taken) < count:
            continue
        entries += taken
        if acknowledged:
            consumer.acknowledge(taken)
    return entries


def records(tansu, topic, count):
    """The first ``count`` records of a topic as any program reads them, without a group."""
    consumer = Consumer(
        {"bootstrap.servers": tansu.address, "group.id": "nobody", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(topic, timeout=5).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found, deadline = [], time.monotonic() + JOINS_WITHIN_S
    while len(found) < count and time.monotonic() < deadline:
        found += consumer.consume(count - len(found), 0.5)
    consumer.close()
    return found


def committed(bus, channel, group="g"):
    places = [(channel, number) for number in range(bus.handles.topics.partitions(channel))]
    return {number: at for (_topic, number), at in bus.handles.topics.committed(places, group).items()}


# ------------------------------------------------------------ entries


def test_entries_of_a_key_are_taken_in_order_and_once(bus, channel, consume):
    bus.append(channel, [Outgoing(b"%d" % n, key=f"V{n % 7}") for n in range(700)])
    entries = take_all(consume(), 700)
    given = [int(entry.data) for entry in entries]
    assert sorted(given) == list(range(700))
    for key in range(7):
        assert [n for n in given if n % 7 == key] == list(range(key, 700, 7))
    assert len({entry.id.split(":")[0] for entry in entries}) > 1


def test_an_entry_tells_who_sent_it_and_when(bus, channel, consume, tansu):
    before_ms = time.time() * 1000
    bus.append(channel, [Outgoing(b"x", key="V1", sender="key:7", received_ms=YESTERDAY_MS)])
    foreign = Producer({"bootstrap.servers": tansu.address, "partitioner": "murmur2_random"})
    foreign.produce(channel, b"bare", key="V1", headers={"received_ms": b"soon", "other": None})
    foreign.produce(channel, None, key="V1")
    assert foreign.flush(5) == 0
    ours, bare, tombstone = take_all(consume(), 3)
    assert (ours.sender, ours.received_ms) == ("key:7", YESTERDAY_MS)
    assert (bare.data, bare.sender) == (b"bare", "")
    assert before_ms - 1 < bare.received_ms < before_ms + 10_000
    assert (tombstone.data, tombstone.sender) == (b"", "")


def test_what_was_taken_and_not_acknowledged_is_given_again_and_to_the_next(bus, channel, consume):
    bus.append(channel, [Outgoing(b"%d" % n, key="V1") for n in range(5)])
    consumer = consume()
    first = take_all(consumer, 5, acknowledged=False)
    assert consumer.take(9, timeout_s=0.1) == first
    assert consumer.take(2, timeout_s=0.1) == first[:2]
    consumer.acknowledge(first[:2])
    assert consumer.take(9, timeout_s=0.1) == first[2:]
    consumer.close()
    consumer.close()
    assert take_all(consume(), 3) == first[2:]


def test_no_offset_is_committed_past_an_entry_that_is_not_acknowledged(bus, channel, consume):
    bus.append(channel, [Outgoing(b"%d" % n, key="V1") for n in range(6)])
    consumer = consume()
    entries = take_all(consumer, 6, acknowledged=False)
    number = int(entries[0].id.split(":")[0])
    consumer.acknowledge(entries[3:])
    assert committed(bus, channel)[number] == 0
    assert consumer.take(9, timeout_s=0.1) == entries[:3]
    consumer.acknowledge([entries[1]])
    assert committed(bus, channel)[number] == 0
    consumer.acknowledge([entries[0]])
    assert committed(bus, channel)[number] == 2
    consumer.acknowledge(entries)
    consumer.acknowledge(entries)
    assert committed(bus, channel)[number] == 6
    assert consumer.take(9, timeout_s=0.1) == []


def test_members_of_a_group_share_the_partitions_and_take_over_what_one_leaves(bus, channel, consume):
    one, other = consume(), consume()
    keys = [f"V{n}" for n in range(40)]
    taken = {one: [], other: []}
    deadline = time.monotonic() + JOINS_WITHIN_S
    while not all(taken.values()) and time.monotonic() < deadline:
        bus.append(channel, [Outgoing(key.encode(), key=key) for key in keys])
        for consumer, entries in taken.items():
            found = consumer.take(1_000, timeout_s=0.2)
            entries.extend(found)
            consumer.acknowledge(found)
    assert all(taken.values())
    other.close()
    bus.append(channel, [Outgoing(f"late {key}".encode(), key=key) for key in keys])
    late = []
    while len(late) < len(keys) and time.monotonic() < deadline + JOINS_WITHIN_S:
        found = one.take(1_000, timeout_s=0.2)
        late += [entry for entry in found if entry.data.startswith(b"late")]
        one.acknowledge(found)
    assert {entry.data for entry in late} == {f"late {key}".encode() for key in keys}


def test_what_another_member_takes_over_is_forgotten_by_the_first(bus, channel, consume):
    bus.append(channel, [Outgoing(b"%d" % n, key=f"V{n}") for n in range(200)])
    first = consume()
    held = take_all(first, 200, acknowledged=False)
    second, given = consume(), []
    deadline = time.monotonic() + 2 * JOINS_WITHIN_S
    while not given and time.monotonic() < deadline:
        given = second.take(200, timeout_s=0.2)
        first._read(1, timeout_s=0.2)
    kept = first.take(500, timeout_s=0)
    assert 0 < len(kept) < 200
    assert not {entry.id for entry in kept} & {entry.id for entry in given}
    # What is lost is left to its new member; while the group is shared out anew, a commit waits.
    first.acknowledge(held)
    while sum(max(0, at) for at in committed(bus, channel).values()) < len(kept):
        assert time.monotonic() < deadline + JOINS_WITHIN_S
        first.take(1, timeout_s=0.1)
    assert sum(max(0, at) for at in committed(bus, channel).values()) == len(kept)


DIES = """
import sys, time
from msg_pattern.kafka import KafkaBus
consumer = KafkaBus(sys.argv[1]).consume(sys.argv[2], group="g")
while not consumer.take(10, timeout_s=0.5):
    pass
print("taken", flush=True)
time.sleep(60)
"""


def test_what_a_killed_member_took_is_given_to_the_next_within_seconds(bus, channel, consume):
    bus.append(channel, [Outgoing(b"%d" % n, key="V1") for n in range(3)])
    url = "&".join((bus.url, *(f"{name}={value}" for name, value in HURRIED.items())))
    program = subprocess.Popen([sys.executable, "-c", DIES, url, channel], stdout=subprocess.PIPE)
    with program:
        assert program.stdout.readline() == b"taken\n"
        program.kill()
    assert [entry.data for entry in take_all(consume(), 3)] == [b"0", b"1", b"2"]


def test_a_consumer_whose_topic_is_gone_says_so_and_the_next_one_makes_it(channel):
    with running_tansu() as own:
        bus = KafkaBus(own.url)
        consumer = bus.consume(channel, group="g")
        own.kill()
        assert consumer.take(1, timeout_s=0.1) == []
        own.start()
        with pytest.raises(BusError, match="Entries cannot be read"):
            take_all(consumer, 1)
        consumer.close()
        bus.append(channel, [Outgoing(b"x")])
        anew = bus.consume(channel, group="g")
        assert [entry.data for entry in take_all(anew, 1)] == [b"x"]
        anew.close()
        bus.close()


# ------------------------------------------------------------ the backlog


def test_the_backlog_tells_entries_bytes_and_age(bus, channel, consume):
    assert bus.backlog(channel, group="g") == (told := bus.backlog(channel, group="g"))
    assert (told.entries, told.size, told.oldest_s) == (0, 0, 0.0)
    for n in range(60):  # one by one: Tansu tells where the last batch begins, Kafka where it ends
        bus.append(channel, [Outgoing(b"x" * 1_000, key=f"V{n}")])
    time.sleep(0.05)
    told = bus.backlog(channel, group="g")
    assert told.entries == 60
    assert 60_000 <= told.size < 80_000  # an estimate, from records that are next
    assert 0.04 < told.oldest_s < 5
    consumer = consume()
    consumer.acknowledge(take_all(consumer, 60, acknowledged=False)[:1])
    assert bus.backlog(channel, group="g").entries == 59
    consumer.acknowledge(consumer.take(99, timeout_s=0.1))
    assert bus.backlog(channel, group="g").entries == 0
    assert bus.backlog(channel, group="another").entries == 60


# ------------------------------------------------------------ appending


def test_many_appends_from_an_event_loop_are_all_in_the_topic(bus, channel, tansu):
    async def append_all():
        appender = bus.appender()
        await asyncio.gather(
            *(
                appender.append(channel, [Outgoing(b"%d" % n, key=f"V{n % 50}", sender="key:1")])
                for n in range(1_000)
            )
        )
        await appender.append(channel, [])
        await appender.close()

    asyncio.run(append_all())
    found = records(tansu, channel, 1_000)
    assert sorted(int(record.value()) for record in found) == list(range(1_000))
    for key in {record.key() for record in found}:
        of_key = [int(record.value()) for record in found if record.key() == key]
        assert of_key == sorted(of_key)


def test_requests_that_come_together_are_woken_together(bus, channel, monkeypatch):
    wakes = []

    async def append_all():
        appender = bus.appender()
        await appender.append(channel, [Outgoing(b"first")])
        wake_all = appender._wake_all
        monkeypatch.setattr(appender, "_wake_all", lambda: (wakes.append(1), wake_all()))
        await asyncio.gather(*(appender.append(channel, [Outgoing(b"x")] * 3) for _n in range(500)))

    asyncio.run(append_all())
    assert len(wakes) < 250


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_entries_may_be_compressed_in_every_way(tansu, channel, codec):
    bus = KafkaBus(f"{tansu.url}?compression.type={codec}")
    bus.append(channel, [Outgoing(b'{"vehicle_id": "V1"}' * 100, key="V1")] * 20)
    assert {record.value() for record in records(tansu, channel, 20)} == {b'{"vehicle_id": "V1"}' * 100}
    bus.close()


def test_a_whole_post_of_one_vehicle_fits_and_what_is_larger_is_refused_at_once(bus, channel, tansu):
    whole = os.urandom(10 * 1024**2)
    bus.append(channel, [Outgoing(whole, key="V1")])
    assert records(tansu, channel, 1)[0].value() == whole
    with pytest.raises(BusError, match="Message size too large"):
        bus.append(channel, [Outgoing(whole + whole, key="V1")])


def test_an_append_to_a_bus_that_is_away_says_so(channel, monkeypatch):
    monkeypatch.setattr(kafka_cluster, "ANSWERS_WITHIN_S", 2.0)
    monkeypatch.setattr(kafka_cluster, "PINGS_WITHIN_S", 0.5)
    bus = KafkaBus(f"kafka://{free_address()}")

    async def append():
        await bus.appender().append(channel, [Outgoing(b"x")])

    with pytest.raises(BusError, match=f"Topic {channel} cannot be made"):
        bus.append(channel, [Outgoing(b"x")])
    began = time.monotonic()
    with pytest.raises(BusError, match=f"Topic {channel} cannot be made"):
        asyncio.run(append())
    assert time.monotonic() - began < 1  # not asked again at once
    assert bus.ping() is False
    bus.close()


def appended(bus, channel):
    try:
        bus.append(channel, [Outgoing(b"after")])
    except BusError:
        return False
    return True


def test_entries_that_nobody_takes_are_refused_in_time_and_the_next_are_taken(channel):
    with running_tansu() as own:
        bus = KafkaBus(f"{own.url}?delivery.timeout.ms=500&reconnect.backoff.max.ms=200")
        bus.append(channel, [Outgoing(b"before")])
        own.kill()

        async def append():
            await bus.appender().append(channel, [Outgoing(b"lost")] * 2)

        with pytest.raises(BusError, match="The bus did not take what was sent"):
            asyncio.run(append())
        with pytest.raises(BusError):
            bus.append(channel, [Outgoing(b"lost")])
        own.start()
        deadline = time.monotonic() + 30
        while not appended(bus, channel):
            assert time.monotonic() < deadline
        assert records(own, channel, 1)[0].value() == b"after"
        bus.close()


def test_a_producer_that_is_of_no_use_any_more_is_replaced(bus, channel, tansu):
    bus.append(channel, [Outgoing(b"1")])
    worn = bus.handles.courier()
    worn.wear_out()
    bus.append(channel, [Outgoing(b"2")])
    assert bus.handles.courier() is not worn
    assert {record.value() for record in records(tansu, channel, 2)} == {b"1", b"2"}


def test_a_full_queue_is_waited_for(tansu, channel):
    bus = KafkaBus(f"{tansu.url}?queue.buffering.max.messages=50")
    bus.append(channel, [Outgoing(b"%d" % n, key="V1") for n in range(1_000)])

    async def append():
        await bus.appender().append(channel, [Outgoing(b"%d" % n, key="V1") for n in range(1_000, 2_000)])

    asyncio.run(append())
    assert [int(record.value()) for record in records(tansu, channel, 2_000)] == list(range(2_000))
    bus.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_producer_of_its_own(bus, channel, tansu):
    bus.append(channel, [Outgoing(b"parent", key="V1")])
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            bus.append(channel, [Outgoing(b"child", key="V1")])
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    bus.append(channel, [Outgoing(b"parent again", key="V1")])
    told = [record.value() for record in records(tansu, channel, 3)]
    assert told == [b"parent", b"child", b"parent again"]


RINGS_AND_ENDS = """
import sys
from msg_pattern.bus import bus_at
from msg_pattern.messages import Message
bus_at(sys.argv[1]).publish("fleet.changes", Message("test", {"lanes": [4711]}))
"""


def test_a_bell_rung_just_before_a_program_ends_is_heard(bus):
    with bus.subscribe(Channel.CHANGES) as bell:
        subprocess.run([sys.executable, "-c", RINGS_AND_ENDS, bus.url], check=True)
        assert hear(bell)["data"] == {"lanes": [4711]}


def test_what_is_appended_once_is_simply_appended(bus, channel, tansu):
    assert bus.append_once(channel, Outgoing(b"x"), within_s=60)
    assert len(records(tansu, channel, 1)) == 1


# ------------------------------------------------------------ publishing


def hear(subscription):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if heard := subscription.receive(timeout_s=0.1):
            return orjson.loads(heard[1])
    return None


def test_subscribers_hear_their_channel_alone_from_now_on(bus, channel):
    message = Message("test", {"vehicle_id": "V1", "n": 1})
    bus.publish(channel, Message("test", {"n": 0}))
    with bus.subscribe(channel, f"{channel}.more") as one, bus.subscribe(channel) as other:
        bus.publish(f"{channel}.other", Message("test", {"n": 0}))
        bus.publish(channel, message)
        assert hear(one) == hear(other) == orjson.loads(message.to_json())
        assert one.receive(timeout_s=0.01) is None
        bus.publish(f"{channel}.more", message)
        deadline = time.monotonic() + 5
        heard = None
        while heard is None and time.monotonic() < deadline:
            heard = one.receive(timeout_s=0.1)
        assert heard == (f"{channel}.more", message.to_json())


def test_a_partition_that_was_added_is_heard_and_counted(bus, channel, tansu, monkeypatch):
    topics = bus.handles.topics
    topics.make(channel)
    topics._made[channel] = 1
    with bus.subscribe(channel) as subscription:
        monkeypatch.setattr(kafka_cluster, "COUNTS_AGAIN_AFTER_S", 0.0)
        monkeypatch.setattr(kafka_consumer, "LOOKS_FOR_PARTITIONS_EVERY_S", 0.0)
        foreign = Producer({"bootstrap.servers": tansu.address})
        foreign.produce(channel, b'{"n": 1}', partition=3)
        assert foreign.flush(5) == 0
        assert hear(subscription) == {"n": 1}
    assert bus.backlog(channel, group="g").entries == 1


def test_a_message_of_many_vehicles_becomes_a_record_of_each(bus, channel, tansu):
    data = [{"vehicle_id": f"V{n % 3}", "n": n} for n in range(9)]
    message = Message("vehicle.changed", data)
    bus.publish_many(channel, [message])
    found = records(tansu, channel, 9)
    told = [orjson.loads(record.value()) for record in found]
    assert all(
        record.key().decode() == body["data"]["vehicle_id"] for record, body in zip(found, told, strict=True)
    )
    assert {(body["type"], body["occurred_at"]) for body in told} == {
        ("vehicle.changed", message.occurred_at)
    }
    assert len({body["id"] for body in told}) == 9
    for vehicle in range(3):
        of_vehicle = [body["data"]["n"] for body in told if body["data"]["vehicle_id"] == f"V{vehicle}"]
        assert of_vehicle == [vehicle, vehicle + 3, vehicle + 6]


@pytest.mark.parametrize(
    ("channel", "data", "key"),
    [
        (Channel.TELEMETRY_PROCESSED, {"vehicle_id": "V1"}, b"V1"),
        ("fleet.alerts.triggered", {"vehicle_id": "V1", "fleet_id": "F1"}, b"F1"),
        ("fleet.missions.events", {"vehicle_id": "V1", "mission_id": 7}, b"7"),
        ("fleet.commands", {"vehicle_id": "V2"}, b"V2"),
        ("fleet.commands", ["no", "objects"], None),
    ],
)
def test_a_record_bears_the_key_that_its_channel_has(bus, tansu, channel, data, key):
    with bus.subscribe(channel) as subscription:
        message = Message("test", data)
        bus.publish(channel, message)
        assert hear(subscription)["id"] == message.id
    found = records(tansu, channel, bus.backlog(channel, group="nobody").entries)
    assert [record.key() for record in found if orjson.loads(record.value())["id"] == message.id] == [key]


def test_a_bell_is_heard_quickly_and_nobody_waits_for_it(bus):
    waits = []
    with bus.subscribe(Channel.CHANGES) as bell:
        for _time in range(5):
            began = time.monotonic()
            bus.publish(Channel.CHANGES, Message("test", {"lanes": [1]}))
            assert time.monotonic() - began < 0.2
            assert hear(bell)["data"] == {"lanes": [1]}
            waits.append(time.monotonic() - began)
    assert sorted(waits)[2] < 0.3


def test_a_bell_that_nobody_can_hear_holds_nobody_up():
    bus = KafkaBus(f"kafka://{free_address()}?delivery.timeout.ms=1000")
    began = time.monotonic()
    bus.publish(Channel.CHANGES, Message("test", {}))
    assert time.monotonic() - began < 0.5
    bus.close()


def test_kafka_keeps_what_nobody_listens_to(bus, channel):
    assert bus.has_listeners(channel)
    assert bus.assigns
    assert bus.shards == 4


# ------------------------------------------------------------ topics and the address


def test_every_channel_has_a_line_in_the_table_of_topics():
    assert set(Channel) <= set(TOPICS)


def test_topics_are_made_with_the_partitions_and_retention_of_the_table():
    with running_tansu() as own:
        bus = KafkaBus(own.url)
        for channel, topic in TOPICS.items():
            assert bus.handles.topics.make(channel) == topic.partitions
            made = bus.handles.topics._settings(topic)
            assert made["retention.ms"] == str(topic.keep_ms)
        found = bus.handles.topics.admin.list_topics(timeout=5).topics
        assert {name: len(found[name].partitions) for name in TOPICS} == {
            name: topic.partitions for name, topic in TOPICS.items()
        }
        bus.close()


def test_a_topic_that_another_process_makes_at_the_same_time_is_taken_as_it_is(tansu, channel):
    one, other = KafkaBus(f"{tansu.url}?partitions=5"), KafkaBus(f"{tansu.url}?partitions=2")
    assert one.handles.topics.make(channel) == 5
    assert other.handles.topics._create(channel) == 5
    assert other.handles.topics.make(channel) == 5
    one.close()
    other.close()


def test_the_address_tells_servers_options_and_how_topics_are_made():
    address = KafkaBus(
        "kafka://user:p%40ss@a:9092,b:9093?security.protocol=SASL_SSL&linger.ms=5"
        "&partitions=24&replication=3&retention_ms=60000"
    ).address
    client = address.configuration(defaults={"linger.ms": 0}, promised={"acks": "all"})
    assert address.servers == "a:9092,b:9093"
    assert (client["sasl.username"], client["sasl.password"]) == ("user", "p@ss")
    assert client["security.protocol"] == "SASL_SSL"
    assert client["linger.ms"] == "5"
    assert client["acks"] == "all"
    assert address.topic(Channel.TELEMETRY_RAW).partitions == 24
    assert address.topic(Channel.CHANGES).partitions == 1
    assert address.topic(Channel.CHANGES).keep_ms == 60_000
    assert address.replication == 3


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("kafka:///nowhere", "names no Kafka server"),
        ("kafka://a:9092?acks=1", "has the option “acks”"),
        ("kafka://a:9092?partitions=many", "partitions=many, which is not a whole number above 0"),
        ("kafka://a:9092?replication=0", "replication=0, which is not a whole number above 0"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url, fault):
    with pytest.raises(ValueError, match=fault):
        bus_at(url)


def test_an_option_that_librdkafka_does_not_know_is_named(channel):
    with pytest.raises(BusError, match=r"no\.such\.thing"):
        KafkaBus("kafka://a:9092?no.such.thing=1").append(channel, [Outgoing(b"x")])


def test_a_bus_answers(bus):
    assert bus.ping()


def test_the_documentation_has_the_table_of_topics():
    told = (settings.BASE_DIR / "docs" / "messages.md").read_text()
    for name, topic in TOPICS.items():
        days, hours = divmod(topic.keep_ms // HOUR_MS, 24)
        kept = f"{days} day{'s' * (days > 1)}" if days else f"{hours} hour"
        assert f"| `{name}` | {topic.partitions} | {kept} | " in told
        assert not topic.key or f"| {kept} | `{topic.key}` |" in told
