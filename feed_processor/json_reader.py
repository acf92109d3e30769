"""JSON to items: an array, an object that holds one array, or a line per item."""

import codecs
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson
import numpy
import orjson
from django.utils.translation import gettext as _

from feed_processor.dialect import BadRow, Dialect, UnreadableFile

DEEPEST = 40
_STEPS = {"start_array": 1, "start_map": 1, "end_array": -1, "end_map": -1}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BRACKETS = numpy.zeros(256, dtype=numpy.int64)
_BRACKETS[list(b"[{")], _BRACKETS[list(b"]}")] = 1, -1
MOST_LINE_BYTES = 16 << 20

Item = tuple[int, dict[str, Any] | BadRow]


def sniff_json(stream: BinaryIO, encoding: str, text: str, *, whole: bool) -> Dialect | None:
    """None where it only looks like JSON, so that a CSV whose first cell is “[x]” stays a CSV."""
    if text[0] == "{" and _is_lines(text, whole=whole):
        return Dialect("jsonl", encoding)
    stream.seek(0)
    try:
        path = _array_path(stream, encoding)
    except ijson.JSONError as error:
        if _begins_like_json(text):
            raise _broken(error) from error
        return None
    return Dialect("json", encoding, path=path)


def _begins_like_json(text: str) -> bool:
    following = text[1:].lstrip()[:1]
    return following in ('"', "{", "[", "]", "}", "")


def _is_lines(text: str, *, whole: bool) -> bool:
    """The first line is an object by itself, and it is not a whole file that holds one array."""
    first, _newline, rest = text.partition("\n")
    try:
        item = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    alone = whole and not rest.strip()
    return isinstance(item, dict) and not (alone and any(isinstance(value, list) for value in item.values()))


def _array_path(stream: BinaryIO, encoding: str) -> str:
    """``item`` for an array, ``key.item`` for an object that holds one. Raises UnreadableFile."""
    _refuse_deep_nesting(_as_utf8(stream, encoding))
    stream.seek(0)
    arrays, depth, key = [], 0, ""
    for event, value in ijson.basic_parse(_as_utf8(stream, encoding)):
        if event == "start_array" and depth == 0:
            return "item"
        if event == "start_array" and depth == 1:
            arrays.append(key)
        if event == "map_key" and depth == 1:
            key = value
        depth += _STEPS.get(event, 0)
    if len(arrays) == 1:
        return f"{arrays[0]}.item"
    if arrays:
        message = _("The object holds several arrays (%(names)s); send one array.")
        raise UnreadableFile(message % {"names": ", ".join(arrays)})
    raise UnreadableFile(_("The JSON holds no array of objects; send an array, or an object that holds one."))


def _refuse_deep_nesting(stream: BinaryIO) -> None:
    """The parser's work grows with the square of the depth, so the depth is looked at first, by bytes alone."""
    depth, in_text, held = 0, False, b""
    while block := stream.read(1 << 20):
        block = (held + block).replace(b"\\\\", b"")
        held = b"\\" if block.endswith(b"\\") else b""
        parts = block.removesuffix(b"\\").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[1 if in_text else 0 :: 2]).translate(None, delete=_NO_BRACKETS)
        in_text ^= len(parts) % 2 == 0
        if outside:
            steps = numpy.cumsum(_BRACKETS[numpy.frombuffer(outside, dtype=numpy.uint8)])
            if depth + int(steps.max()) > DEEPEST:
                raise UnreadableFile(_("The JSON is nested more than 40 levels deep; flatten it."))
            depth += int(steps[-1])


def read_json(stream: BinaryIO, dialect: Dialect) -> Iterator[Item]:
    """``(number, object)``; what is no object is a BadRow. Raises UnreadableFile where the JSON breaks."""
    stream.seek(0)
    items = ijson.items(_as_utf8(stream, dialect.encoding), dialect.path, use_float=True)
    number = 0
    try:
        for number, item in enumerate(items, start=1):
            yield number, _checked(item)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise _broken(error, after=number) from error


def read_json_lines(stream: BinaryIO, dialect: Dialect) -> Iterator[Item]:
    stream.seek(0)
    number = 0
    for line in _as_utf8(stream, dialect.encoding):
        if not line.strip():
            continue
        number += 1
        yield number, _line(line)


def _line(line: bytes) -> dict[str, Any] | BadRow:
    if len(line) > MOST_LINE_BYTES:
        return BadRow(_("The line is longer than 16 MB."), "row_json")
    try:
        return _checked(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return BadRow(
            _("The line is no JSON: %(error)s.") % {"error": error.msg},
            "row_json",
            line[:200].decode("utf-8", "replace"),
        )


def _checked(item: Any) -> dict[str, Any] | BadRow:
    if isinstance(item, dict):
        return item
    return BadRow(
        _("“%(item)s” is no object with named values.") % {"item": str(item)[:100]},
        "row_json",
        str(item)[:200],
    )


def _broken(error: Exception, after: int | None = None) -> UnreadableFile:
    place = _(" after item %(n)d") % {"n": after} if after else ""
    told = error.args[0] if error.args else type(error).__name__
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    reason = text.splitlines()[0].rstrip(". ")
    return UnreadableFile(_("The JSON is broken%(place)s: %(reason)s.") % {"place": place, "reason": reason})


class _Recoded(io.RawIOBase):
    """A stream of another encoding as one of UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(encoding)()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # A byte of any encoding becomes three of UTF-8 at most.
        while block := self._stream.read(max(4, len(buffer) // 4)):
            data = self._decoder.decode(block).encode()
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0


def _as_utf8(stream: BinaryIO, encoding: str) -> Any:
    if encoding == "utf-8":
        return stream
    if encoding == "utf-8-sig":
        stream.seek(len(codecs.BOM_UTF8))
        return stream
    return io.BufferedReader(_Recoded(stream, encoding))
