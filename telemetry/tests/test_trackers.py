"""What phones and trackers send becomes readings in our units, or is refused with a sentence."""

import time

import pytest

from telemetry.readings import read_readings
from telemetry.trackers import BadTracker, reading_of_osmand, readings_of_traccar_json

CLIENT_BODY = {
    "location": {
        "timestamp": "2026-06-15T13:45:12.862Z",
        "coords": {
            "latitude": 37.4219983,
            "longitude": -122.084,
            "accuracy": 5,
            "speed": 18.67,
            "speed_accuracy": 0.26,
            "heading": 63,
            "altitude": 35.7,
        },
        "is_moving": True,
        "odometer": 12_345.6,
        "event": "motionchange",
        "uuid": "0e9a2473-a9a7-4c00-997b-fb97d2154e75",
        "battery": {"level": 0.79, "is_charging": False},
        "activity": {"type": "in_vehicle", "confidence": 100},
        "extras": {"shift": 2, "trailer": "T-7", "nested": {"a": 1}},
    },
    "device_id": "VH-1",
}


def test_a_whole_osmand_request_becomes_a_reading_in_our_units():
    told = (
        "lat=42.06288&lon=-88.23412&altitude=224.0&speed=10&bearing=7.2&hdop=6.0&batt=87.5&odometer=84211500"
    )
    params = dict(pair.split("=") for pair in told.split("&"))

    reading = reading_of_osmand({"id": "VH-1", "timestamp": "1769868300", **params, "charge": "true"})

    assert reading == {
        "vehicle_id": "VH-1",
        "timestamp": "2026-01-31T14:05:00.000Z",
        "latitude": 42.06288,
        "longitude": -88.23412,
        "altitude_m": 224.0,
        "speed_kmh": 18.52,
        "heading_deg": 7.2,
        "hdop": 6.0,
        "battery_pct": 87.5,
        "odometer_km": 84_211.5,
        "charge": True,
    }


@pytest.mark.parametrize(
    "timestamp",
    [
        "1769868300",
        "1769868300000",
        "2026-01-31T14:05:00Z",
        "2026-01-31T15:05:00+01:00",
        "2026-01-31T14:05:00",
        "2026-01-31 14:05:00",
    ],
)
def test_a_timestamp_is_seconds_milliseconds_iso_or_a_date_in_utc(timestamp):
    reading = reading_of_osmand({"id": "VH-1", "timestamp": timestamp})
    assert reading["timestamp"] == "2026-01-31T14:05:00.000Z"


def test_milliseconds_are_kept():
    reading = reading_of_osmand({"id": "VH-1", "timestamp": "1769868300123"})
    assert reading["timestamp"] == "2026-01-31T14:05:00.123Z"


@pytest.mark.parametrize("name", ["id", "deviceid"])
def test_the_device_is_named_in_either_way(name):
    assert reading_of_osmand({name: "0012"}) == {"vehicle_id": "0012"}


def test_a_key_that_is_bound_to_a_vehicle_needs_no_id():
    assert reading_of_osmand({"lat": "1", "lon": "2"}, vehicle_id="VH-9")["vehicle_id"] == "VH-9"
    assert readings_of_traccar_json({"location": {}}, vehicle_id="VH-9") == [{"vehicle_id": "VH-9"}]


def test_a_position_may_come_as_one_parameter():
    reading = reading_of_osmand({"id": "VH-1", "location": "60.0,30.5"})
    assert (reading["latitude"], reading["longitude"]) == (60.0, 30.5)


def test_a_position_that_is_not_valid_is_left_out_and_the_rest_is_kept():
    reading = reading_of_osmand({"id": "VH-1", "lat": "0", "lon": "0", "valid": "false", "batt": "12"})
    assert reading == {"vehicle_id": "VH-1", "valid": False, "battery_pct": 12}


def test_what_has_no_name_of_ours_is_kept_as_it_is():
    reading = reading_of_osmand(
        {"id": "VH-1", "ignition": "1", "rpm": "933", "door": "true", "cell": "257,02,16", "badge": "0012"}
        | {"driverUniqueId": "D-4", "engine_temp_c": "88.5"}
    )
    assert reading == {
        "vehicle_id": "VH-1",
        "ignition": True,
        "rpm": 933,
        "door": True,
        "cell": "257,02,16",
        "badge": "0012",
        "driver_id": "D-4",
        "engine_temp_c": 88.5,
    }


def test_the_key_is_no_attribute_and_what_is_empty_says_nothing():
    reading = reading_of_osmand({"id": "VH-1", "key": "secret", "notificationToken": "t", "speed": " "})
    assert reading == {"vehicle_id": "VH-1"}


def test_a_negative_bearing_or_speed_is_unknown():
    assert reading_of_osmand({"id": "VH-1", "bearing": "-1", "speed": "-1"}) == {"vehicle_id": "VH-1"}


def test_the_osmand_app_sends_metres_per_second_under_a_name_of_their_own():
    assert reading_of_osmand({"id": "VH-1", "speed_ms": "10"})["speed_kmh"] == 36


