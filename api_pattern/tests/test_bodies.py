"""Bodies that cannot be are refused with 422, and nothing answers 500."""

import pytest

from accounts.tests.people import People

pytestmark = pytest.mark.django_db

WRONG = {
    "not JSON": b"{",
    "nothing": b" ",
    "bytes": b"\xff\xfe{}",
    "NaN": b'{"fleet_id": NaN}',
    "infinity": b'{"fleet_id": -Infinity}',
    "too large a number": b'{"fleet_id": 1e999}',
    "too many digits": b'{"fleet_id": ' + b"9" * 5000 + b"}",
    "twice": b'{"fleet_id": "a", "fleet_id": "b", "fleet_name": "x"}',
    "NUL": b'{"fleet_id": "a\\u0000", "fleet_name": "x"}',
    "NUL in a name": b'{"fleet\\u0000_id": "a"}',
    "half a pair": b'{"fleet_id": "\\ud83d", "fleet_name": "x"}',
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 40 + b"]" * 40,
    "an array": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"3",
    "true": b"true",
}


@pytest.fixture
def admin():
    return People.make().client("administrator")


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_a_body_that_cannot_be_is_refused(admin, body, method):
    path = "/api/v1/fleet" if method == "post" else "/api/v1/fleet/fleet-north"
    answer = getattr(admin, method)(path, body, content_type="application/json")
    assert answer.status_code == 422
    told = answer.json()
    assert told["error"] == "UNPROCESSABLE"
    assert told["status_code"] == 422
    assert told["detail"]


def test_a_body_that_is_too_large_is_refused_as_such(admin, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = admin.post("/api/v1/fleet", {"fleet_id": "a", "fleet_name": "x" * 200})
    assert answer.status_code == 413
    assert answer.json()["error"] == "PAYLOAD_TOO_LARGE"


def test_other_media_types_are_refused(admin):
    answer = admin.post("/api/v1/fleet", "a=b", content_type="text/plain")
    assert answer.status_code == 415
    assert answer.json()["error"] == "UNSUPPORTED_MEDIA_TYPE"
    answer = admin.get("/api/v1/fleet", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert answer.json()["error"] == "NOT_ACCEPTABLE"


def test_a_pair_of_surrogates_and_a_byte_order_mark_are_fine(admin):
    body = b'\xef\xbb\xbf{"fleet_id": "\\ud83d\\ude9a", "fleet_name": "x"}'
    answer = admin.post("/api/v1/fleet", body, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["fleet_id"] == "🚚"
    assert admin.get("/api/v1/fleet/🚚").status_code == 200
