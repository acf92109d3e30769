"""The bus on Redis or Valkey: pub/sub for what may be lost, streams with groups for what may not.

A stream's consumer is whoever holds its shard, under one name for ever: what one left the next one is
given first, and no names of the dead are left behind.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from redis import Redis, RedisError, ResponseError
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from msg_pattern.bus import Backlog, BusError, Entry, Outgoing, entry_of, shard_of
from msg_pattern.messages import Message
from msg_pattern.redis_appender import RedisAppender, fields_of

CONSUMER = "holder"
PENDING_AT_ONCE = 500
# A stream's size is estimated from so many of its nodes.
SAMPLES = 5
MOST_SHARDS = 256
# Marked and appended together: a mark without its entry would keep everybody from appending it.
APPEND_ONCE = """
    if not redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) then return 0 end
    redis.call('XADD', KEYS[2], '*', unpack(ARGV, 2))
    return 1
"""


def stream_of(channel: str, shard: int) -> str:
    """The first shard bears the channel's name: there other programs append."""
    return f"{channel}.{shard}" if shard else channel


class RedisSubscription:
    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        heard = self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
        if heard is None or heard["type"] != "message":
            return None
        return heard["channel"].decode(), heard["data"]


class RedisConsumer:
    def __init__(self, client: Redis, stream: str, group: str) -> None:
        self._client, self._stream, self._group = client, stream, group
        self._taken: dict[str, Entry] = {}
        self._left_after: str | None = "0"
        self._fetching = ThreadPoolExecutor(1, "fetching")
        self._ahead: Future[dict[str, Entry]] | None = None
        self._make_group()
        self._inherit()

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _inherit(self) -> None:
        """Take over what consumers of other names were given, and remove them."""
        others: Any = self._client.xinfo_consumers(self._stream, self._group)
        for name in (other["name"] for other in others if other["name"] != CONSUMER.encode()):
            while held := self._held_by(name):
                self._client.xclaim(self._stream, self._group, CONSUMER, 0, held, justid=True)
            self._client.xgroup_delconsumer(self._stream, self._group, name)

    def _held_by(self, name: bytes) -> list[Any]:
        held: Any = self._client.xpending_range(
            self._stream, self._group, "-", "+", PENDING_AT_ONCE, consumername=name
        )
        return [entry["message_id"] for entry in held]

    def take(self, count: int, timeout_s: float) -> list[Entry]:
        if not self._taken and self._left_after is not None:
            self._take_left(count)
        if not self._taken:
            self._taken.update(self._read_ahead(count, timeout_s))
            # While the caller works on these, the next ones are fetched.
            self._ahead = self._fetching.submit(self._read, ">", count, None) if self._taken else None
        return list(self._taken.values())[:count]

    def _read_ahead(self, count: int, timeout_s: float) -> dict[str, Entry]:
        ahead, self._ahead = self._ahead, None
        found = ahead.result() if ahead is not None else {}
        return found or self._read(">", count, max(1, int(timeout_s * 1000)))

    def _take_left(self, count: int) -> None:
        """What was given out and never acknowledged; None as its mark once there is no more of it."""
        self._taken.update(left := self._read(self._left_after or "0", count, None))
        self._left_after = next(reversed(left)) if left else None

    def _read(self, after: str, count: int, block_ms: int | None) -> dict[str, Entry]:
        answer: Any = self._client.xreadgroup(
            self._group, CONSUMER, {self._stream: after}, count=count, block=block_ms
        )
        # A map in RESP3, pairs in RESP2; there is one stream.
        streams = answer.values() if isinstance(answer, dict) else [pair[1] for pair in answer or ()]
        found = (_entry(id_, pairs) for entries in streams for id_, pairs in entries)
        return {entry.id: entry for entry in found}

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Acknowledge and forget: one group reads a stream, so what it has done is kept no longer."""
        ids = [entry.id for entry in entries]
        if ids:
            pipe = self._client.pipeline()
            pipe.xack(self._stream, self._group, *ids)
            pipe.xdel(self._stream, *ids)
            pipe.execute()
            for id_ in ids:
                self._taken.pop(id_, None)

    def close(self) -> None:
        self._taken.clear()
        self._fetching.shutdown()


def _entry(id_: bytes, pairs: list[bytes] | None) -> Entry:
    """``pairs`` are the fields' names and values in turn; none where the entry is gone."""
    data, sender, at = b"", b"", b""
    for name, value in zip(pairs[::2], pairs[1::2], strict=False) if pairs else ():
        if name == b"data":
            data = value
        elif name == b"by":
            sender = value
        elif name == b"at":
            at = value
    return entry_of(id_.decode(), data, sender=sender, told=at, appended_ms=_time_of(id_))


