"""The latest reading, those of a span of time, and the files that they can be taken away as."""

import csv
import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from accounts.tests.people import People
from telemetry import answers
from telemetry.models import Rollup
from telemetry.rollups import DAY, refresh_rollups
from telemetry.tests.factories import store
from vehicle_management.models import Vehicle

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPAN = "from=2026-03-02T12:00:00Z&to=2026-03-02T13:00:00Z"
GPX = {
    "gpx": "http://www.topografix.com/GPX/1/1",
    "x": "http://www.garmin.com/xmlschemas/TrackPointExtension/v2",
}
FULL = {
    "received_at": NOON + timedelta(seconds=61.25),
    "latitude": 4.711,
    "longitude": -74.0721,
    "speed_kmh": 42.3,
    "heading_deg": 359.9,
    "odometer_km": 10_412.123456,
    "battery_pct": 81,
    "fuel_pct": 12.5,
    "engine_temp_c": 88.1,
    "load_pct": 0,
    "g_force_long": -0.12,
    "status": "MOVING",
    "attributes": '{"driver": "Ana", "count": 123456789012345678901234567890, "received_at": "never"}',
}


@pytest.fixture
def people() -> People:
    return People.make()


@pytest.fixture
def vehicle(people) -> Vehicle:
    return Vehicle.objects.create(vehicle_id="north 1", fleet=people.north)


def after(minutes):
    return NOON + timedelta(minutes=minutes)


def fetch(people, path, role="operator"):
    return people.client(role).get(f"/api/v1/telemetry/{path}")


def get(people, path, code=200, role="operator"):
    answer = fetch(people, path, role)
    assert answer.status_code == code, answer.content
    return answer.json()


def taken_away(people, form):
    answer = fetch(people, f"north 1/history?{SPAN}&format={form}")
    assert answer.status_code == 200
    assert f"north 1-20260302T120000-20260302T130000.{form}" in answer["Content-Disposition"]
    return answer["Content-Type"], b"".join(answer.streaming_content)


def test_the_latest_reading_is_told_with_its_numbers_as_they_came(people, vehicle):
    store(vehicle, [(after(0), {"speed_kmh": 1}), (after(1), FULL)])
    told = get(people, "north 1/latest")
    assert told == {
        "vehicle_id": "north 1",
        "timestamp": "2026-03-02T12:01:00Z",
        "received_at": "2026-03-02T12:01:01.250000Z",
        **{name: value for name, value in FULL.items() if name not in ("received_at", "attributes")},
        "driver": "Ana",
        "count": 123456789012345678901234567890,
    }


@pytest.mark.parametrize("days", [0, 0.9, 3, 30, 400])
def test_the_latest_reading_is_found_however_old_it_is(people, vehicle, days):
    at = timezone.now() - timedelta(days=days)
    store(vehicle, [(at - timedelta(days=20), {"speed_kmh": 1}), (at, {"speed_kmh": 2})])
    assert get(people, "north 1/latest")["speed_kmh"] == 2


def test_the_latest_reading_may_be_a_little_ahead_of_us(people, vehicle):
    store(vehicle, [(timezone.now() + timedelta(minutes=4.9), {"speed_kmh": 2})])
    assert get(people, "north 1/latest")["speed_kmh"] == 2


def test_without_a_reading_there_is_no_latest_one(people, vehicle):
    told = get(people, "north 1/latest", code=404)
    assert told["detail"] == "Vehicle north 1 has no reading at hand."


def test_the_history_is_what_is_from_the_one_time_on_and_before_the_other_oldest_first(people, vehicle):
    minutes = [30, -0.001, 0, 59.999, 60]
    store(vehicle, [(after(at), {"speed_kmh": place}) for place, at in enumerate(minutes)])
    told = get(people, f"north 1/history?{SPAN}")
    assert [one["speed_kmh"] for one in told.pop("data")] == [2, 0, 3]
    assert told == {
        "vehicle_id": "north 1",
        "from": "2026-03-02T12:00:00Z",
        "to": "2026-03-02T13:00:00Z",
        "total_records": 3,
        "next": None,
    }


def test_pages_of_the_history_follow_one_another_without_repeating_or_leaving_out(people, vehicle):
    store(vehicle, [(NOON + timedelta(milliseconds=number), {"speed_kmh": number}) for number in range(25)])
    refresh_rollups()
    told = get(people, f"north 1/history?{SPAN}&limit=10")
    assert told["total_records"] == 25
    seen = told["data"]
    while told["next"]:
        told = people.client("operator").get(told["next"]).json()
        seen += told["data"]
    assert [one["speed_kmh"] for one in seen] == list(range(25))


