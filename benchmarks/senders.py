"""Clients that send readings over loopback: as fast as they are answered, or so many a second."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

VEHICLES = 200
CONNECTIONS = 64
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
READING = (
    '{"vehicle_id":"VH-%05d","timestamp":"%s","latitude":4.%06d,"longitude":-74.072100,"speed_kmh":%d.5,'
    '"heading_deg":%d,"odometer_km":%d.25,"battery_pct":81.5,"engine_temp_c":88,"load_pct":40,"status":"MOVING"}'
)


def reading(number: int, start: datetime = START, vehicles: int = VEHICLES) -> str:
    """The reading of this number: vehicles in turn, each a second later than before."""
    step, vehicle = divmod(number, vehicles)
    at = (start + timedelta(seconds=step, milliseconds=vehicle % 1_000)).isoformat()
    return READING % (vehicle, at, number % 1_000_000, number % 90, number % 360, 10_000 + step)


def body_of(first: int, count: int, start: datetime = START) -> bytes:
    if count == 1:
        return reading(first, start).encode()
    return ('{"readings":[' + ",".join(reading(first + n, start) for n in range(count)) + "]}").encode()


@dataclass
class Told:
    """What a load came to: requests answered as they should be, others by status, seconds of each."""

    answered: int = 0
    seconds: float = 0.0
    others: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


@dataclass(frozen=True)
class Load:
    """Where and what to send: ``batch`` readings each, for ``seconds``; ``rate`` a second (0: all that goes)."""

    port: int
    path: str
    headers: str
    batch: int = 1
    seconds: float = 5.0
    rate: float = 0.0
    first: int = 0
    start: datetime = START

    def run(self) -> Told:
        """In a process of its own, so that the sender's work is not counted as the server's."""
        with get_context("spawn").Pool(1) as pool:
            return pool.apply(send, (self,))


def send(load: Load) -> Told:
    return asyncio.run(_send(load))


async def _send(load: Load) -> Told:
    told, numbers = Told(), iter(range(load.first, 10**12, load.batch))
    began = time.perf_counter()
    due = _schedule(load.rate, began)
    await asyncio.gather(
        *(_connection(load, told, numbers.__next__, due, began) for _n in range(CONNECTIONS))
    )
    told.seconds = time.perf_counter() - began
    return told


def _schedule(rate: float, began: float) -> Callable[[], float]:
    """The next moment at which a request is due; one that is late counts from when it was due."""
    count = 0

    def due() -> float:
        nonlocal count
        if not rate:
            return time.perf_counter()
        count += 1
        return began + count / rate

    return due


async def _connection(
    load: Load, told: Told, number: Callable[[], int], due: Callable[[], float], began: float
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    head = f"POST {load.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{load.headers}"
    end = began + load.seconds
    try:
        while (at := due()) < end:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            body = body_of(number(), load.batch, load.start)
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status = await _answer(reader)
            told.latencies.append(time.perf_counter() - at)
            if status in (201, 202):
                told.answered += 1
            else:
                told.others[status] = told.others.get(status, 0) + 1
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    await reader.readexactly(length)
    return int(head[9:12])


def readings_as_json(first: int, count: int) -> list[dict]:
    return [json.loads(reading(first + n)) for n in range(count)]
