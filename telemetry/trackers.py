"""What phones and trackers send over HTTP, as readings: the OsmAnd protocol and the Traccar Client's JSON.

Both are as Traccar takes them (traccar.org/osmand): there a speed is in knots or m/s, an odometer in
metres, a battery level from 0 to 1. Here they become km/h, km and %. Whether a value is possible
(a latitude of 91°) is checked with all other readings.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from vehicle_management.registry import is_number

KNOT_KMH = 1.852
METRE_PER_SECOND_KMH = 3.6
# Traccar takes a smaller timestamp for seconds, a larger one for milliseconds.
SECONDS_BELOW = 2**31 - 1
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
TRUE, FALSE = ("true", "1"), ("false", "0", "")
# The API key and the address for push messages are nobody's attribute.
SECRETS = frozenset(("key", "notificationToken"))
IDS = ("id", "deviceid", "device_id")


class BadTracker(ValueError):
    """A parameter that cannot be read; ``field`` names it as it was sent, the message is a sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


# ---------------------------------------------------------------- OsmAnd


def reading_of_osmand(params: Mapping[str, str], *, vehicle_id: str | None = None) -> dict[str, Any]:
    """One reading of ``?id=&lat=&lon=&timestamp=&speed=&bearing=&altitude=&hdop=&batt=…``.

    ``vehicle_id`` is whose reading it is where no id is sent. What has no name of ours stays an
    attribute; a parameter that is empty says nothing. Raises BadTracker.
    """
    told = {name: value.strip() for name, value in params.items() if name not in SECRETS and value.strip()}
    reading: dict[str, Any] = {"vehicle_id": _id_of(told, vehicle_id)}
    if "timestamp" in told:
        reading["timestamp"] = _time_of(told.pop("timestamp"))
    reading |= _place_of(told)
    for name, value in told.items():
        reading |= _attribute_of(name, value)
    return reading


def _id_of(told: dict[str, Any], otherwise: str | None) -> str:
    found = [told.pop(name) for name in IDS if name in told]
    if found:
        return str(found[0])
    if otherwise is None:
        message = _("No id is given; send the vehicle's, such as id=fleet-001-VH-001.")
        raise BadTracker("id", message)
    return otherwise


def _time_of(text: str) -> str:
    """Seconds or milliseconds since 1970, ISO 8601, or “2026-01-31 14:05:00”; what has no offset is UTC."""
    try:
        if NUMBER.fullmatch(text):
            number = float(text)
            at = datetime.fromtimestamp(number if number < SECONDS_BELOW else number / 1000, UTC)
        else:
            at = datetime.fromisoformat(text)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        told = _("“%(value)s” is no time; send seconds or milliseconds since 1970, or 2026-01-31T14:05:00Z.")
        raise BadTracker("timestamp", told % {"value": text[:64]}) from None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _place_of(told: dict[str, str]) -> dict[str, float]:
    """Latitude and longitude; none where the tracker says itself that they are not valid."""
    place = _place_in_one(told.pop("location")) if "location" in told else {}
    both = {"latitude": "lat", "longitude": "lon"}
    place |= {ours: _number(theirs, told.pop(theirs)) for ours, theirs in both.items() if theirs in told}
    missing = [theirs for ours, theirs in both.items() if ours not in place]
    if len(missing) == 1:
        raise BadTracker(missing[0], _("lat and lon come together; one of them is missing."))
    return {} if told.get("valid", "true").lower() in FALSE else place


def _place_in_one(text: str) -> dict[str, float]:
    parts = text.split(",")
    if len(parts) != 2:
        told = _("“%(value)s” is no position; send latitude and longitude, such as 53.55,9.99.")
        raise BadTracker("location", told % {"value": text[:64]})
    return dict(zip(("latitude", "longitude"), (_number("location", part) for part in parts), strict=True))


def _attribute_of(name: str, value: str) -> dict[str, Any]:
    if name in NUMBERS:
        ours, factor = NUMBERS[name]
        number = _number(name, value)
        # Android says 0.0 where it knows no bearing, iOS and some trackers -1.
        return {} if ours in NEVER_NEGATIVE and number < 0 else {ours: round(number * factor, 6)}
    if name in BOOLEANS:
        return {name: _boolean(name, value)}
    return {TEXTS.get(name, name): _plain(value)}


NUMBERS = {
    "speed": ("speed_kmh", KNOT_KMH),
    # Not Traccar's: for apps whose speed is in m/s, as OsmAnd's own is.
    "speed_ms": ("speed_kmh", METRE_PER_SECOND_KMH),
    "bearing": ("heading_deg", 1),
    "heading": ("heading_deg", 1),
    "altitude": ("altitude_m", 1),
    "accuracy": ("accuracy_m", 1),
    "hdop": ("hdop", 1),
    "batt": ("battery_pct", 1),
    "odometer": ("odometer_km", 0.001),
}
NEVER_NEGATIVE = frozenset(("speed_kmh", "heading_deg", "battery_pct", "accuracy_m"))
BOOLEANS = frozenset(("valid", "charge", "mock", "ignition", "motion"))
TEXTS = {"driverUniqueId": "driver_id"}


