"""`/healthz`, `/readyz` and `/metrics`: is the process up, do its servers answer, and what has it done."""

import time
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api_pattern.metrics import request_seconds
from msg_pattern.bus import get_bus
from vehicle_management.models import ChangeBatch

ANSWER_WITHIN_S = 3
QUEUES = ("imports", "celery")


class RequestMetricsMiddleware:
    """Measures by route, not by path: a label per vehicle would fill the memory."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unknown"
        request_seconds.labels(request.method, route, response.status_code).observe(
            time.perf_counter() - started
        )
        return response


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "up"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    parts = {name: check() for name, check in CHECKS.items()}
    ready = all(state == "up" for state in parts.values())
    response = JsonResponse(
        {"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503
    )
    if not ready:
        response["Retry-After"] = "5"
    return response


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def database_state() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "down"
    return "up"


def bus_state() -> str:
    try:
        return "up" if get_bus().ping() else "down"
    except redis.RedisError:
        return "down"


def broker_state() -> str:
    try:
        with Connection(settings.CELERY_BROKER_URL, connect_timeout=ANSWER_WITHIN_S) as broker:
            broker.ensure_connection(max_retries=1, timeout=ANSWER_WITHIN_S)
    except (OperationalError, OSError):
        return "down"
    return "up"


CHECKS: dict[str, Callable[[], str]] = {"database": database_state, "bus": bus_state, "broker": broker_state}


class Waiting(Collector):
    """What lies waiting: bells in the queues, and changes that rules have not seen yet."""

    def describe(self) -> list[GaugeMetricFamily]:
        """Empty: else registering would ask the servers."""
        return []

    def collect(self) -> list[GaugeMetricFamily]:
        queues = GaugeMetricFamily(
            "fleet_queue_messages", "Messages that wait in a job queue.", labels=["queue"]
        )
        try:
            with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=ANSWER_WITHIN_S) as client:
                for queue in QUEUES:
                    queues.add_metric([queue], float(client.llen(queue)))
        except redis.RedisError:
            queues.samples.clear()
        changes = GaugeMetricFamily(
            "fleet_change_batches_pending", "Change batches that rules have not seen yet."
        )
        try:
            changes.add_metric([], float(ChangeBatch.objects.filter(done_at=None).count()))
        except DatabaseError:
            changes.samples.clear()
        return [queues, changes]


REGISTRY.register(Waiting())
