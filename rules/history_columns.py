"""Where a reading holds the values that rules name, and how they are read from there."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from telemetry.answers import KNOWN
from telemetry.models import MICRODEGREES
from telemetry.readings import from_ms
from vehicle_management.advance import as_text
from vehicle_management.registry import fit, kinds

STATUS = "status."
_PLACES = frozenset(("latitude", "longitude"))
# They are stored as real, whose text says what was reported: 80.1, and not 80.0999985.
_PLAIN = frozenset(KNOWN) - _PLACES - {"g_force_long"}
_ACCELERATION = "coalesce(to_jsonb(r.g_force_long), r.attributes -> 'g_force_long')"

Said = Callable[[int, Sequence[Any]], dict[str, Any]]


@dataclass
class Columns:
    """SQL of the values of ``keys`` over a reading ``r``, with its parameters; NULL where it says nothing."""

    keys: list[str] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    reads: list[Callable[[Any], Any] | None] = field(default_factory=list)
    tells_time: bool = False

    def reader(self) -> Said:
        """What a reading of a time says, by key, from its values in the order of ``keys``."""
        said = _plainly(self.keys) if not any(self.reads) else _by_kind(self.keys, self.reads)
        return _with_time(said) if self.tells_time else said


def columns_of(keys: Collection[str]) -> Columns:
    found, registered = Columns(tells_time="recorded_at" in keys), None
    for key in sorted(key for key in keys if key.startswith(STATUS)):
        name = key.removeprefix(STATUS)
        found.keys.append(key)
        if name in _PLAIN:
            found.sql.append(f"r.{name}")
            found.reads.append(None)
        elif name in _PLACES:
            found.sql.append(f"r.{name}_e6")
            found.reads.append(_degrees)
        else:
            registered = registered if registered is not None else kinds()
            param = f"name_{len(found.keys)}"
            found.params |= {} if name == "g_force_long" else {param: name}
            found.sql.append(_ACCELERATION if name == "g_force_long" else f"r.attributes -> %({param})s")
            found.reads.append(_json_of(registered.get(name)))
    return found


def _degrees(e6: int) -> float:
    return e6 / MICRODEGREES


def _json_of(kind: str | None) -> Callable[[str], Any]:
    """As the status keeps it: what does not fit its attribute's kind is text."""

    def read(text: str) -> Any:
        value = orjson.loads(text)
        return value if kind is None else fit(value, kind)

    return read


def _plainly(keys: Sequence[str]) -> Said:
    if len(keys) == 1:
        only = keys[0]
        return lambda at, values: {only: values[0]} if values[0] is not None else {}
    return lambda at, values: {
        key: value for key, value in zip(keys, values, strict=True) if value is not None
    }


def _by_kind(keys: Sequence[str], reads: Sequence[Callable[[Any], Any] | None]) -> Said:
    pairs = list(zip(keys, reads, strict=True))

    def said(at: int, values: Sequence[Any]) -> dict[str, Any]:
        return {
            key: value if read is None else read(value)
            for (key, read), value in zip(pairs, values, strict=True)
            if value is not None
        }

    return said


def _with_time(said: Said) -> Said:
    def told(at: int, values: Sequence[Any]) -> dict[str, Any]:
        return {**said(at, values), "recorded_at": as_text(from_ms(at))}

    return told