def _number(name: str, text: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadTracker(name, _("“%(value)s” is not a number.") % {"value": text[:64]})
    return value


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise BadTracker(name, _("“%(value)s” is neither true nor false.") % {"value": text[:64]})
    return text.lower() in TRUE


def _plain(text: str) -> bool | int | float | str:
    """As Traccar reads what it has no name for; codes with leading zeros stay texts."""
    if text in ("true", "false"):
        return text == "true"
    if not NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


# ---------------------------------------------------------------- Traccar Client


def readings_of_traccar_json(body: Any, *, vehicle_id: str | None = None) -> list[dict[str, Any]]:
    """The readings of ``{"location": {…} or [{…}, …], "device_id": …}``. Raises BadTracker."""
    if not isinstance(body, Mapping):
        told = _("Send an object with location and device_id, as the Traccar Client does.")
        raise BadTracker("body", told)
    id_ = _id_of({name: body[name] for name in IDS if body.get(name)}, vehicle_id)
    locations = body.get("location")
    if isinstance(locations, Sequence) and not isinstance(locations, str):
        return [_reading_of(one, id_, f"location[{place}]") for place, one in enumerate(locations)]
    return [_reading_of(locations, id_, "location")]


def _reading_of(location: Any, vehicle_id: str, path: str) -> dict[str, Any]:
    location = _object(location, path, is_needed=True)
    reading: dict[str, Any] = {"vehicle_id": vehicle_id}
    if location.get("timestamp") is not None:
        reading["timestamp"] = _json_time(location["timestamp"], f"{path}.timestamp")
    reading |= _coords_of(_object(location.get("coords"), f"{path}.coords"), f"{path}.coords")
    reading |= _battery_of(_object(location.get("battery"), f"{path}.battery"), f"{path}.battery")
    odometer = _json_number(location, "odometer", path)
    if odometer is not None:
        # What the phone counted since the app was installed: not what the vehicle's odometer shows.
        reading["device_odometer_km"] = round(odometer / 1000, 6)
    reading |= {
        ours: location[theirs] for theirs, ours in LOCATION_NAMES.items() if _is_plain(location.get(theirs))
    }
    activity = _object(location.get("activity"), f"{path}.activity").get("type")
    if isinstance(activity, str):
        reading["activity"] = activity
    extras = _object(location.get("extras"), f"{path}.extras")
    others = {name: value for name, value in extras.items() if name not in SECRETS and _is_plain(value)}
    return {**others, **reading}


LOCATION_NAMES = {"event": "event", "is_moving": "motion", "mock": "mock", "alarm": "alarm"}
COORDS = {
    "latitude": ("latitude", 1),
    "longitude": ("longitude", 1),
    "speed": ("speed_kmh", METRE_PER_SECOND_KMH),
    "heading": ("heading_deg", 1),
    "accuracy": ("accuracy_m", 1),
    "altitude": ("altitude_m", 1),
}


def _coords_of(coords: Mapping[str, Any], path: str) -> dict[str, float]:
    """A negative speed, heading or accuracy says that the phone does not know it."""
    reading = {}
    for theirs, (ours, factor) in COORDS.items():
        value = _json_number(coords, theirs, path)
        if value is not None and not (ours in NEVER_NEGATIVE and value < 0):
            reading[ours] = round(value * factor, 7)
    missing = [name for name in ("latitude", "longitude") if coords and name not in reading]
    if missing:
        told = _("Coordinates have a latitude and a longitude; this one is missing.")
        raise BadTracker(f"{path}.{missing[0]}", told)
    return reading


def _battery_of(battery: Mapping[str, Any], path: str) -> dict[str, Any]:
    level = _json_number(battery, "level", path)
    reading: dict[str, Any] = {}
    if level is not None and level >= 0:
        reading["battery_pct"] = round(level * 100, 3)
    if isinstance(battery.get("is_charging"), bool):
        reading["charge"] = battery["is_charging"]
    return reading


def _object(value: Any, path: str, *, is_needed: bool = False) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value is None and not is_needed:
        return {}
    told = _("“%(value)s” is not a JSON object.") % {"value": str(value)[:64]}
    raise BadTracker(path, told if value is not None else _("The location is missing."))


def _json_time(value: Any, path: str) -> str:
    try:
        return _time_of(str(value))
    except BadTracker as error:
        raise BadTracker(path, error.message) from None


def _json_number(values: Mapping[str, Any], name: str, path: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if not is_number(value):
        told = _("“%(value)s” is not a number.")
        raise BadTracker(f"{path}.{name}", told % {"value": str(value)[:64]})
    return float(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, bool, int, float))
