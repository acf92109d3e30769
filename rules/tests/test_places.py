"""Circles and polygons: their rims, the poles and the date line, held against other arithmetic."""

from math import pi

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.places import EARTH_M, Place, distance_m
from rules.tests.plain_interpreter import metres, winds

DEGREE_M = EARTH_M * pi / 180
latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
SQUARE = ((52.0, 13.0), (52.0, 14.0), (53.0, 14.0), (53.0, 13.0))
# A “U” that is open to the north.
CONCAVE = ((0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 2.0), (1.0, 2.0), (1.0, 1.0), (3.0, 1.0), (3.0, 0.0))


def holds(place, latitude, longitude):
    """As rules ask: the box first, which must not leave out what the place holds."""
    held = place.holds(latitude, longitude)
    assert place.box().holds(latitude, longitude) or not held
    return held


@pytest.mark.parametrize("latitude", [0.0, 52.5, -33.9, 89.99, -90.0])
def test_the_rim_of_a_circle_lies_its_radius_away(latitude):
    place = Place(((latitude, 13.4),), 500)
    north = -1 if latitude > 0 else 1
    assert holds(place, latitude + north * 499.9 / DEGREE_M, 13.4)
    assert not holds(place, latitude + north * 500.1 / DEGREE_M, 13.4)


def test_a_position_exactly_on_the_rim_belongs_to_the_circle():
    radius = distance_m(52.5, 13.4, 52.501, 13.4)
    assert Place(((52.5, 13.4),), radius).holds(52.501, 13.4)


def test_a_circle_reaches_across_the_date_line():
    place = Place(((0.0, 179.999),), 1_000)
    assert holds(place, 0.0, -179.999)
    assert holds(place, 0.0, 180.0)
    assert holds(place, 0.0, -180.0)
    assert not holds(place, 0.0, -179.98)
    assert holds(Place(((60.0, -179.999),), 1_000), 60.0, 179.99)


@pytest.mark.parametrize("side", [1, -1])
def test_a_circle_around_a_pole_holds_every_longitude(side):
    place = Place(((side * 89.995, 10.0),), 2_000)
    assert all(holds(place, side * 89.99, longitude) for longitude in range(-180, 181, 5))
    assert holds(place, side * 90, -170.0)
    assert not holds(place, side * 89.9, -170.0)


@given(latitudes, longitudes, latitudes, longitudes, st.floats(1, 1_000_000))
def test_circles_agree_with_the_angle_between_two_directions(latitude, longitude, to, across, radius):
    far = metres((latitude, longitude), (to, across)) * EARTH_M / 6_371_000
    # Next to the other side of the earth, haversines are not exact; no circle reaches there.
    assume(abs(far - radius) > 0.01 and far < 15_000_000)
    assert holds(Place(((latitude, longitude),), radius), to, across) is (far < radius)
    assert distance_m(latitude, longitude, to, across) == pytest.approx(far, abs=0.01)


@given(latitudes, longitudes, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(1, 20_000))
def test_circles_agree_near_to_their_rims_too(latitude, longitude, up, along, radius):
    to, across = max(-90.0, min(90.0, latitude + up)), max(-180.0, min(180.0, longitude + along))
    far = metres((latitude, longitude), (to, across)) * EARTH_M / 6_371_000
    assume(abs(far - radius) > 0.01)
    assert holds(Place(((latitude, longitude),), radius), to, across) is (far < radius)


def test_the_southern_and_western_rim_of_a_polygon_belong_to_it():
    place = Place(SQUARE)
    assert holds(place, 52.0, 13.5)
    assert holds(place, 52.5, 13.0)
    assert not holds(place, 53.0, 13.5)
    assert not holds(place, 52.5, 14.0)


@given(st.floats(51, 54), st.floats(12, 15))
def test_two_neighbours_never_share_a_position(latitude, longitude):
    east = Place(tuple((lat, lon + 1) for lat, lon in SQUARE))
    north = Place(tuple((lat + 1, lon) for lat, lon in SQUARE))
    assert sum(place.holds(latitude, longitude) for place in (Place(SQUARE), east, north)) <= 1


def test_what_lies_between_the_arms_of_a_concave_polygon_is_outside():
    place = Place(CONCAVE)
    assert holds(place, 2.0, 0.5)
    assert holds(place, 2.0, 2.5)
    assert holds(place, 0.5, 1.5)
    assert not holds(place, 2.0, 1.5)
    assert not holds(place, 3.5, 0.5)


@given(st.floats(-1, 4), st.floats(-1, 4), st.booleans(), st.integers(0, 7))
def test_it_is_no_matter_where_a_polygon_begins_and_which_way_it_goes(latitude, longitude, turned, first):
    assume(all(abs(latitude - n) > 1e-9 and abs(longitude - n) > 1e-9 for n in range(4)))
    points = CONCAVE[first:] + CONCAVE[:first]
    points = points[::-1] if turned else points
    expected = winds([list(point) for point in CONCAVE], latitude, longitude)
    assert holds(Place(points), latitude, longitude) is expected


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=3, unique=True),
    st.integers(-11, 11),
    st.integers(-11, 11),
)
def test_triangles_agree_with_the_sides_on_which_a_position_lies(points, up, right):
    latitude, longitude = up / 2 + 0.13, right / 2 + 0.29
    sides = [
        (b[1] - a[1]) * (latitude - a[0]) - (b[0] - a[0]) * (longitude - a[1])
        for a, b in zip(points, points[1:] + points[:1], strict=True)
    ]
    assume(all(abs(side) > 1e-9 for side in sides))
    within = all(side > 0 for side in sides) or all(side < 0 for side in sides)
    assert holds(Place(tuple(points)), latitude, longitude) is within


def test_a_polygon_is_flat_between_its_corners_and_does_not_reach_across_180_degrees():
    place = Place(((-1.0, 170.0), (-1.0, -170.0), (1.0, -170.0), (1.0, 170.0)))
    assert holds(place, 0.0, 0.0)
    assert not holds(place, 0.0, 175.0)