@pytest.mark.parametrize(
    ("params", "field", "sentence"),
    [
        ({"lat": "1", "lon": "2"}, "id", "No id is given"),
        ({"id": "A", "lat": "north", "lon": "2"}, "lat", "“north” is not a number."),
        ({"id": "A", "lat": "nan", "lon": "2"}, "lat", "“nan” is not a number."),
        ({"id": "A", "lat": "1_0", "lon": "2"}, "lat", "“1_0” is not a number."),
        ({"id": "A", "lat": "1"}, "lon", "one of them is missing"),
        ({"id": "A", "location": "1"}, "location", "“1” is no position"),
        ({"id": "A", "timestamp": "yesterday"}, "timestamp", "“yesterday” is no time"),
        ({"id": "A", "timestamp": "99999999999999999"}, "timestamp", "is no time"),
        ({"id": "A", "speed": "fast"}, "speed", "“fast” is not a number."),
        ({"id": "A", "charge": "maybe"}, "charge", "“maybe” is neither true nor false."),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named_with_its_value(params, field, sentence):
    with pytest.raises(BadTracker, match=sentence) as caught:
        reading_of_osmand(params)
    assert caught.value.field == field


def test_the_traccar_clients_json_becomes_a_reading():
    assert readings_of_traccar_json(CLIENT_BODY) == [
        {
            "vehicle_id": "VH-1",
            "timestamp": "2026-06-15T13:45:12.862Z",
            "latitude": 37.4219983,
            "longitude": -122.084,
            "speed_kmh": pytest.approx(67.212),
            "heading_deg": 63,
            "accuracy_m": 5,
            "altitude_m": 35.7,
            "battery_pct": 79,
            "charge": False,
            "device_odometer_km": 12.3456,
            "motion": True,
            "event": "motionchange",
            "activity": "in_vehicle",
            "shift": 2,
            "trailer": "T-7",
        }
    ]


def test_what_a_phone_does_not_know_is_left_out():
    coords = {
        "latitude": 37.78,
        "longitude": -122.4,
        "speed": -1,
        "heading": -1,
        "accuracy": -1,
        "floor": None,
    }
    body = {"location": {"coords": coords, "battery": {"level": -1}}, "device_id": 658765}

    assert readings_of_traccar_json(body) == [
        {"vehicle_id": "658765", "latitude": 37.78, "longitude": -122.4},
    ]


def test_locations_that_waited_come_as_a_list():
    body = {"location": [CLIENT_BODY["location"], {"timestamp": "2026-06-15T13:46:00Z"}], "device_id": "VH-1"}

    readings = readings_of_traccar_json(body)

    assert [one["timestamp"] for one in readings] == ["2026-06-15T13:45:12.862Z", "2026-06-15T13:46:00.000Z"]


def test_an_extra_does_not_hide_what_the_phone_measured():
    location = {**CLIENT_BODY["location"], "extras": {"speed_kmh": 0, "vehicle_id": "VH-2", "key": "secret"}}
    (reading,) = readings_of_traccar_json({**CLIENT_BODY, "location": location})

    assert (reading["vehicle_id"], reading["speed_kmh"]) == ("VH-1", pytest.approx(67.212))
    assert "key" not in reading


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ([], "body", "Send an object with location"),
        ({"location": {}}, "id", "No id is given"),
        ({"device_id": "A"}, "location", "The location is missing"),
        ({"device_id": "A", "location": "here"}, "location", "“here” is not a JSON object"),
        ({"device_id": "A", "location": [{}, 3]}, r"location[1]", "“3” is not a JSON object"),
        (
            {"device_id": "A", "location": {"timestamp": "soon"}},
            "location.timestamp",
            "“soon” is no time",
        ),
        (
            {"device_id": "A", "location": {"coords": {"latitude": 1}}},
            "location.coords.longitude",
            "this one is missing",
        ),
        (
            {"device_id": "A", "location": {"coords": {"latitude": "1", "longitude": 2}}},
            "location.coords.latitude",
            "“1” is not a number",
        ),
        (
            {"device_id": "A", "location": {"battery": {"level": True}}},
            "location.battery.level",
            "“True” is not a number",
        ),
    ],
)
def test_json_that_cannot_be_read_is_named_by_its_place(body, field, sentence):
    with pytest.raises(BadTracker, match=sentence) as caught:
        readings_of_traccar_json(body)
    assert caught.value.field == field


def test_the_readings_pass_the_check_of_all_readings():
    now_ms = int(time.time() * 1000)
    told = [
        reading_of_osmand(
            {"id": "VH-1", "timestamp": str(now_ms), "lat": "53.5", "lon": "10", "speed": "20"}
        ),
        *readings_of_traccar_json(
            {"location": {"coords": {"latitude": 1, "longitude": 2}}, "device_id": "A"}
        ),
    ]
    assert [one.vehicle_id for one in read_readings(told, now_ms=now_ms)] == ["VH-1", "A"]
