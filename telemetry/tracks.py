"""A trip's way, for a map or a chart."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from api_pattern.exceptions import Unprocessable
from api_pattern.times import told_time
from telemetry.exceptions import TripIsNotScored
from telemetry.models import Trip
from telemetry.recorded import load_readings
from telemetry.samples import Sample, time_order
from telemetry.trip_scoring import read_stored

MOST_POINTS = 5_000


def track_of(trip: Trip) -> dict[str, Any]:
    """``{trip_id, points, events}``: points in the order of their times, up to 5,000 of them."""
    samples = _samples(trip)
    order = time_order(samples)
    wanted = {event["index"] for event in trip.events}
    return {
        "trip_id": str(trip.pk),
        "points": [_point(samples[place]) for place in thinned(order, wanted)],
        "events": trip.events,
    }


def thinned(places: Sequence[int], wanted: set[int], most: int = MOST_POINTS) -> list[int]:
    """Up to ``most`` of the places, in their order: the wanted ones as far as half of it, the rest evenly."""
    if len(places) <= most:
        return list(places)
    kept = set(_evenly([place for place in places if place in wanted], most // 2))
    kept.update(_evenly(places, most - len(kept)))
    return [place for place in places if place in kept]


def _evenly(places: Sequence[int], most: int) -> list[int]:
    """With the first and the last."""
    if len(places) <= most:
        return list(places)
    return [places[number * (len(places) - 1) // (most - 1)] for number in range(most)]


def _samples(trip: Trip) -> list[Sample]:
    if trip.origin == Trip.Origin.FOUND:
        if trip.started_at is None:
            return []
        end = trip.ended_at or trip.started_at + timedelta(seconds=trip.duration_s or 0)
        return load_readings(trip.vehicle_id, trip.started_at, end).samples
    try:
        return read_stored(trip).samples
    except Unprocessable as error:
        raise TripIsNotScored(error.detail) from error


def _point(sample: Sample) -> dict[str, Any]:
    return {
        "at": told_time(sample.at),
        "latitude": sample.latitude,
        "longitude": sample.longitude,
        "speed_kmh": sample.speed_kmh,
        "g_force_long": sample.g_force_long,
    }
