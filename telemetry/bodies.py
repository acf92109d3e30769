"""Bodies of ``POST telemetry``: unpacked within limits, and told apart."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType

from api_pattern.exceptions import BodyTooLarge, Unprocessable
from telemetry.readings import MOST_READINGS, Known

JSON = "application/json"
LINES = frozenset(
    ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
)
GZIPPED = 16 + zlib.MAX_WBITS
BATCH = re.compile(rb'\s*\{\s*"readings"')
BOM = b"\xef\xbb\xbf"

_decode = msgspec.json.Decoder().decode


class _Raw(msgspec.Struct):
    readings: msgspec.Raw


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    readings: list[Known]


_decode_raw = msgspec.json.Decoder(_Raw).decode
_decode_known = msgspec.json.Decoder(Known).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode


@dataclass(slots=True)
class Body:
    """Readings as JSON in ``data``, or the body of a ``trip`` instead.

    ``path`` names an item in errors: one reading has none, for its fields stand at the top. ``known`` are the
    readings where they say nothing but what is well-known; else ``decoded`` are they as they came.
    """

    decoded: list[Any] | None
    data: bytes
    path: str
    trip: dict[str, Any] | None = None
    known: Sequence[Any] = ()

    @property
    def items(self) -> list[Any]:
        """The readings as they came."""
        if self.decoded is None:
            found = _decode(self.data)
            self.decoded = found if self.path else [found]
        return self.decoded


def unpacked(raw: bytes, encoding: str) -> bytes:
    """The body without its gzip. Raises BodyTooLarge, Unprocessable and UnsupportedMediaType."""
    if encoding in ("", "identity"):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        told = _("Content-Encoding “%(encoding)s” is not known; send gzip, or the body as it is.")
        raise UnsupportedMediaType(encoding, told % {"encoding": encoding[:40]})
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    unzip = zlib.decompressobj(GZIPPED)
    try:
        body = unzip.decompress(raw, most + 1)
    except zlib.error as error:
        raise _invalid(_("The body is said to be gzip, but cannot be unpacked.")) from error
    if len(body) > most or unzip.unconsumed_tail:
        raise BodyTooLarge(
            _("The body has more than {most} bytes; send less at once.").format(most=f"{most:,}")
        )
    if not unzip.eof or unzip.unused_data:
        raise _invalid(_("The body's gzip ends too soon, or something follows it."))
    return body


def read_body(raw: bytes, content_type: str, encoding: str) -> Body:
    """Tell the body apart. Raises Unprocessable, BodyTooLarge and UnsupportedMediaType."""
    kind = content_type.partition(";")[0].strip().lower()
    body = unpacked(raw, encoding.strip().lower())
    if kind in LINES:
        return _of_lines(body)
    if kind not in (JSON, ""):
        told = _("Media type “%(kind)s” is not known; send application/json or application/x-ndjson.")
        raise UnsupportedMediaType(kind, told % {"kind": kind[:60]})
    return _of_json(body.removeprefix(BOM))


def _of_json(body: bytes) -> Body:
    try:
        return _of_known(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # Whatever it is, it needs a closer look.
    found = _decoded(body)
    if not isinstance(found, dict):
        raise _invalid(_("Send one reading, an object with 1 to 1,000 readings, or a trip with its data."))
    if "readings" in found:
        return _of_batch(found, body)
    if "data" in found:
        return Body([], body, "", trip=found)
    return Body([found], body, "")


def _of_known(body: bytes) -> Body:
    """In one pass, for most bodies are so. Raises what msgspec does."""
    if not BATCH.match(body):
        return Body(None, body, "", known=(_decode_known(body),))
    known = _decode_batch(body).readings
    check_count(known)
    return Body(None, bytes(_decode_raw(body).readings), "readings[{}]", known=known)


def _of_batch(found: dict[str, Any], body: bytes) -> Body:
    items = found.pop("readings")
    if found:
        told = _("The field is not known here: beside readings nothing stands.")
        raise Unprocessable(f"{next(iter(found))[:100]}: {told}", {name[:100]: [told] for name in found})
    if not isinstance(items, list):
        raise _invalid(_("This is a list of readings."), "readings")
    check_count(items)
    return Body(items, bytes(_decode_raw(body).readings), "readings[{}]")


def _of_lines(body: bytes) -> Body:
    lines = [line for line in body.removeprefix(BOM).splitlines() if line.strip()]
    check_count(lines)
    items = []
    for number, line in enumerate(lines):
        try:
            items.append(_decoded(line))
        except Unprocessable as error:
            raise _invalid(error.detail, f"readings[{number}]") from error
    return Body(items, b"[" + b",".join(lines) + b"]", "readings[{}]")


def check_count(items: list[Any]) -> None:
    if not 1 <= len(items) <= MOST_READINGS:
        told = _("There are %(n)s readings; 1 to 1,000 are taken at once.")
        raise _invalid(told % {"n": f"{len(items):,}"}, "readings")


def _decoded(body: bytes) -> Any:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(_("The body is not JSON: %(why)s.") % {"why": str(error).rstrip(".")}) from error
    except RecursionError as error:
        raise _invalid(_("The body is nested too deeply.")) from error


def _invalid(message: str, field: str = "body") -> Unprocessable:
    detail = message if field == "body" else f"{field}: {message}"
    return Unprocessable(detail, {field: [message]})
