"""What the front end gets beside its packages' own files: the world of the maps."""

import json

import pytest

from fleet_manager.assets import SPRITE, VENDOR, WORLD
from fleet_manager.world_map import world_of

# Two squares side by side, one step a degree; the middle line (arc 0) is the border of both.
SQUARES = {
    "transform": {"scale": [1, 1], "translate": [0, 0]},
    "arcs": [[[1, 0], [0, 1]], [[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [1, 0], [0, 1], [-1, 0]]],
    "objects": {
        "land": {"geometries": [{"type": "MultiPolygon", "arcs": [[[1, 2]]]}]},
        "countries": {
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "West"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"name": "East"}},
            ]
        },
    },
}


def test_land_borders_and_names_come_from_the_topology():
    land, border, west, east = world_of(SQUARES)["features"]
    assert land["geometry"]["coordinates"] == [[[(1, 1), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (1, 1)]]]
    assert border["geometry"]["coordinates"] == [[(1, 0), (1, 1)]]
    assert west["properties"] == {"kind": "country", "name": "West", "size": 1}
    assert west["geometry"]["coordinates"] == (0.5, 0.5)
    assert east["geometry"]["coordinates"] == (1.5, 0.5)


@pytest.mark.skipif(not WORLD.exists(), reason="the front end's packages are not installed")
def test_the_world_that_ships_knows_where_colombia_is():
    assert SPRITE.exists()
    features = json.loads((VENDOR / "world.json").read_text())["features"]
    assert [one["properties"]["kind"] for one in features[:2]] == ["land", "border"]
    (east, north), *_others = [
        one["geometry"]["coordinates"] for one in features if one["properties"].get("name") == "Colombia"
    ]
    assert -76 < east < -71
    assert 2 < north < 6
