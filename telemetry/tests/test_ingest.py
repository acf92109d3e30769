"""``POST telemetry``: the hot route in front of Django and the view beside it answer alike."""

import asyncio
import gzip
import json
import time
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.utils import timezone
from redis import Redis

from accounts.models import Fleet, Membership, User
from accounts.services import create_key, issue_tokens, revoke_key
from fleet_manager.errors import problem_of
from msg_pattern.bus import bus_at, get_bus
from msg_pattern.messages import Channel
from telemetry import acceptance, directory
from telemetry.ingest import TelemetryGate
from telemetry.tests.learnt import nothing_learnt
from vehicle_management.tests.factories import VehicleFactory

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/telemetry"


@pytest.fixture
def stream():
    client = Redis.from_url(django_settings.MESSAGE_BUS_URL)
    client.delete(Channel.TELEMETRY_RAW)
    yield lambda: [fields for _id, fields in client.xrange(Channel.TELEMETRY_RAW)]
    client.delete(Channel.TELEMETRY_RAW)
    client.close()


@pytest.fixture
def fleet():
    return Fleet.objects.create(fleet_id="north", fleet_name="North")


@pytest.fixture
def vehicle(fleet):
    return VehicleFactory(vehicle_id="VH-1", fleet=fleet)


@pytest.fixture
def key(fleet):
    return create_key({"name": "gate", "scopes": ["ingest"]}, fleets=[fleet], by=None)


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    with nothing_learnt(monkeypatch):
        yield


@pytest.fixture(params=["hot", "django"])
def post(request, key, client, stream):
    """Sends a body with the key; answers the status, the JSON and the headers."""
    _key, secret = key

    def send(body, *, secret=secret, scheme="Api-Key", content_type="application/json", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"{scheme} {secret}", "Content-Type": content_type, **headers}
        return (through_gate if request.param == "hot" else through_django)(client, raw, headers)

    return send


def through_django(client, raw, headers):
    content_type = headers.pop("Content-Type")
    answer = client.post(PATH, raw, content_type=content_type, headers=headers)
    return answer.status_code, answer.json(), {name.lower(): value for name, value in answer.headers.items()}


