"""Places on the map: circles and polygons, in degrees of WGS 84."""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

EARTH_M = 6_371_008.8
M_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds in degrees that hold a place."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


@dataclass(frozen=True, slots=True)
class Place:
    """A circle (``radius_m`` around the one point) or the polygon of ``points`` (latitude, longitude)."""

    points: tuple[tuple[float, float], ...]
    radius_m: float | None = None
    name: str = ""

    def holds(self, latitude: float, longitude: float) -> bool:
        """The rim of a circle belongs to it; so does, of a polygon, the south-western one."""
        if self.radius_m is not None:
            return distance_m(*self.points[0], latitude, longitude) <= self.radius_m
        return _is_within(self.points, latitude, longitude)

    def box(self) -> Box:
        """Generous for circles; all around the earth where one holds a pole or reaches across 180°."""
        latitudes = [point[0] for point in self.points]
        longitudes = [point[1] for point in self.points]
        if self.radius_m is None:
            return Box(min(latitudes), min(longitudes), max(latitudes), max(longitudes))
        latitude, longitude = self.points[0]
        high = self.radius_m / M_PER_DEGREE * 1.01 + 1e-6
        if abs(latitude) + high >= 89:
            return Box(latitude - high, -180, latitude + high, 180)
        wide = high / cos(radians(abs(latitude) + high)) * 1.01
        if abs(longitude) + wide > 180:
            return Box(latitude - high, -180, latitude + high, 180)
        return Box(latitude - high, longitude - wide, latitude + high, longitude + wide)


def distance_m(from_latitude: float, from_longitude: float, latitude: float, longitude: float) -> float:
    """Along the great circle, by the haversine formula on a sphere of 6,371.0088 km."""
    first, second = radians(from_latitude), radians(latitude)
    across = sin(radians(longitude - from_longitude) / 2) ** 2 * cos(first) * cos(second)
    return 2 * EARTH_M * asin(min(1.0, sqrt(sin((second - first) / 2) ** 2 + across)))


def _is_within(points: tuple[tuple[float, float], ...], latitude: float, longitude: float) -> bool:
    """How often a line to the west crosses the rim: an odd number of times from within."""
    within = False
    before_latitude, before_longitude = points[-1]
    for next_latitude, next_longitude in points:
        if (next_latitude > latitude) is not (before_latitude > latitude):
            share = (latitude - before_latitude) / (next_latitude - before_latitude)
            if longitude < before_longitude + share * (next_longitude - before_longitude):
                within = not within
        before_latitude, before_longitude = next_latitude, next_longitude
    return within