def _time_of(id_: bytes) -> int:
    """When it was appended; what came in the same millisecond is told apart by its place there."""
    at_ms, _dash, place = id_.partition(b"-")
    return int(at_ms) + min(int(place), 999)


def _client(url: str, retry: Retry) -> Redis:
    client: Redis = Redis.from_url(
        url,
        retry=retry,
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
        health_check_interval=15,
        socket_connect_timeout=5,
    )
    return client


class RedisBus:
    assigns = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.shards: int = settings.TELEMETRY_SHARDS
        self._client = _client(url, Retry(ExponentialBackoff(cap=1, base=0.05), retries=5))
        # What a lost answer gave out must not be asked for as new: a consumer that fails begins anew.
        self._consuming = _client(url, Retry(NoBackoff(), retries=0))
        # Entries are read as they come: a dictionary for each would cost more than all the rest.
        self._consuming.set_response_callback("XREADGROUP", lambda answer, **options: answer)

    def publish(self, channel: str, message: Message) -> None:
        self._client.publish(channel, message.to_json())

    def publish_many(self, channel: str, messages: Iterable[Message]) -> None:
        pipe = self._client.pipeline(transaction=False)
        for message in messages:
            pipe.publish(channel, message.to_json())
        pipe.execute()

    def has_listeners(self, channel: str) -> bool:
        ((_, direct),) = self._client.pubsub_numsub(channel)
        return bool(direct) or bool(self._client.pubsub_numpat())

    @contextmanager
    def subscribe(self, *channels: str) -> Iterator[RedisSubscription]:
        pubsub = self._client.pubsub()
        try:
            pubsub.subscribe(*channels)
            yield RedisSubscription(pubsub)
        finally:
            with suppress(RedisConnectionError):
                pubsub.close()

    def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        pipe = self._client.pipeline(transaction=False)
        for entry in entries:
            pipe.xadd(stream_of(channel, shard_of(entry.key, self.shards)), fields_of(entry))  # type: ignore[arg-type]
        try:
            pipe.execute()
        except RedisError as error:
            raise BusError(f"{len(entries)} entries could not be appended: {error}") from error

    def append_once(self, channel: str, entry: Outgoing, *, within_s: float) -> bool:
        seen = f"{channel}.seen.{hashlib.sha256(entry.data).hexdigest()}"
        stream = stream_of(channel, shard_of(entry.key, self.shards))
        fields = [part for pair in fields_of(entry).items() for part in pair]
        try:
            return bool(self._client.eval(APPEND_ONCE, 2, seen, stream, int(within_s * 1000), *fields))
        except RedisError as error:
            raise BusError(f"An entry could not be appended: {error}") from error

    def appender(self) -> RedisAppender:
        return RedisAppender(self.url, shards=self.shards, stream_of=stream_of)

    def consume(self, channel: str, *, group: str, shard: int = 0) -> RedisConsumer:
        return RedisConsumer(self._consuming, stream_of(channel, shard), group)

    def shards_of(self, channel: str) -> list[int]:
        former = range(self.shards, MOST_SHARDS)
        streams = [stream_of(channel, shard) for shard in former]
        found = list(range(self.shards))
        # Asked for often, and hardly ever is there any.
        if streams and self._client.exists(*streams):
            found += [
                shard for shard, stream in zip(former, streams, strict=True) if self._client.xlen(stream)
            ]
        return found

    def backlog(self, channel: str, *, group: str) -> Backlog:
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        streams = [stream_of(channel, shard) for shard in self.shards_of(channel)]
        for stream in streams:
            pipe.xlen(stream)
            pipe.memory_usage(stream, SAMPLES)
            pipe.xrange(stream, count=1)
        (seconds, micros), *told = pipe.execute()
        oldest = [int(first[0][0].partition(b"-")[0]) / 1000 for first in told[2::3] if first]
        return Backlog(
            entries=sum(told[0::3]),
            size=sum(size or 0 for size in told[1::3]),
            oldest_s=max(0.0, seconds + micros / 1e6 - min(oldest)) if oldest else 0.0,
        )

    def ping(self) -> bool:
        return bool(self._client.ping())
