"""28 real drives, posted as trips, beside a calculation that shares nothing with ours."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from accounts.tests.people import DEVICE_VEHICLE_ID, People
from fleet_manager.env import CHECKOUT
from telemetry.samples import EARTH_KM, Sample, distance_km
from telemetry.segments import find_segments
from telemetry.trip_scoring import score_trip
from telemetry.trips import submit_trip
from vehicle_management.tests.factories import VehicleFactory

DRIVES = CHECKOUT.parent / "shared" / "data" / "telemetry" / "driveplotr_nds_28_drives_2019.csv.gz"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DRIVES.exists(), reason="the drives are not at hand"),
]


@pytest.fixture
def post():
    """Post these samples as a trip and have it scored."""
    people = People.make()
    VehicleFactory(vehicle_id=DEVICE_VEHICLE_ID, fleet=people.north)

    def submit(data, driver_id):
        body = {"vehicle_id": DEVICE_VEHICLE_ID, "driver_id": driver_id, "data": data}
        trip = submit_trip(body, json.dumps(body).encode(), people.actor("device_key"), None)
        assert score_trip(trip.pk)
        trip.refresh_from_db()
        return trip

    return submit


def real_drives():
    """28 drives of 2019 at 1 Hz. The longitudinal axis is x: it alone follows the change of speed (r = 0.45,
    y and z have 0.01), forward is positive. Gravity lies on z (mean 0.99 g, x and y have less than 0.05), so
    nothing is to be taken off x; ``grav_x`` is a filter's estimate that lags and swallows the braking (with it
    taken off, r falls to 0.12). Speeds are in mph; one sample has no acceleration.
    """
    return pd.read_csv(DRIVES)


def as_samples(drive):
    told = pd.DataFrame(
        {
            "timestamp": drive.time_utc,
            "latitude": drive.gps_lat,
            "longitude": drive.gps_long,
            "speed_kmh": drive.speed_mph * 1.609344,
            "g_force_long": drive.accel_x,
        }
    ).astype(object)
    return told.where(told.notna(), None).to_dict("records")


def independent(drive, low, high):
    """By pandas and numpy alone."""
    told = drive.accel_x.dropna()
    kind = pd.Series(np.select([told < low, told > high], ["B", "A"], ""), index=told.index)
    starts = (kind != kind.shift()) & (kind != "")
    braking, accel = (kind == "B").sum(), (kind == "A").sum()
    latitude, longitude = np.radians(drive.gps_lat), np.radians(drive.gps_long)
    half = np.sin(latitude.diff() / 2) ** 2
    half += np.cos(latitude) * np.cos(latitude.shift()) * np.sin(longitude.diff() / 2) ** 2
    return {
        "safety_score": max(0, 100 - 5 * (braking + accel)),
        "harsh_braking_count": braking,
        "rapid_accel_count": accel,
        "harsh_braking_episodes": (starts & (kind == "B")).sum(),
        "rapid_accel_episodes": (starts & (kind == "A")).sum(),
        "samples": len(drive),
        "max_speed_kmh": pytest.approx(drive.speed_mph.max() * 1.609344),
        "distance_km": pytest.approx((2 * EARTH_KM * np.arcsin(np.sqrt(half))).sum(), abs=1e-6),
    }


@pytest.mark.parametrize(("low", "high"), [(-0.4, 0.4), (-0.2, 0.25)])
def test_real_drives_get_the_scores_that_an_independent_calculation_gives(post, settings, low, high):
    settings.HARSH_BRAKING_G, settings.RAPID_ACCEL_G = low, high
    scores = []
    drives = list(real_drives().groupby("drive"))

    for number, drive in drives:
        trip = post(as_samples(drive), f"nds-{number}")
        expected = independent(drive, low, high)
        assert {name: getattr(trip, name) for name in expected} == expected
        assert (
            sum(event["samples"] for event in trip.events)
            == trip.harsh_braking_count + trip.rapid_accel_count
        )
        scores.append(trip.safety_score)

    assert len(drives) == 28
    assert len(set(scores)) > 3


def test_the_axis_of_the_real_drives_is_the_one_that_follows_the_speed():
    drives = real_drives()
    speed = (drives.speed_mph * 0.44704).groupby(drives.drive)
    change = (speed.shift(-1) - speed.shift(1)) / 2 / 9.80665

    assert change.corr(drives.accel_x) > 0.4
    assert abs(change.corr(drives.accel_y)) < 0.05
    assert abs(change.corr(drives.accel_z)) < 0.05
    assert change.corr(drives.accel_x - drives.grav_x) < 0.2
    assert drives.accel_z.mean() == pytest.approx(0.99, abs=0.01)
    assert drives[["accel_x", "accel_y"]].mean().abs().max() < 0.05


@pytest.mark.parametrize("tells_speed", [True, False])
def test_the_real_drives_are_found_again_in_their_plain_readings(tells_speed):
    """Drives 4 and 5 are one trip (153 s lie between them), 15 is two (8 min of standing); 3, 12 and 32 lead
    nowhere, and 28 takes 54 s. Positions alone tell as many.
    """
    told = real_drives()
    samples = [
        Sample(
            at=row.time.to_pydatetime(),
            latitude=row.gps_lat,
            longitude=row.gps_long,
            speed_kmh=row.speed_mph * 1.609344 if tells_speed else None,
        )
        for row in told.assign(time=pd.to_datetime(told.time_utc)).itertuples()
    ]

    segments = find_segments(samples, now=samples[-1].at + timedelta(days=1))

    trips = [one for one in segments if one.kind == "TRIP"]
    drives = [set(told.drive[trip.first : trip.last]) for trip in trips]
    assert len(trips) == 24
    assert drives.count({4, 5}) == 1
    assert drives.count({15}) == 2
    assert set.union(*drives) == set(told.drive) - {3, 12, 28, 32}
    way = sum(distance_km(samples[trip.first : trip.last + 1]) for trip in trips)
    assert way == pytest.approx(told.distance_miles.sum() * 1.609344, rel=0.05)
