"""Appending to streams from an event loop: all that is given while one write is under way goes out in the next.

With ``appendfsync always`` a write is answered when it is on disk; many requests share that one wait.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis.connection import SSLConnection, parse_url

from msg_pattern.bus import BusError, Outgoing, shard_of

ANSWERS_WITHIN_S = 10.0
READ_AT_ONCE = 1 << 16


def fields_of(entry: Outgoing) -> dict[str, bytes | str | int]:
    """A stream entry's fields: ``data``, and who sent it (``by``) and when it came (``at``) where that is told."""
    fields: dict[str, bytes | str | int] = {"data": entry.data}
    if entry.sender:
        fields["by"] = entry.sender
    if entry.received_ms:
        fields["at"] = entry.received_ms
    return fields


class RedisAppender:
    def __init__(self, url: str, *, shards: int, stream_of: Callable[[str, int], str]) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))
        self._shards, self._stream_of = shards, stream_of
        self._waiting: list[tuple[bytes, int, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def append(self, channel: str, entries: Sequence[Outgoing]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        packed = b"".join(self._packed(channel, entry) for entry in entries)
        self._waiting.append((packed, len(entries), future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await future

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing
        self._disconnect()

    def _packed(self, channel: str, entry: Outgoing) -> bytes:
        words: list[Any] = ["XADD", self._stream_of(channel, shard_of(entry.key, self._shards)), "*"]
        for pair in fields_of(entry).items():
            words += pair
        return hiredis.pack_command(tuple(words))

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write(batch)
        finally:
            self._writing = None

    async def _write(self, batch: list[tuple[bytes, int, asyncio.Future[None]]]) -> None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                answers = await self._ask(
                    b"".join(packed for packed, _count, _future in batch), sum(one[1] for one in batch)
                )
        except (OSError, TimeoutError, hiredis.HiredisError, asyncio.IncompleteReadError) as error:
            self._disconnect()
            _settle_all(batch, BusError(f"The bus does not answer: {error or type(error).__name__}."))
            return
        begin = 0
        for _packed, count, future in batch:
            refused = [one for one in answers[begin : begin + count] if isinstance(one, Exception)]
            begin += count
            _settle(future, BusError(f"The bus refused an entry: {refused[0]}") if refused else None)

    async def _ask(self, commands: bytes, count: int) -> list[Any]:
        """Send ``commands``; answers as many replies."""
        reader, writer = self._streams or await self._connect()
        writer.write(commands)
        return await _replies(reader, count)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        options = self._options
        if path := options.get("path"):
            reader, writer = await asyncio.open_unix_connection(path)
        else:
            tls = ssl.create_default_context() if options.get("connection_class") is SSLConnection else None
            host, port = options.get("host", "localhost"), options.get("port", 6379)
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        try:
            await _greet(reader, writer, options)
        except BaseException:
            writer.close()
            raise
        self._streams = reader, writer
        return self._streams

    def _disconnect(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, options: dict[str, Any]) -> None:
    commands: list[tuple[Any, ...]] = []
    if options.get("password"):
        commands.append(("AUTH", options.get("username") or "default", options["password"]))
    if options.get("db"):
        commands.append(("SELECT", options["db"]))
    writer.write(b"".join(hiredis.pack_command(command) for command in commands))
    for reply in await _replies(reader, len(commands)):
        if isinstance(reply, Exception):
            raise ConnectionError(f"The bus refused the connection: {reply}")


async def _replies(reader: asyncio.StreamReader, count: int) -> list[Any]:
    parser = hiredis.Reader()
    replies: list[Any] = []
    while len(replies) < count:
        data = await reader.read(READ_AT_ONCE)
        if not data:
            raise ConnectionError("The bus closed the connection.")
        parser.feed(data)
        while (reply := parser.gets()) is not False:
            replies.append(reply)
    return replies


def _settle_all(batch: list[tuple[bytes, int, asyncio.Future[None]]], error: BusError) -> None:
    for _packed, _count, future in batch:
        _settle(future, error)


def _settle(future: asyncio.Future[None], error: BusError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
