"""A drive as a row of samples: what of each is looked at, their order, and the way between them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

# The mean radius of the Earth (IUGG).
EARTH_KM = 6371.0088


class Sample(NamedTuple):
    """One moment of a drive, in UTC; what is not known is None. ``g_force_long`` is negative where it brakes."""

    at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    speed_kmh: float | None = None
    odometer_km: float | None = None
    g_force_long: float | None = None
    ignition: bool | None = None


Fix = tuple[float, float]


def fix_of(sample: Sample) -> Fix | None:
    if sample.latitude is None or sample.longitude is None:
        return None
    return sample.latitude, sample.longitude


def time_order(samples: Sequence[Sample]) -> list[int]:
    """The samples' places in the order of their times; as they came where any of them has none."""
    times = [sample.at for sample in samples]
    places = list(range(len(samples)))
    return places if None in times else sorted(places, key=times.__getitem__)  # type: ignore[arg-type]


def distance_km(samples: Sequence[Sample]) -> float | None:
    """The way of samples in order: by the odometer, else along the fixes; None where neither is told twice.

    An odometer that runs backwards was changed on the way: then the fixes tell.
    """
    odometers = [sample.odometer_km for sample in samples if sample.odometer_km is not None]
    if len(odometers) >= 2 and odometers[-1] >= odometers[0]:
        return odometers[-1] - odometers[0]
    fixes = [fix for fix in map(fix_of, samples) if fix]
    return way_km(fixes) if len(fixes) >= 2 else None


def way_km(fixes: Iterable[Fix]) -> float:
    return sum(great_circle_km(one, other) for one, other in pairwise(fixes))


def great_circle_km(one: Fix, other: Fix) -> float:
    """By the haversine formula, on a sphere."""
    north, further_north = radians(one[0]), radians(other[0])
    half = sin((further_north - north) / 2) ** 2
    half += cos(north) * cos(further_north) * sin(radians(other[1] - one[1]) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(min(half, 1.0)))


def highest_speed_kmh(samples: Iterable[Sample]) -> float | None:
    return max((sample.speed_kmh for sample in samples if sample.speed_kmh is not None), default=None)


def span_of(samples: Iterable[Sample]) -> tuple[datetime, datetime] | None:
    """The first and the last time that is told."""
    times = [sample.at for sample in samples if sample.at is not None]
    return (min(times), max(times)) if times else None