def through_gate(client, raw, headers, parts: int = 2):
    """Through the ASGI application, with the body in parts, as a server hands it on."""

    async def django_instead(scope, receive, send):
        raise AssertionError("this should not have come to Django")

    async def go():
        gate = TelemetryGate(django_instead, problem_of)
        sent = []
        bodies = iter(
            {"type": "http.request", "body": raw[at : at + len(raw) // parts + 1], "more_body": True}
            for at in range(0, len(raw), len(raw) // parts + 1)
        )

        async def receive():
            return next(bodies, {"type": "http.request", "body": b"", "more_body": False})

        async def send(message):
            sent.append(message)

        told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": PATH, "headers": told}
        await gate(scope, receive, send)
        if gate._appender:
            await gate._appender[1].close()
        return sent

    start, body = asyncio.run(go())
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], json.loads(body["body"]), told


def now(**ago) -> str:
    return (timezone.now() - timedelta(**ago)).isoformat()


def reading(**values):
    return {"vehicle_id": "VH-1", "timestamp": now(minutes=1), "speed_kmh": 42.5, **values}


def test_a_reading_is_accepted_when_it_is_on_the_stream(post, vehicle, key, stream):
    sent = reading(tyre_wear=3)
    status, told, _headers = post(sent)
    assert (status, told) == (202, {"status": "QUEUED", "accepted": 1})
    (entry,) = stream()
    assert json.loads(entry[b"data"]) == sent
    assert entry[b"by"] == f"key:{key[0].pk}".encode()
    assert abs(int(entry[b"at"]) / 1000 - timezone.now().timestamp()) < 30


def test_a_batch_is_one_entry(post, vehicle, stream):
    sent = [reading(speed_kmh=n) for n in range(1_000)]
    status, told, _headers = post({"readings": sent})
    assert (status, told["accepted"]) == (202, 1_000)
    (entry,) = stream()
    assert json.loads(entry[b"data"]) == sent


def test_lines_and_gzip_are_taken(post, vehicle, stream):
    sent = [reading(speed_kmh=n) for n in range(3)]
    lines = b"\n".join(json.dumps(one).encode() for one in sent) + b"\n\n"
    status, told, _headers = post(
        gzip.compress(lines), content_type="application/x-ndjson", **{"Content-Encoding": "gzip"}
    )
    assert (status, told) == (202, {"status": "QUEUED", "accepted": 3})
    assert json.loads(stream()[0][b"data"]) == sent


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"", "body", "The body is not JSON"),
        (b"{", "body", "The body is not JSON"),
        (b"\xff\xfe", "body", "not JSON"),
        (b"[]", "body", "Send one reading"),
        (b"5", "body", "Send one reading"),
        (b"[" * 100_000, "body", "The body"),
        ({}, "vehicle_id", "A reading names its vehicle"),
        ({"readings": []}, "readings", "There are 0 readings; 1 to 1,000"),
        ({"readings": [{"vehicle_id": "VH-1"}] * 1_001}, "readings", "There are 1,001 readings"),
        ({"readings": {}}, "readings", "a list of readings"),
        ({"readings": [{"vehicle_id": "VH-1"}], "more": 1}, "more", "The field is not known here"),
        ({"readings": [{"vehicle_id": "VH-1"}, 5]}, "readings[1]", "A reading is a JSON object"),
        ({"vehicle_id": "VH-1", "speed_kmh": "fast"}, "speed_kmh", "“fast” is not a number"),
        (
            {"readings": [{"vehicle_id": "VH-1"}, {"vehicle_id": "VH-1", "speed_kmh": -3}]},
            "readings[1].speed_kmh",
            "-3 is not between 0 and 1000 km/h.",
        ),
        ({"vehicle_id": "VH-1", "latitude": 91}, "latitude", "91 is not between -90 and 90 °."),
        ({"vehicle_id": "VH-1", "speed_kmh": True}, "speed_kmh", "is not a number"),
        ({"vehicle_id": "VH-1", "status": "FLYING"}, "status", "“FLYING” is none of IDLE"),
        (
            {"vehicle_id": "VH-1", "timestamp": "2026-01-01T00:00:00"},
            "timestamp",
            "not a time with an offset",
        ),
        ({"vehicle_id": "VH-1", "timestamp": 5}, "timestamp", "“5” is not a time"),
        ({"vehicle_id": "VH-1", "timestamp": "2019-01-01T00:00:00Z"}, "timestamp", "more than 400 days back"),
        ({"vehicle_id": "VH-1", "timestamp": "9019-01-01T00:00:00Z"}, "timestamp", "5 minutes ahead"),
        ({"vehicle_id": "VH-1", "note": "a\x00"}, "note", "NUL"),
        ({"vehicle_id": "VH-9"}, "vehicle_id", "No vehicle “VH-9” is known"),
        ({"readings": [{"vehicle_id": "VH-1"}, {"vehicle_id": "VH-9"}]}, "readings[1].vehicle_id", "“VH-9”"),
        ({"vehicle_id": "VH\x00"}, "vehicle_id", "is not an id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_named_and_nothing_is_taken(post, vehicle, stream, body, field, said):
    status, told, _headers = post(body)
    assert (status, told["error"], told["status_code"]) == (422, "UNPROCESSABLE", 422)
    assert said in told["errors"][field][0]
    assert stream() == []


def test_every_fault_of_a_batch_is_named(post, vehicle):
    body = {"readings": [reading(), reading(speed_kmh=-1, battery_pct=101), reading(latitude="x")]}
    _status, told, _headers = post(body)
    assert sorted(told["errors"]) == [
        "readings[1].battery_pct",
        "readings[1].speed_kmh",
        "readings[2].latitude",
    ]
    assert "(and 2 more)" in told["detail"]


def test_other_media_types_and_encodings_are_refused(post, vehicle):
    assert post(reading(), content_type="text/plain")[0] == 415
    assert post(reading(), **{"Content-Encoding": "br"})[0] == 415
    assert post(b"no gzip", **{"Content-Encoding": "gzip"})[0] == 422
    assert post(gzip.compress(b"{}")[:-4], **{"Content-Encoding": "gzip"})[0] == 422


def test_a_body_that_is_too_large_is_refused_packed_or_not(post, vehicle, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    large = json.dumps(reading(note="x" * 9_900)).encode()
    assert post(large)[0] == 413
    bomb = gzip.compress(b" " * 5_000_000)
    status, told, _headers = post(bomb, **{"Content-Encoding": "gzip"})
    assert (status, told["error"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("secret", ["wrong", "fm_" + "x" * 43])
def test_a_wrong_key_is_refused(post, vehicle, stream, secret):
    status, told, headers = post(reading(), secret=secret)
    assert (status, told["error"]) == (401, "UNAUTHORIZED")
    assert headers["www-authenticate"]
    assert stream() == []


def test_a_wrong_token_is_refused(post, vehicle):
    assert post(reading(), scheme="Bearer", secret="no.token.at-all")[0] == 401


@pytest.mark.parametrize(("role", "status"), [("ADMINISTRATOR", 202), ("MANAGER", 202), ("OPERATOR", 403)])
def test_people_send_by_their_role(post, vehicle, fleet, role, status):
    person = User.objects.create_user("one@fleet.example", None, role=role)
    Membership.objects.create(user=person, fleet=fleet)
    assert post(reading(), scheme="Bearer", secret=issue_tokens(person).access_token)[0] == status


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("write", 202), ("ingest", 202)])
def test_keys_send_by_their_scope(post, vehicle, fleet, scope, status):
    _key, secret = create_key({"name": scope, "scopes": [scope]}, fleets=[fleet], by=None)
    assert post(reading(), secret=secret)[0] == status


def test_a_key_sends_for_its_fleets_alone(post, vehicle, stream):
    other = Fleet.objects.create(fleet_id="south", fleet_name="South")
    VehicleFactory(vehicle_id="VH-S", fleet=other)
    status, told, _headers = post(reading(vehicle_id="VH-S"))
    assert (status, told["errors"]) == (422, {"vehicle_id": ["No vehicle “VH-S” is known; make it first."]})
    for fleet_id in ("south", "nowhere"):
        status, told, _headers = post(reading(fleet_id=fleet_id))
        assert (status, told["error"]) == (403, "FORBIDDEN")
    assert stream() == []


def test_a_fleet_that_is_named_is_the_vehicles(post, vehicle, fleet):
    assert post(reading(fleet_id="north"))[0] == 202
    second = Fleet.objects.create(fleet_id="second", fleet_name="Second")
    _key, secret = create_key({"name": "both", "scopes": ["ingest"]}, fleets=[fleet, second], by=None)
    status, told, _headers = post(reading(fleet_id="second"), secret=secret)
    assert (status, list(told["errors"])) == (422, ["fleet_id"])


def test_a_devices_key_speaks_for_its_vehicle_alone(post, vehicle, fleet):
    VehicleFactory(vehicle_id="VH-2", fleet=fleet)
    _key, secret = create_key(
        {"name": "box", "scopes": ["ingest"], "vehicle_id": "VH-1"}, fleets=[fleet], by=None
    )
    assert post(reading(), secret=secret)[0] == 202
    assert post(reading(vehicle_id="VH-2"), secret=secret)[0] == 422


def test_an_ended_key_is_refused(post, vehicle, key, monkeypatch):
    assert post(reading())[0] == 202
    revoke_key(key[0])
    for credential, (_until, sender) in directory.senders._held.items():
        directory.senders._held[credential] = (0.0, sender)
    assert post(reading())[0] == 401


def test_unknown_vehicles_are_taken_where_there_is_a_quarantine(post, vehicle, settings, stream):
    settings.UNKNOWN_VEHICLES = "quarantine"
    assert post(reading(vehicle_id="NEW-1"))[0] == 202
    quarantine = Fleet.objects.create(fleet_id="quarantine", fleet_name="Quarantine")
    VehicleFactory(vehicle_id="NEW-2", fleet=quarantine)
    assert post(reading(vehicle_id="NEW-2"))[0] == 202
    other = Fleet.objects.create(fleet_id="south", fleet_name="South")
    VehicleFactory(vehicle_id="VH-S", fleet=other)
    status, told, _headers = post(reading(vehicle_id="VH-S"))
    assert (status, told["error"]) == (409, "CONFLICT")
    assert len(stream()) == 2


def test_too_many_readings_a_second_are_refused_and_told_when_to_try_again(post, vehicle, settings, stream):
    settings.TELEMETRY_RATE_PER_KEY = 10
    assert post({"readings": [reading() for _n in range(8)]})[0] == 202
    status, told, headers = post({"readings": [reading() for _n in range(8)]})
    assert (status, told["error"]) == (429, "TOO_MANY_REQUESTS")
    assert int(headers["retry-after"]) >= 1
    assert len(stream()) == 1


def test_a_full_bus_takes_no_more(post, vehicle, monkeypatch, stream):
    monkeypatch.setattr(acceptance.backlog, "_is_full", True)
    monkeypatch.setattr(acceptance.BacklogGauge, "is_due", False)
    status, told, headers = post(reading())
    assert (status, told["error"]) == (503, "UNAVAILABLE")
    assert int(headers["retry-after"]) >= 1
    assert stream() == []


def test_the_backlog_is_what_lies_on_the_bus(vehicle, settings, stream):
    settings.TELEMETRY_BACKLOG_MB = 1
    gauge = acceptance.BacklogGauge()
    gauge.look(get_bus())
    gauge.refuse_when_full()
    get_bus().append(Channel.TELEMETRY_RAW, [acceptance.Outgoing(b"x" * 100_000)] * 15)
    gauge.look(get_bus())
    with pytest.raises(acceptance.Unavailable):
        gauge.refuse_when_full()


def test_the_hot_route_goes_on_while_the_database_is_away(key, client, vehicle, stream, monkeypatch):
    _key, secret = key
    headers = {"Authorization": f"Api-Key {secret}", "Content-Type": "application/json"}
    raw = json.dumps(reading()).encode()
    assert through_gate(client, raw, headers)[0] == 202

    def away(keys):
        raise ConnectionError("the database is away")

    for known in (directory.senders, directory.vehicles):
        monkeypatch.setattr(known, "_load", away)
        known._held.update({name: (0.0, value) for name, (_until, value) in known._held.items()})
    assert through_gate(client, raw, headers)[0] == 202
    unknown = json.dumps(reading(vehicle_id="VH-7")).encode()
    status, told, answered = through_gate(client, unknown, headers)
    assert (status, told["error"]) == (503, "UNAVAILABLE")
    assert answered["retry-after"]


def test_what_was_told_lately_holds_while_it_is_asked_for_anew():
    asked = []

    def load(keys):
        asked.append(set(keys))
        return dict.fromkeys(keys, len(asked))

    async def go():
        known = directory.Directory(load, fresh_s=0.05, hold_s=30)
        told = [await known.look_up(["a", "b"])]
        await asyncio.sleep(0.06)
        told += [await known.look_up(["a"]), await known.look_up(["a"])]
        await known._next
        return [*told, await known.look_up(["a"])]

    assert asyncio.run(go()) == [{"a": 1, "b": 1}, {"a": 1}, {"a": 1}, {"a": 2}]
    assert asked == [{"a", "b"}, {"a"}]


def test_what_is_no_reading_is_given_to_django_with_its_body(key, vehicle):
    given = []

    async def django_instead(scope, receive, send):
        given.append(await receive())

    raw = json.dumps({"vehicle_id": "VH-1", "data": [{"speed_kmh": 1}]}).encode()

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message):
        raise AssertionError(message)

    gate = TelemetryGate(django_instead, problem_of)
    headers = [(b"authorization", f"Api-Key {key[1]}".encode())]
    async_to_sync(gate)({"type": "http", "method": "POST", "path": PATH, "headers": headers}, receive, send)
    assert given == [{"type": "http.request", "body": raw, "more_body": False}]
    for scope in (
        {"type": "http", "method": "GET", "path": PATH, "headers": headers},
        {"type": "http", "method": "POST", "path": PATH, "headers": []},
        {"type": "http", "method": "POST", "path": f"{PATH}/osmand", "headers": headers},
        {"type": "websocket", "path": PATH},
    ):
        async_to_sync(gate)(scope, receive, send)
    assert len(given) == 5


def test_a_phone_reports_with_its_key_in_the_address(key, vehicle, client, stream):
    at = int(timezone.now().timestamp())
    query = {
        "key": key[1],
        "id": "VH-1",
        "lat": "4.711",
        "lon": "-74.0721",
        "speed": "10",
        "timestamp": str(at),
    }
    answer = client.get(f"{PATH}/osmand", query)
    assert (answer.status_code, answer.json()) == (202, {"status": "QUEUED", "accepted": 1})
    (told,) = json.loads(stream()[0][b"data"])
    assert told["speed_kmh"] == pytest.approx(18.52)
    assert client.get(f"{PATH}/osmand", {**query, "key": "wrong"}).status_code == 401
    answer = client.get(f"{PATH}/osmand", {**query, "lat": "north"})
    assert answer.status_code == 422
    assert "north" in answer.json()["detail"]


def test_a_person_in_a_browser_may_send_too(vehicle, client, stream):
    client.force_login(User.objects.create_user("admin@x.example", None, role="ADMINISTRATOR"))
    answer = client.post(PATH, reading(), content_type="application/json")
    assert answer.status_code == 202


def test_nobody_sends_without_a_name(vehicle, client):
    assert client.post(PATH, reading(), content_type="application/json").status_code == 401


HUGE = "1" * 400


@pytest.mark.parametrize(
    "body",
    [
        f'{{"vehicle_id": "VH-1", "speed_kmh": {HUGE}}}',
        f'{{"vehicle_id": "VH-1", "g_force_long": {HUGE}}}',
        f'{{"vehicle_id": "VH-1", "counter": {HUGE}}}',
        f'{{"vehicle_id": "VH-1", "counters": [[{HUGE}]]}}',
    ],
)
def test_a_whole_number_that_no_double_holds_is_named(post, vehicle, stream, body):
    status, told, _headers = post(body.encode())
    assert (status, stream()) == (422, [])
    assert "1111111" in told["detail"]


def test_readings_without_a_time_have_each_a_time_of_its_own(post, vehicle, stream, monkeypatch):
    at = time.time_ns()
    monkeypatch.setattr("time.time_ns", lambda: at)
    untimed = {"vehicle_id": "VH-1", "speed_kmh": 30}
    for body in ({"readings": [untimed] * 100}, {"readings": [untimed] * 100}, untimed, untimed):
        assert post(body)[0] == 202
    first, *others = (int(fields[b"at"]) for fields in stream())
    assert [at - first for at in others] == [100, 200, 201]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_who_sends_is_asked_before_the_body_is_read(post, vehicle, fleet, content_type):
    _key, reader = create_key({"name": "r", "scopes": ["read"]}, fleets=[fleet], by=None)
    for body in (b"{", b"x" * 100):
        assert post(body, secret="fm_wrong", content_type=content_type)[0] == 401
        assert post(body, secret=reader, content_type=content_type)[0] == 403


def test_a_bus_that_is_away_is_told_again_and_again(
    post, key, client, vehicle, stream, settings, monkeypatch
):
    monkeypatch.setattr("telemetry.ingest.get_bus", lambda: bus_at("redis://127.0.0.1:1/0"))
    monkeypatch.setattr("telemetry.acceptance.get_bus", lambda: bus_at("redis://127.0.0.1:1/0"))
    for _again in range(2):
        status, told, headers = post(reading())
        assert (status, told["error"], bool(headers["retry-after"])) == (503, "UNAVAILABLE", True)
        tracked = client.get(f"{PATH}/osmand", {"key": key[1], "id": "VH-1", "lat": "4", "lon": "-74"})
        assert tracked.status_code == 503


def test_a_key_ends_at_its_time_even_while_the_database_is_away(fleet, client, vehicle, stream, monkeypatch):
    ends = timezone.now() + timedelta(seconds=30)
    _key, secret = create_key(
        {"name": "g", "scopes": ["ingest"], "expires_at": ends}, fleets=[fleet], by=None
    )
    headers = {"Authorization": f"Api-Key {secret}", "Content-Type": "application/json"}
    raw = json.dumps(reading()).encode()
    assert through_gate(client, raw, headers)[0] == 202
    monkeypatch.setattr("telemetry.acceptance.time.time", ends.timestamp)
    assert through_gate(client, raw, headers)[0] == 401


def test_a_traccar_client_sends_one_to_a_thousand_locations(key, vehicle, client, stream):
    for locations in ([], [{"timestamp": now(), "coords": {"latitude": 4, "longitude": -74}}] * 1_001):
        body = {"device_id": "VH-1", "location": locations}
        answer = client.post(f"{PATH}/osmand?key={key[1]}", body, content_type="application/json")
        assert (answer.status_code, stream()) == (422, [])
        assert f"{len(locations):,} readings" in answer.json()["detail"]


def test_a_fleet_that_is_named_is_no_matter_in_quarantine(post, vehicle, settings):
    settings.UNKNOWN_VEHICLES = "quarantine"
    quarantine = Fleet.objects.create(fleet_id=settings.QUARANTINE_FLEET, fleet_name="Quarantine")
    VehicleFactory(vehicle_id="NEW-2", fleet=quarantine)
    assert post(reading(vehicle_id="NEW-2", fleet_id="north"))[0] == 202