def test_a_thousand_readings_are_told_unless_a_limit_is_given(people, vehicle):
    store(vehicle, [(NOON + timedelta(seconds=number), {}) for number in range(1_001)])
    assert len(get(people, f"north 1/history?{SPAN}")["data"]) == 1_000
    assert len(get(people, f"north 1/history?{SPAN}&limit=10000")["data"]) == 1_001


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "1.5", "many"])
def test_a_limit_out_of_range_is_refused(people, vehicle, limit):
    told = get(people, f"north 1/history?limit={limit}", code=422)
    assert "from 1 to 10,000" in told["errors"]["limit"][0]


def test_what_is_not_a_form_is_refused(people, vehicle):
    assert "gpx" in get(people, "north 1/history?format=xlsx", code=422)["errors"]["format"][0]


def test_readings_of_what_one_does_not_see_are_not_found(people, vehicle):
    for name in ("north 1", "nowhere", "%00"):
        for path in ("latest", "history"):
            assert get(people, f"{name}/{path}", code=404, role="stranger")["error"] == "NOT_FOUND"


def test_the_count_of_archived_days_is_of_what_is_still_at_hand(people, vehicle):
    days = [NOON + timedelta(days=day) for day in range(4)]
    for day in days:
        store(vehicle, [(day, {}), (day + timedelta(minutes=1), {})])
    refresh_rollups()
    middle = Rollup.objects.filter(vehicle=vehicle.pk, width=DAY)[1:3]
    Rollup.objects.filter(pk__in=[one.pk for one in middle]).update(archived=True, readings=1_000)
    assert answers.count_readings(vehicle, days[0], days[3]) == 6
    assert answers.count_readings(vehicle, days[1], days[1] + timedelta(minutes=1)) == 1


def test_a_history_can_be_taken_away_as_csv(people, vehicle):
    store(vehicle, [(after(1), FULL), (after(2), {"latitude": -0.000001})])
    content_type, content = taken_away(people, "csv")
    assert content_type == "text/csv; charset=utf-8"
    first, second = csv.DictReader(io.StringIO(content.decode()))
    assert first["timestamp"] == "2026-03-02T12:01:00Z"
    assert (first["latitude"], first["speed_kmh"], first["odometer_km"]) == (
        "4.711000",
        "42.3",
        "10412.123456",
    )
    assert '"driver": "Ana"' in first["attributes"]
    assert (second["latitude"], second["speed_kmh"]) == ("-0.000001", "")


def test_a_history_can_be_taken_away_as_parquet(people, vehicle, monkeypatch):
    monkeypatch.setattr(answers, "READ_AT_ONCE", 3)
    store(vehicle, [(after(1), FULL), *((after(2 + number), {"speed_kmh": number}) for number in range(8))])
    content_type, content = taken_away(people, "parquet")
    assert content_type == "application/vnd.apache.parquet"
    rows = pq.read_table(io.BytesIO(content)).to_pylist()
    assert [one["speed_kmh"] for one in rows] == [42.3, 0, 1, 2, 3, 4, 5, 6, 7]
    assert rows[0]["timestamp"] == after(1)
    assert (rows[0]["latitude"], rows[0]["status"], rows[1]["status"]) == (4.711, "MOVING", None)


def test_a_history_can_be_taken_away_as_gpx(people, vehicle):
    store(vehicle, [(after(1), FULL), (after(2), {"latitude": 4.5, "longitude": -74}), (after(3), {})])
    store(vehicle, [(after(30), {"latitude": 4.6, "longitude": -74, "heading_deg": 360})])
    content_type, content = taken_away(people, "gpx")
    assert content_type == "application/gpx+xml"
    track = ElementTree.fromstring(content).find("gpx:trk", GPX)
    assert track.find("gpx:name", GPX).text == "north 1"
    points = [segment.findall("gpx:trkpt", GPX) for segment in track.findall("gpx:trkseg", GPX)]
    assert [[point.get("lat") for point in some] for some in points] == [
        ["4.711000", "4.500000"],
        ["4.600000"],
    ]
    assert points[0][0].find("gpx:time", GPX).text == "2026-03-02T12:01:00Z"
    assert points[0][0].find(".//x:speed", GPX).text == "11.750"
    assert points[1][0].find(".//x:course", GPX).text == "0"


@pytest.mark.parametrize("form", ["csv", "parquet", "gpx"])
def test_a_span_without_readings_gives_a_file_without_rows(people, vehicle, form):
    _content_type, content = taken_away(people, form)
    if form == "csv":
        assert len(content.splitlines()) == 1
    elif form == "parquet":
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert ElementTree.fromstring(content).find("gpx:trk/gpx:trkseg", GPX) is None


def test_a_file_of_any_length_is_read_some_rows_at_a_time(people, vehicle, monkeypatch):
    monkeypatch.setattr(answers, "READ_AT_ONCE", 10)
    store(vehicle, [(NOON + timedelta(seconds=number), {"speed_kmh": number}) for number in range(100)])
    _content_type, content = taken_away(people, "csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [float(one["speed_kmh"]) for one in rows] == list(range(100))
