"""Which shards of a stream this listener reads: each is read by one listener at a time.

A shard is held by an advisory lock of the session that stores its readings: who loses the database loses
the shard with it. Listeners share the shards evenly, and look again every few seconds.
"""

import time
from collections.abc import Iterator, Sequence

from django.db import connection

from msg_pattern.bus import Bus, Consumer

LISTENERS, SHARDS = 7_130, 7_131
LOOK_EVERY_S = 2.0


class HeldShards:
    """The consumers of the shards that this session holds."""

    def __init__(self, bus: Bus, channel: str, group: str) -> None:
        self._bus, self._channel, self._group = bus, channel, group
        self._consumers: dict[int, Consumer] = {}
        self._session: object | None = None
        self._looked_at = 0.0

    def consumers(self) -> Iterator[Consumer]:
        """Those of the shards that are ours now; the locks are looked after on the way."""
        if self._bus.assigns:
            # The bus itself shares out what there is among the group; each consumer is one more member.
            if not self._consumers:
                self._consumers[0] = self._bus.consume(self._channel, group=self._group)
        else:
            self._look_after_locks()
        yield from list(self._consumers.values())

    def _look_after_locks(self) -> None:
        connection.ensure_connection()
        if connection.connection is not self._session:
            self.close()
            self._session, self._looked_at = connection.connection, 0.0
            _execute("SELECT pg_advisory_lock_shared(%s, 0)", LISTENERS)
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._share(self._bus.shards_of(self._channel))

    def _share(self, shards: Sequence[int]) -> None:
        most = -(-len(shards) // max(1, _listeners()))
        for shard in sorted(self._consumers.keys() - set(shards)):
            self._release(shard)
        for shard in sorted(self._consumers)[most:]:
            self._release(shard)
        for shard in shards:
            if len(self._consumers) >= most:
                return
            if shard not in self._consumers and _execute(
                "SELECT pg_try_advisory_lock(%s, %s)", SHARDS, shard
            ):
                self._consumers[shard] = self._bus.consume(self._channel, group=self._group, shard=shard)

    def _release(self, shard: int) -> None:
        self._consumers.pop(shard).close()
        _execute("SELECT pg_advisory_unlock(%s, %s)", SHARDS, shard)

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()


def _listeners() -> int:
    query = """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = 0 AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    return int(_execute(query, LISTENERS))


def _execute(query: str, *parameters: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        (told,) = cursor.fetchone()
        return told
