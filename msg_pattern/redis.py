"""The bus on Redis or Valkey: pub/sub for what may be lost, streams with groups for what may not."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis import Redis, ResponseError
from redis.backoff import ExponentialBackoff
from redis.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from msg_pattern.bus import Entry
from msg_pattern.messages import Message

ABANDONED_AFTER_MS = 15_000


class RedisSubscription:
    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        heard = self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
        if heard is None or heard["type"] != "message":
            return None
        return heard["channel"].decode(), heard["data"]


class RedisConsumer:
    def __init__(self, client: Redis, channel: str, group: str, name: str) -> None:
        self._client, self._channel, self._group, self._name = client, channel, group, name
        self._make_group()

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._channel, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def take(self, count: int, timeout_s: float) -> list[Entry]:
        abandoned = self._take_abandoned(count)
        return abandoned or self._take_new(count, timeout_s)

    def _take_abandoned(self, count: int) -> list[Entry]:
        answer: Any = self._client.xautoclaim(
            self._channel, self._group, self._name, min_idle_time=ABANDONED_AFTER_MS, count=count
        )
        return [_entry(id_, fields, deliveries=1) for id_, fields in answer[1] if fields]

    def _take_new(self, count: int, timeout_s: float) -> list[Entry]:
        block_ms = max(1, int(timeout_s * 1000))
        answer: Any = self._client.xreadgroup(
            self._group, self._name, {self._channel: ">"}, count=count, block=block_ms
        )
        return [_entry(id_, fields) for _, entries in answer or () for id_, fields in entries]

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Acknowledge and forget: one group reads a stream, so what it has done is kept no longer."""
        ids = [entry.id for entry in entries]
        if ids:
            pipe = self._client.pipeline()
            pipe.xack(self._channel, self._group, *ids)
            pipe.xdel(self._channel, *ids)
            pipe.execute()

    def reject(self, entry: Entry, reason: str) -> None:
        pipe = self._client.pipeline()
        pipe.xadd(
            f"{self._channel}.rejected",
            {"data": entry.data, "reason": reason},
            maxlen=100_000,
            approximate=True,
        )
        pipe.xack(self._channel, self._group, entry.id)
        pipe.xdel(self._channel, entry.id)
        pipe.execute()


def _entry(id_: bytes, fields: dict[bytes, bytes], deliveries: int = 0) -> Entry:
    return Entry(id=id_.decode(), data=fields.get(b"data", b""), deliveries=deliveries)


class RedisBus:
    def __init__(self, url: str) -> None:
        self._client: Redis = Redis.from_url(
            url,
            retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries=5),
            retry_on_error=[RedisConnectionError, RedisTimeoutError],
            health_check_interval=15,
            socket_connect_timeout=5,
        )

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

    def append(self, channel: str, data: bytes) -> str:
        return self._client.xadd(channel, {"data": data}).decode()  # type: ignore[union-attr]

    def append_once(self, channel: str, data: bytes, *, within_s: float) -> str | None:
        seen = f"{channel}.seen.{hashlib.sha256(data).hexdigest()}"
        if not self._client.set(seen, 1, nx=True, px=int(within_s * 1000)):
            return None
        return self.append(channel, data)

    def consume(self, channel: str, *, group: str, name: str) -> RedisConsumer:
        return RedisConsumer(self._client, channel, group, name)

    def ping(self) -> bool:
        return bool(self._client.ping())
