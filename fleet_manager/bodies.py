"""Bodies that come in chunks, without their length."""

import os

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin


class ChunkedBodyMiddleware(MiddlewareMixin):
    """Django REST framework takes a body without a length for none; ASGI has it whole by now."""

    def process_request(self, request: HttpRequest) -> None:
        if "CONTENT_LENGTH" not in request.META and isinstance(request, ASGIRequest):
            body = request._stream
            request.META["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
            body.seek(0)
