"""Log lines: JSON in production, readable elsewhere, each with the request's or task's id and the user."""

import logging
import logging.config
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.http import HttpRequest, HttpResponse
from structlog.types import EventDict, WrappedLogger

QUIET_PATHS = ("/healthz", "/readyz", "/metrics", "/static/")

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)
_requests_log = logging.getLogger("fleet_manager.requests")


def logging_config(*, level: str, form: str, coloured: bool) -> dict[str, Any]:
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback)
    )
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        final.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [*final, renderer],
                "foreign_pre_chain": _shared_processors(),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING", "handlers": [], "propagate": True},
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},
            "uvicorn.access": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        add_user,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        drop_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def add_user(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Name who acts, but never ask the database for it: a log line must not cost a query."""
    request = _request.get()
    if request is not None and "user" not in line:
        name = _known_user(request)
        if name:
            line["user"] = name
    return line


def drop_colours(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """uvicorn sends each line twice, the second time with colours in it."""
    line.pop("color_message", None)
    return line


def _known_user(request: HttpRequest) -> str:
    user = getattr(request, "_cached_user", None) or request.__dict__.get("user")
    if user is None or type(user).__name__ == "SimpleLazyObject":
        return ""
    if not getattr(user, "is_authenticated", False):
        return "anonymous"
    key = getattr(user, "key", None)
    return f"key:{key.pk}" if key is not None else f"user:{getattr(user, 'pk', '')}"


class RequestLogMiddleware:
    """Gives each request an id, answers it as X-Request-ID, and writes one line per request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _given_id(request) or uuid.uuid4().hex
        token = _request.set(request)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = self.get_response(request)
                response["X-Request-ID"] = request_id
                self._write(request, response, time.perf_counter() - started)
                return response
            finally:
                _request.reset(token)

    def _write(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        if request.path.startswith(QUIET_PATHS):
            return
        level = logging.WARNING if response.status_code >= 500 else logging.INFO
        _requests_log.log(
            level,
            "%s %s %s",
            request.method,
            request.path,
            response.status_code,
            extra={"status": response.status_code, "ms": round(seconds * 1000, 1)},
        )


def _given_id(request: HttpRequest) -> str:
    """An id that a proxy gave, where it is harmless to write into a log."""
    given = request.headers.get("X-Request-ID", "")
    return given if 8 <= len(given) <= 64 and given.replace("-", "").isalnum() and given.isascii() else ""


@before_task_publish.connect
def send_ids_along(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """A task's lines name the request and the person that asked for it."""
    request = _request.get()
    if headers is not None and request is not None:
        bound = structlog.contextvars.get_contextvars()
        headers["asked_by"] = {"request_id": bound.get("request_id", ""), "user": _known_user(request)}


@task_prerun.connect
def bind_task(task_id: str = "", task: Any = None, **kwargs: Any) -> None:
    asked_by = (getattr(task.request, "headers", None) or {}).get("asked_by") or {}
    known = {name: value for name, value in asked_by.items() if value}
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task.name, **known)


@task_postrun.connect
def unbind_task(**kwargs: Any) -> None:
    structlog.contextvars.unbind_contextvars("task_id", "task", "request_id", "user")
