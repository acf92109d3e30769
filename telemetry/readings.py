"""Readings as they come, checked: quickly where all is well, and at leisure where a fault is to be named.

No database: what an attribute of its own is (number, text, …) is the pipeline's matter.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _

from vehicle_management.attributes import STATUS_ATTRIBUTES, STATUSES, Attribute
from vehicle_management.registry import MOST_ATTRIBUTES, check_known, check_other

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
AHEAD_MS = 5 * 60 * 1_000
OLDEST_DAYS = 400
OLDEST_MS = OLDEST_DAYS * 86_400_000
MOST_READINGS = 1_000
TIMES = ("timestamp", "recorded_at")
NAMES = frozenset(("vehicle_id", "fleet_id", *TIMES))
WELL_KNOWN = NAMES | STATUS_ATTRIBUTES.keys()

Faults = dict[str, list[str]]


class BadReadings(ValueError):
    """Readings that cannot be taken; ``errors`` names each reading and field (``readings[3].speed_kmh``)."""

    def __init__(self, errors: Faults) -> None:
        super().__init__(next(iter(errors.values()))[0])
        self.errors = errors


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One reading of ``vehicle_id`` at ``at`` (in UTC, of whole milliseconds; None: when it was received).

    ``values`` holds attributes by name, as they came; None clears.
    """

    vehicle_id: str
    at: datetime | None
    values: dict[str, Any]
    fleet_id: str | None = None


def _number(attribute: Attribute) -> Any:
    return Annotated[float, msgspec.Meta(ge=attribute.least, le=attribute.most)] | None


_Checked: Any = msgspec.defstruct(
    "_Checked",
    [
        ("vehicle_id", Annotated[str, msgspec.Meta(min_length=1, max_length=64)]),
        ("fleet_id", str | None, None),
        *((name, Annotated[datetime, msgspec.Meta(tz=True)] | None, None) for name in TIMES),
        *((name, _number(one), None) for name, one in STATUS_ATTRIBUTES.items() if one.kind == "number"),
        ("status", str | None, None),
    ],
    gc=False,
)
# A reading that says what is well-known and nothing else, as most do.
Known: Any = msgspec.defstruct(
    "Known",
    [("g_force_long", float | None, None)],
    bases=(_Checked,),
    kw_only=True,
    forbid_unknown_fields=True,
    gc=False,
)
_KNOWN_STATUSES = frozenset((*STATUSES, None))


def to_ms(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


def whole_ms(at: datetime) -> datetime:
    """In UTC, without what is less than a millisecond. Raises OverflowError."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    micros = at.microsecond
    return at.replace(microsecond=micros - micros % 1_000) if micros % 1_000 else at


def from_ms(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)


def read_readings(items: Sequence[Any], *, now_ms: int, path: str = "readings[{}]") -> list[Reading]:
    """All of ``items`` checked, or BadReadings with every fault; ``path`` names an item by its place."""
    try:
        return [_read_quickly(item, now_ms) for item in items]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _read_slowly(items, now_ms, path)


def read_known(told: Sequence[Any], *, now_ms: int) -> list[Reading] | None:
    """``Known`` readings without their values, for whoever hands them on; None where a fault is to be named."""
    oldest, latest = from_ms(now_ms - OLDEST_MS), from_ms(now_ms + AHEAD_MS)
    readings = []
    for one in told:
        at, id_ = one.timestamp or one.recorded_at, one.vehicle_id
        is_good = at is None or oldest <= at <= latest
        if not is_good or one.status not in _KNOWN_STATUSES or "/" in id_ or not id_.isprintable():
            return None
        readings.append(Reading(id_, at, {}, one.fleet_id))
    return readings


def _read_quickly(item: Any, now_ms: int) -> Reading:
    """Raises ValueError where anything needs a closer look."""
    checked = msgspec.convert(item, _Checked)
    at = checked.timestamp or checked.recorded_at
    if at is not None:
        at = whole_ms(at)
        if not now_ms - OLDEST_MS <= (at - EPOCH) // MILLISECOND <= now_ms + AHEAD_MS:
            raise ValueError
    id_ = checked.vehicle_id
    if checked.status not in _KNOWN_STATUSES or "/" in id_ or not id_.isprintable():
        raise ValueError
    values = {name: value for name, value in item.items() if name not in NAMES}
    for name in values.keys() - WELL_KNOWN:
        check_other(name, values[name])
    if len(values) > MOST_ATTRIBUTES:
        raise ValueError
    return Reading(id_, at, values, checked.fleet_id)


def _read_slowly(items: Sequence[Any], now_ms: int, path: str) -> list[Reading]:
    errors: Faults = {}
    readings = []
    for index, item in enumerate(items):
        faults: Faults = {}
        readings.append(_read_one(item, now_ms, faults))
        place = path.format(index)
        for name, messages in faults.items():
            errors[".".join(part for part in (place, name) if part) or "body"] = messages
    if errors:
        raise BadReadings(errors)
    return readings


def _read_one(item: Any, now_ms: int, faults: Faults) -> Reading:
    if not isinstance(item, Mapping):
        faults[""] = [_("A reading is a JSON object with a vehicle_id and attributes.")]
        return Reading("", None, {})
    vehicle_id = _checked_id(item, "vehicle_id", faults, is_needed=True)
    fleet_id = _checked_id(item, "fleet_id", faults, is_needed=False)
    at = _checked_time(item, now_ms, faults)
    values = {}
    told = {name: value for name, value in item.items() if name not in NAMES}
    if len(told) > MOST_ATTRIBUTES:
        faults[""] = [_("There are %(n)d attributes; up to 200 are taken.") % {"n": len(told)}]
        told = {}
    for name, value in told.items():
        try:
            known = STATUS_ATTRIBUTES.get(name)
            values[name] = check_known(known, value) if known else check_other(name, value)
        except ValueError as error:
            faults[name[:100]] = [str(error)]
    return Reading(vehicle_id or "", at, values, fleet_id)


def _checked_id(item: Mapping[str, Any], name: str, faults: Faults, *, is_needed: bool) -> str | None:
    value = item.get(name)
    if value is None and not is_needed:
        return None
    if isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable() and "/" not in value:
        return value
    if value is None:
        faults[name] = [_("A reading names its vehicle: vehicle_id is a text such as “fleet-001-VH-001”.")]
    else:
        told = _("“%(value)s” is not an id: 1 to 64 characters without “/” and control characters are.")
        faults[name] = [told % {"value": str(value)[:64]}]
    return None


def _checked_time(item: Mapping[str, Any], now_ms: int, faults: Faults) -> datetime | None:
    name = next((name for name in TIMES if item.get(name) is not None), None)
    if name is None:
        return None
    value = item[name]
    shown = {"value": str(value)[:64]}
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        at = whole_ms(at)
    except (TypeError, ValueError, OverflowError):
        told = _("“%(value)s” is not a time with an offset, such as 2026-01-31T14:05:00Z.")
        faults[name] = [told % shown]
        return None
    if to_ms(at) > now_ms + AHEAD_MS:
        faults[name] = [_("“%(value)s” lies more than 5 minutes ahead.") % shown]
    elif to_ms(at) < now_ms - OLDEST_MS:
        faults[name] = [_("“%(value)s” lies more than 400 days back.") % shown]
    return at
