"""Conditions over time and place, read from JSON: lasts, often, silent, inside, outside, hours and due."""

from collections.abc import Callable
from datetime import time
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from rules.calendars import ALL_WEEK, WEEKDAYS, Hours
from rules.kinds import cut, quoted, read_value
from rules.nodes import At, Change, Due, During, Lasts, Node, Often, Silent, Unfit, walk
from rules.places import Place

if TYPE_CHECKING:
    from rules.patterns import Reader

LONGEST_S = 366 * 86_400
MOST_TIMES = 100
LARGEST_RADIUS_M = 1_000_000
MOST_POINTS = 200
MOST_KM = 10_000_000
MOST_MONTHS = 1_200
_UNFIT = Unfit("a condition that does not fit")
ReadNode = Callable[["Reader", dict[str, Any], str, int], Node]


def _read_lasts(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    known = ("lasts", "seconds")
    if reader.strange(node, known, path, "how long a condition lasts is said by lasts and seconds"):
        return _UNFIT
    inner = reader.read(node["lasts"], f"{path}.lasts", depth + 1)
    seconds = reader.number(node, "seconds", path, least=1, most=LONGEST_S)
    if any(isinstance(one, Change) for one in walk(inner)):
        return reader.wrong(
            f"{path}.lasts", "A change is over in a moment, so it cannot last; ask for a state."
        )
    if any(isinstance(one, Silent | Due) for one in walk(inner)):
        return reader.wrong(
            f"{path}.lasts", "Silence and maintenance have times of their own; leave out lasts."
        )
    return _UNFIT if seconds is None else Lasts(inner, seconds)


def _read_often(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    known = ("often", "times", "seconds")
    if reader.strange(node, known, path, "how often is said by often, times and seconds"):
        return _UNFIT
    inner = reader.read(node["often"], f"{path}.often", depth + 1)
    times = reader.number(node, "times", path, least=1, most=MOST_TIMES)
    seconds = reader.number(node, "seconds", path, least=1, most=LONGEST_S)
    if times is not None and times != int(times):
        return reader.wrong(f"{path}.times", f"{quoted(times)} is no whole number of times.")
    if any(isinstance(one, Due) for one in walk(inner)):
        return reader.wrong(f"{path}.often", "Maintenance is not counted; leave out often.")
    return _UNFIT if times is None or seconds is None else Often(inner, int(times), seconds)


def _read_silent(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    if reader.strange(node, ("silent",), path, "silent stands alone with its seconds"):
        return _UNFIT
    seconds = reader.number(node, "silent", path, least=1, most=LONGEST_S)
    return _UNFIT if seconds is None else Silent(seconds)


def _read_at(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    name = "inside" if "inside" in node else "outside"
    if reader.strange(node, (name,), path, f"{name} stands alone with its place"):
        return _UNFIT
    place = _read_place(reader, node[name], f"{path}.{name}")
    if place is None:
        return _UNFIT
    latitude, longitude = reader.table.get("latitude"), reader.table.get("longitude")
    if latitude is None or longitude is None:
        return reader.wrong(path, "Vehicles have no latitude and longitude here.")
    return At(place, name == "inside", latitude, longitude)


def _read_place(reader: "Reader", place: Any, path: str) -> Place | None:
    if not isinstance(place, dict) or ("circle" in place) is ("polygon" in place):
        reader.wrong(
            path, "A place is {“circle”: {latitude, longitude, radius_m}} or {“polygon”: [[lat, lon], …]}."
        )
        return None
    if reader.strange(
        place, ("circle", "polygon", "name"), path, "a place is a circle or a polygon, and a name"
    ):
        return None
    name = place.get("name") or ""
    if not isinstance(name, str) or len(name) > 100 or (name and read_value(name, "text") is None):
        reader.wrong(f"{path}.name", "A place's name is a text of at most 100 characters.")
        return None
    if "circle" in place:
        return _read_circle(reader, place["circle"], name, f"{path}.circle")
    return _read_polygon(reader, place["polygon"], name, f"{path}.polygon")


def _read_circle(reader: "Reader", circle: Any, name: str, path: str) -> Place | None:
    if not isinstance(circle, dict):
        reader.wrong(
            path, f"{quoted(circle)} is no circle; an object of latitude, longitude and radius_m is."
        )
        return None
    known = ("latitude", "longitude", "radius_m")
    if reader.strange(circle, known, path, "a circle has latitude, longitude and radius_m"):
        return None
    latitude = reader.number(circle, "latitude", path, least=-90, most=90)
    longitude = reader.number(circle, "longitude", path, least=-180, most=180)
    radius = reader.number(circle, "radius_m", path, least=1, most=LARGEST_RADIUS_M)
    if latitude is None or longitude is None or radius is None:
        return None
    return Place(((latitude, longitude),), radius, name)


def _read_polygon(reader: "Reader", points: Any, name: str, path: str) -> Place | None:
    if not isinstance(points, list) or not 3 <= len(points) <= MOST_POINTS:
        reader.wrong(path, f"A polygon has 3 to {MOST_POINTS} points [latitude, longitude].")
        return None
    for index, point in enumerate(points):
        if not _is_point(point):
            told = f"{quoted(point)} is no point; [latitude, longitude] in degrees is, such as [52.5, 13.4]."
            reader.wrong(f"{path}[{index}]", told)
            return None
    if max(point[1] for point in points) - min(point[1] for point in points) > 180:
        reader.wrong(
            path, "A polygon spans at most 180° of longitude; make two of one that crosses the date line."
        )
        return None
    if len({tuple(point) for point in points}) < 3:
        reader.wrong(path, "A polygon has at least 3 different points.")
        return None
    return Place(tuple((float(latitude), float(longitude)) for latitude, longitude in points), None, name)


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) != 2 or any(type(one) not in (int, float) for one in point):
        return False
    return -90 <= point[0] <= 90 and -180 <= point[1] <= 180


def _read_hours(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    if reader.strange(node, ("hours",), path, "hours stand alone in their node"):
        return _UNFIT
    hours, path = node["hours"], f"{path}.hours"
    if not isinstance(hours, dict):
        return reader.wrong(path, "Hours are an object such as {“from”: “22:00”, “to”: “06:00”}.")
    known = ("from", "to", "weekdays", "time_zone")
    if reader.strange(hours, known, path, "hours have from, to, weekdays and time_zone"):
        return _UNFIT
    begins, ends = (_read_clock(reader, hours.get(name), f"{path}.{name}") for name in ("from", "to"))
    weekdays = _read_weekdays(reader, hours.get("weekdays"), f"{path}.weekdays")
    zone = hours.get("time_zone") or "UTC"
    if not isinstance(zone, str) or zone not in _zones():
        return reader.wrong(f"{path}.time_zone", f"{quoted(zone)} is no time zone; Europe/Berlin is one.")
    if begins is None or ends is None or weekdays is None:
        return _UNFIT
    return During(Hours(begins, ends, weekdays, zone))


@cache
def _zones() -> set[str]:
    return available_timezones()


def _read_clock(reader: "Reader", value: Any, path: str) -> time | None:
    """``HH:MM``; 24:00 is the midnight at the end of the day."""
    try:
        if isinstance(value, str) and len(value) == 5:
            return time.min if value == "24:00" else time.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        pass
    reader.wrong(path, f"{quoted(value)} is no time of day; one such as 22:00 is.")
    return None


def _read_weekdays(reader: "Reader", value: Any, path: str) -> frozenset[int] | None:
    if value is None:
        return ALL_WEEK
    if isinstance(value, list) and value and all(isinstance(day, str) and day in WEEKDAYS for day in value):
        return frozenset(map(WEEKDAYS.index, value))
    reader.wrong(path, f"Weekdays are a list of {', '.join(WEEKDAYS)}; {cut(value)} is none.")
    return None


def _read_due(reader: "Reader", node: dict[str, Any], path: str, depth: int) -> Node:
    if reader.strange(node, ("due",), path, "due stands alone in its node"):
        return _UNFIT
    due, path = node["due"], f"{path}.due"
    if not isinstance(due, dict) or not {"every_km", "every_months"} & due.keys():
        return reader.wrong(path, "Maintenance is due {“every_km”: 10000}, {“every_months”: 12}, or both.")
    known = ("every_km", "ahead_km", "every_months", "ahead_days")
    if reader.strange(due, known, path, f"maintenance has {', '.join(known)}"):
        return _UNFIT
    given = {name: _read_optional(reader, due, name, path) for name in known}
    if any(given[name] is None for name in known if due.get(name) is not None):
        return _UNFIT
    if (given["ahead_km"] or 0) >= (given["every_km"] or MOST_KM) or (given["ahead_days"] or 0) >= 28 * (
        given["every_months"] or MOST_MONTHS
    ):
        return reader.wrong(path, "It is told less ahead than it is done: ahead_km is less than every_km.")
    odometer = reader.table.get("odometer_km")
    if odometer is None:
        return reader.wrong(path, "Vehicles have no odometer_km here.")
    months = given["every_months"]
    return Due(
        odometer,
        given["every_km"],
        given["ahead_km"] or 0,
        int(months) if months else None,
        given["ahead_days"] or 0,
    )


_BOUNDS = {
    "every_km": (1, MOST_KM),
    "ahead_km": (0, MOST_KM),
    "every_months": (1, MOST_MONTHS),
    "ahead_days": (0, 3_650),
}


def _read_optional(reader: "Reader", due: dict[str, Any], name: str, path: str) -> float | None:
    if due.get(name) is None:
        return None
    least, most = _BOUNDS[name]
    value = reader.number(due, name, path, least=least, most=most)
    if value is not None and name == "every_months" and value != int(value):
        reader.wrong(f"{path}.{name}", f"{quoted(value)} is no whole number of months.")
        return None
    return value


CONDITIONS: dict[str, ReadNode] = {
    "lasts": _read_lasts,
    "often": _read_often,
    "silent": _read_silent,
    "inside": _read_at,
    "outside": _read_at,
    "hours": _read_hours,
    "due": _read_due,
}
