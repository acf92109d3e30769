"""`/healthz`, `/readyz` and `/metrics`: is the process up, can it do its work, and what has it done."""

import re
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api_pattern.exposition import registry_with
from api_pattern.metrics import request_seconds
from fleet_manager import readiness
from fleet_manager.gauges import Asked, note_pool
from fleet_manager.process_gauges import Processes

HEALTH = re.compile(r"/(healthz|readyz|metrics)/?")
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
POOL_NOTED_EVERY_S = 1.0

registry = registry_with(Asked(), Processes())


class RequestMetricsMiddleware:
    """Measures by route, not by path: a label per vehicle would fill the memory."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        note_pool(every_s=POOL_NOTED_EVERY_S)
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unknown"
        method = request.method if request.method in METHODS else "OTHER"
        request_seconds.labels(method, route, response.status_code).observe(time.perf_counter() - started)
        return response


class HealthMiddleware:
    """Answers before all others: who asks for health calls us by an address that no ALLOWED_HOSTS names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not HEALTH.fullmatch(request.path_info):
            return self.get_response(request)
        request.resolver_match = resolve(request.path_info)
        answer: HttpResponse = request.resolver_match.func(request)
        return answer


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "up"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    parts = readiness.states()
    ready = all(state == readiness.UP for state in parts.values())
    response = JsonResponse(
        {"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503
    )
    if not ready:
        response["Retry-After"] = "5"
    return response


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
