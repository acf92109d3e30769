"""Whether this installation can do its work: its servers answer, and what waits does not wait for long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu import Connection

from fleet_manager.probes import Probe, Question
from msg_pattern.bus import Backlog, get_bus
from msg_pattern.messages import Channel
from telemetry.acceptance import GROUP, MEGABYTE
from vehicle_management.models import ChangeBatch

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 3
UP, DOWN, OVER = "up", "down", "over"


def states() -> dict[str, str]:
    """Each part as `up`, `down` or, past its limit, `over`; within a few seconds whatever hangs."""
    asked = {name: probe.start() for name, probe in PROBES.items()}
    return {name: _state_of(name, question) for name, question in asked.items()}


def _state_of(name: str, question: Question[str]) -> str:
    try:
        return question.answer(ANSWER_WITHIN_S)
    except Exception as error:
        # Whatever it is: each kind of bus and broker breaks in its own way.
        log.warning("not ready", part=name, reason=f"{type(error).__name__}: {error}"[:200])
        return DOWN


def database_state() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return UP


def bus_state() -> str:
    return UP if get_bus().ping() else DOWN


def broker_state() -> str:
    with connected_broker():
        return UP


@contextmanager
def connected_broker() -> Iterator[Connection]:
    with Connection(settings.CELERY_BROKER_URL, connect_timeout=ANSWER_WITHIN_S) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        yield broker


def backlog_state() -> str:
    return OVER if readings_backlog().size > settings.READY_MAX_BACKLOG_MB * MEGABYTE else UP


def lag_state() -> str:
    is_over = readings_backlog().oldest_s > settings.READY_MAX_LAG_S or standing_lanes()
    return OVER if is_over else UP


def readings_backlog() -> Backlog:
    return get_bus().backlog(Channel.TELEMETRY_RAW, group=GROUP)


def standing_lanes() -> set[int]:
    """Lanes whose changes wait for too long for rules and map, and on which nobody has worked meanwhile.

    A big import keeps the lanes busy for minutes: that is no reason to send people elsewhere.
    """
    since = timezone.now() - timedelta(seconds=settings.READY_MAX_LAG_S)
    lanes = ChangeBatch.objects.order_by().values_list("lane", flat=True).distinct()
    late = set(lanes.filter(done_at=None, created_at__lt=since))
    return late - set(lanes.filter(done_at__gte=since)) if late else late


CHECKS: dict[str, Callable[[], str]] = {
    "database": database_state,
    "bus": bus_state,
    "broker": broker_state,
    "backlog": backlog_state,
    "lag": lag_state,
}
PROBES = {name: Probe(check) for name, check in CHECKS.items()}
