"""Land, borders and names of the world for maps without internet, from the TopoJSON of the package world-atlas.

TopoJSON keeps each line once, as an arc: its first point and then differences, in steps of ``transform``.
A ring is a list of arcs, ``~n`` is arc n backwards; a border is an arc that two countries share.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any

# Two decimals are 1.1 km; the source is drawn at 1:50 million, 50 km per mm.
DECIMALS = 2
Point = tuple[float, float]
Line = list[Point]


def world_of(topology: Mapping[str, Any]) -> dict[str, Any]:
    """GeoJSON whose features' ``kind`` is ``land``, ``border`` or ``country`` (a point with its ``name``).

    ``size`` of a country is the area of its largest part in square degrees: the larger is named first.
    """
    arcs = [_line(arc, topology["transform"]) for arc in topology["arcs"]]
    countries = topology["objects"]["countries"]["geometries"]
    land = [polygon for one in topology["objects"]["land"]["geometries"] for polygon in _polygons(one)]
    shapes = [[_ring(ring, arcs) for ring in polygon] for polygon in land]
    borders = [arcs[index] for index in sorted(_shared(countries))]
    return {
        "type": "FeatureCollection",
        "features": [
            _feature("MultiPolygon", shapes, kind="land"),
            _feature("MultiLineString", borders, kind="border"),
            *(_named(country, arcs) for country in countries),
        ],
    }


def _line(arc: Sequence[Sequence[int]], transform: Mapping[str, Sequence[float]]) -> Line:
    columns = [list(accumulate(step[axis] for step in arc)) for axis in (0, 1)]
    told = [
        [round(place * scale + origin, DECIMALS) for place in column]
        for column, scale, origin in zip(columns, transform["scale"], transform["translate"], strict=True)
    ]
    return [point for point, _run in groupby(zip(*told, strict=True))]


def _ring(indices: Iterable[int], arcs: Sequence[Line]) -> Line:
    """Each arc begins where the one before it ended: that point stands once."""
    ring: Line = []
    for index in indices:
        line = arcs[index] if index >= 0 else arcs[~index][::-1]
        ring += line[1:] if ring else line
    return ring


def _polygons(geometry: Mapping[str, Any]) -> list[list[list[int]]]:
    return geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]


def _shared(countries: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    used: Counter[int] = Counter()
    for country in countries:
        rings = (ring for polygon in _polygons(country) for ring in polygon)
        used.update({index if index >= 0 else ~index for ring in rings for index in ring})
    return (index for index, times in used.items() if times > 1)


def _named(country: Mapping[str, Any], arcs: Sequence[Line]) -> dict[str, Any]:
    """At the centroid of its largest part, by the shoelace formula."""
    parts = [_ring(polygon[0], arcs) for polygon in _polygons(country)]
    area, ring = max((abs(_area(part)), part) for part in parts)
    name = country["properties"]["name"]
    return _feature("Point", _centroid(ring), kind="country", name=name, size=round(area, 1))


def _area(ring: Line) -> float:
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(ring)) / 2


def _centroid(ring: Line) -> Point:
    if not (area := _area(ring)):
        return ring[0]
    east = north = 0.0
    for (x, y), (next_x, next_y) in pairwise(ring):
        cross = x * next_y - next_x * y
        east += (x + next_x) * cross
        north += (y + next_y) * cross
    return round(east / (6 * area), DECIMALS), round(north / (6 * area), DECIMALS)


def _feature(kind_of_shape: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind_of_shape, "coordinates": coordinates},
    }
