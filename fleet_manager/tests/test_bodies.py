import io

from django.core.handlers.asgi import ASGIRequest

from fleet_manager.bodies import ChunkedBodyMiddleware


def request_with(body: bytes, *headers: tuple[bytes, bytes]) -> ASGIRequest:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/fleet",
        "query_string": b"",
        "headers": headers,
    }
    return ASGIRequest(scope, io.BytesIO(body))


def test_a_body_in_chunks_gets_the_length_that_it_has():
    request = request_with(b'{"a": 1}', (b"transfer-encoding", b"chunked"))
    ChunkedBodyMiddleware(lambda request: None)(request)
    assert request.META["CONTENT_LENGTH"] == "8"
    assert request.body == b'{"a": 1}'


def test_a_told_length_is_left_alone():
    request = request_with(b'{"a": 1}', (b"content-length", b"8"))
    ChunkedBodyMiddleware(lambda request: None)(request)
    assert request.META["CONTENT_LENGTH"] == "8"
