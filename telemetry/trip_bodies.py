"""A posted trip's body: checked quickly where all is well, and at leisure where a fault is to be named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from api_pattern.exceptions import Unprocessable
from api_pattern.problems import sentence
from api_pattern.times import AHEAD, check_not_ahead, parse_time
from telemetry.readings import TIMES, Faults
from telemetry.samples import Sample
from vehicle_management.attributes import STATUS_ATTRIBUTES, STATUSES, Attribute
from vehicle_management.registry import MOST_ATTRIBUTES, check_known, check_other

FIELDS = ("vehicle_id", "fleet_id", "driver_id", "data")
MOST_SAMPLES = 100_000
LONGEST_ID = 64
# A body may have a hundred thousand faults; nobody reads them all.
MOST_FAULTS = 100
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
G_FORCE = Attribute("g_force_long", "number", gettext_lazy("longitudinal acceleration"), "g", -100, 100)
ATTRIBUTES = {**STATUS_ATTRIBUTES, G_FORCE.name: G_FORCE}
# What names a sample, and is none of its values.
NAMES = frozenset(("vehicle_id", "fleet_id", *TIMES))
KNOWN = NAMES | ATTRIBUTES.keys()
IGNITION = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class TripBody:
    """``items`` are the samples as they came, ``samples`` what is looked at of each."""

    vehicle_id: str
    fleet_id: str | None
    driver_id: str
    items: list[dict[str, Any]]
    samples: list[Sample]


def _number(attribute: Attribute) -> Any:
    return Annotated[float, msgspec.Meta(ge=attribute.least, le=attribute.most)] | None


_Checked: Any = msgspec.defstruct(
    "_Checked",
    [
        *((name, Annotated[datetime, msgspec.Meta(tz=True)] | None, None) for name in TIMES),
        *((name, _number(one), None) for name, one in ATTRIBUTES.items() if one.kind == "number"),
        ("status", str | None, None),
        ("vehicle_id", str | None, None),
    ],
    gc=False,
)


def read_trip(body: Mapping[str, Any], *, now: datetime) -> TripBody:
    """The body checked. Raises Unprocessable, which names faults by path (``data[3].speed_kmh``)."""
    faults: Faults = {}
    for name in body.keys() - set(FIELDS):
        told = _("There is no field “{name}” here; there are: {known}.")
        faults[name[:100]] = [told.format(name=name[:100], known=", ".join(FIELDS))]
    vehicle_id = _read_id(body, "vehicle_id", faults, is_needed=True)
    fleet_id = _read_id(body, "fleet_id", faults, is_needed=False)
    driver_id = _read_id(body, "driver_id", faults, is_needed=False)
    items = _read_items(body, faults)
    samples = _read_samples(items, vehicle_id, now, faults)
    if faults:
        raise Unprocessable(sentence(faults), faults)
    return TripBody(vehicle_id or "", fleet_id, driver_id or "", items, samples)


def _read_id(body: Mapping[str, Any], name: str, faults: Faults, *, is_needed: bool) -> str | None:
    value = body.get(name)
    if value in (None, "") and not is_needed:
        return None
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable():
        return value
    if value is None:
        faults[name] = [_("A trip names its vehicle: vehicle_id is a text such as “fleet-001-VH-001”.")]
    else:
        told = _("“%(value)s” is not an id: 1 to 64 characters without control characters are.")
        faults[name] = [told % {"value": str(value)[:LONGEST_ID]}]
    return None


def _read_items(body: Mapping[str, Any], faults: Faults) -> list[dict[str, Any]]:
    items = body.get("data")
    if not isinstance(items, list):
        faults["data"] = [_("A trip has its samples in data, a list of objects.")]
        return []
    if not 1 <= len(items) <= MOST_SAMPLES:
        told = _("There are %(n)s samples; a trip has 1 to 100,000.")
        faults["data"] = [told % {"n": f"{len(items):,}"}]
        return []
    return items


def _read_samples(
    items: list[dict[str, Any]], vehicle_id: str | None, now: datetime, faults: Faults
) -> list[Sample]:
    latest = now + AHEAD
    samples: list[Sample] = []
    for place, item in enumerate(items):
        try:
            samples.append(_read_quickly(item, vehicle_id, latest))
        except (ValueError, TypeError, AttributeError, RecursionError):
            samples.append(_read_slowly(item, vehicle_id, f"data[{place}]", faults))
        if len(faults) >= MOST_FAULTS:
            break
    return samples


def _read_quickly(item: dict[str, Any], vehicle_id: str | None, latest: datetime) -> Sample:
    """Raises ValueError and the like where anything needs a closer look."""
    checked = msgspec.convert(item, _Checked)
    at = checked.timestamp or checked.recorded_at
    if at is not None and not FIRST <= at <= latest:
        raise ValueError
    if checked.vehicle_id not in (None, vehicle_id) or checked.status not in (None, *STATUSES):
        raise ValueError
    if len(item) > MOST_ATTRIBUTES:
        raise ValueError
    for name in item.keys() - KNOWN:
        check_other(name, item[name])
    return Sample(
        None if at is None else at.astimezone(UTC),
        checked.latitude,
        checked.longitude,
        checked.speed_kmh,
        checked.odometer_km,
        checked.g_force_long,
        told_ignition(item.get("ignition")),
    )


def told_ignition(value: object) -> bool | None:
    """What devices say of their ignition: true, "on", 1, … None where it is none of them."""
    return IGNITION.get(str(value).lower()) if value is not None else None


def _read_slowly(item: object, vehicle_id: str | None, place: str, faults: Faults) -> Sample:
    found: Faults = {}
    values: dict[str, Any] = {}
    at = None
    if not isinstance(item, Mapping):
        found[""] = [_("A sample is a JSON object such as {example}.").format(example='{"speed_kmh": 41}')]
    elif len(item) > MOST_ATTRIBUTES:
        found[""] = [_("There are %(n)d attributes; up to 200 are taken.") % {"n": len(item)}]
    else:
        at = _read_time(item, found)
        values = _read_values(item, found)
        if item.get("vehicle_id") not in (None, vehicle_id):
            found["vehicle_id"] = [_("All samples of a trip are of its vehicle; leave this out.")]
    for name, messages in found.items():
        faults[f"{place}.{name}" if name else place] = messages
    fields = {name: values.get(name) for name in Sample._fields if name not in ("at", "ignition")}
    return Sample(at=at, ignition=told_ignition(values.get("ignition")), **fields)


def _read_values(item: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    values = {}
    for name, value in item.items():
        if name in NAMES:
            continue
        try:
            known = ATTRIBUTES.get(name)
            values[name] = check_known(known, value) if known else check_other(name, value)
        except ValueError as error:
            faults[name[:100]] = [str(error)]
        except RecursionError:
            faults[name[:100]] = [_("The value is nested too deeply.")]
    return values


def _read_time(item: Mapping[str, Any], faults: Faults) -> datetime | None:
    name = next((name for name in TIMES if item.get(name) is not None), None)
    if name is None:
        return None
    try:
        at = check_not_ahead(parse_time(item[name]))
    except ValueError as error:
        faults[name] = [str(error)]
        return None
    if at < FIRST:
        faults[name] = [_("“%(value)s” lies before 1970.") % {"value": str(item[name])[:64]}]
    return at
