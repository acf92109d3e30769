"""Answers of any length in bounded memory, and CSV that is safe to open in a spreadsheet."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.http import FileResponse, StreamingHttpResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SENT_AT_ONCE = 1 << 16


class SteadyResponse(StreamingHttpResponse):
    """Streams a plain iterator piece by piece; under ASGI, Django would gather all of it in memory first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = iter(self.streaming_content)  # type: ignore[arg-type]
        try:
            while sent := await sync_to_async(_gathered)(pieces):
                yield sent
        except Exception:
            # Django closes what it sent, but not what broke on the way.
            await sync_to_async(self.close)()
            raise


class SteadyFile(SteadyResponse, FileResponse):
    """A file to keep, sent piece by piece."""

    block_size = SENT_AT_ONCE


def _gathered(pieces: Iterator[bytes]) -> bytes:
    """So many of them as are worth a change of threads; nothing at the end."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= SENT_AT_ONCE:
            break
    return bytes(held)


def csv_answer(lines: Iterable[str], name: str) -> SteadyResponse:
    answer = SteadyResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def json_answer(rows: Iterable[dict[str, Any]]) -> SteadyResponse:
    """One JSON array of however many rows."""
    return SteadyResponse(_array(rows), content_type="application/json")


def _array(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        yield before + orjson.dumps(row)
        before = b","
    yield b"]" if before == b"," else b"[]"


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula begins with an apostrophe; numbers stay numbers."""
    if not isinstance(value, str) or not value.startswith(FORMULA_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
