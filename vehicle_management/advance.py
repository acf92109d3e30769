"""How a vehicle's status moves forward in event time. Pure: no database, no clock.

Each attribute has a time of its own. A value takes the place of the known one when its time is not
older; an older one is history and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class Known:
    """What is known of one vehicle: values by attribute, the newest time, and the times that are older."""

    values: dict[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None
    times: dict[str, str] = field(default_factory=dict)

    def time_of(self, name: str) -> datetime | None:
        if name in self.times:
            return datetime.fromisoformat(self.times[name])
        return self.recorded_at if name in self.values else None


def as_text(at: datetime) -> str:
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat()[: -len("+00:00")] + "Z"


def advance(known: Known, values: Mapping[str, Any], at: datetime) -> dict[str, tuple[Any, Any]]:
    """Move ``known`` to ``values`` as of ``at``; answers ``{attribute: (before, after)}`` of what changed.

    A value None clears. An attribute's time moves even where its value stays, so that what comes late
    is told from what is new; what says nothing but its time moves that.
    """
    if known.recorded_at is None or at > known.recorded_at:
        return _advance_all(known, values, at)
    fresh = {name: value for name, value in values.items() if _is_fresh(known, name, at)}
    if not fresh:
        return {}
    changed = {
        name: (known.values.get(name), value)
        for name, value in fresh.items()
        if known.values.get(name) != value
    }
    _move_times(known, fresh, at)
    known.values.update(fresh)
    # A cleared attribute has no value to stand beside, so its time is always written down.
    known.times.update({name: as_text(at) for name, value in fresh.items() if value is None})
    return changed


def _advance_all(known: Known, values: Mapping[str, Any], at: datetime) -> dict[str, tuple[Any, Any]]:
    """The usual case, and a quick one: what is newer than all that is known is fresh throughout."""
    held, times = known.values, known.times
    get = held.get
    changed = {name: (old, value) for name, value in values.items() if (old := get(name)) != value}
    if known.recorded_at is not None and (others := held.keys() - values.keys() - times.keys()):
        times.update(dict.fromkeys(others, as_text(known.recorded_at)))
    if times:
        for name in values.keys() & times.keys():
            del times[name]
    known.recorded_at = at
    held.update(values)
    if None in values.values():
        times.update({name: as_text(at) for name, value in values.items() if value is None})
    return changed


def _is_fresh(known: Known, name: str, at: datetime) -> bool:
    held_since = known.time_of(name)
    return held_since is None or at >= held_since


def _move_times(known: Known, fresh: Mapping[str, Any], at: datetime) -> None:
    if known.recorded_at is not None and at < known.recorded_at:
        known.times.update(dict.fromkeys(fresh, as_text(at)))
    else:
        for name in fresh:
            known.times.pop(name, None)
