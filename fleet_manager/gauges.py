"""What is found out as `/metrics` is read: what waits, for how long, and what the servers have left.

What a server does not tell in time is left out; `fleet_ready` then says which one it was.
"""

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from amqp.exceptions import ChannelError
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Count, F, Max, Min
from django.db.models.functions import Greatest
from django.utils import timezone
from kombu import Connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api_pattern.metrics import database_pool
from file_manager.models import Upload
from fleet_manager import readiness
from fleet_manager.probes import Probe
from fleet_manager.readiness import ANSWER_WITHIN_S
from msg_pattern.messages import Channel
from rules.models import FiringAction
from telemetry.acceptance import GROUP, MEGABYTE
from telemetry.models import ParkedEntry, Trip
from telemetry.partitions import existing_days
from vehicle_management.models import LANES, ChangeBatch

log = structlog.get_logger(__name__)

# Name: what it tells, and its labels.
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "fleet_ready": ("1 where /readyz calls the part up, else 0.", ("part",)),
    "fleet_backlog_entries": ("Entries of a channel that nobody has acknowledged.", ("channel",)),
    "fleet_backlog_bytes": ("Their bytes, as the bus keeps them.", ("channel",)),
    "fleet_backlog_limit_bytes": ("Past so many bytes readings are answered 503.", ("channel",)),
    "fleet_lag_seconds": ("For how long the oldest thing waits for its consumer.", ("consumer",)),
    "fleet_queue_messages": ("Messages that wait in a job queue.", ("queue",)),
    "fleet_queue_age_seconds": ("For how long the oldest work that is due waits.", ("queue",)),
    "fleet_change_batches_pending": ("Change batches that rules have not seen yet.", ()),
    "fleet_stale_buckets": ("Buckets of 5 minutes whose sums are out of date.", ()),
    "fleet_parked_entries": ("Entries that could not be taken and wait for an administrator.", ()),
    "fleet_database_connections": ("Connections that the database has open for clients.", ()),
    "fleet_database_connections_max": ("Connections that the database allows.", ()),
    "fleet_partitions_days_ahead": ("Days after today whose readings have a table already.", ()),
}
POOL_STATES = {
    "max": "pool_max",
    "open": "pool_size",
    "idle": "pool_available",
    "waiting": "requests_waiting",
}

Sample = tuple[str, tuple[str, ...], float]


class Asked(Collector):
    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Empty: else registering would ask the servers."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families = {name: GaugeMetricFamily(name, told, labels=of) for name, (told, of) in GAUGES.items()}
        for name, labels, value in samples():
            families[name].add_metric(labels, value)
        return families.values()


def samples() -> list[Sample]:
    note_pool()
    asked = {name: probe.start() for name, probe in SOURCES.items()}
    states = readiness.states()
    found: list[Sample] = [("fleet_ready", (part,), float(state == "up")) for part, state in states.items()]
    for name, question in asked.items():
        try:
            found += question.answer(ANSWER_WITHIN_S)
        except Exception as error:
            log.warning("figures are missing", source=name, reason=f"{type(error).__name__}: {error}"[:200])
    return found


# ------------------------------------------------------------ the bus and the broker


def of_bus() -> list[Sample]:
    channel, backlog = str(Channel.TELEMETRY_RAW), readiness.readings_backlog()
    return [
        ("fleet_backlog_entries", (channel,), backlog.entries),
        ("fleet_backlog_bytes", (channel,), backlog.size),
        ("fleet_backlog_limit_bytes", (channel,), settings.TELEMETRY_BACKLOG_MB * MEGABYTE),
        ("fleet_lag_seconds", (GROUP,), backlog.oldest_s),
    ]


def of_broker() -> list[Sample]:
    with readiness.connected_broker() as broker:
        return [("fleet_queue_messages", (name,), messages_in(broker, name)) for name in queues()]


def queues() -> list[str]:
    routed = {str(route["queue"]) for route in settings.CELERY_TASK_ROUTES.values()}
    return sorted({settings.CELERY_TASK_DEFAULT_QUEUE} | routed)


def messages_in(broker: Connection, queue: str) -> float:
    """A queue that nobody has declared yet, and on Redis one that is empty, is not there."""
    try:
        with broker.channel() as channel:
            return float(channel.queue_declare(queue, passive=True).message_count)  # type: ignore[attr-defined]
    except ChannelError as error:
        if str(error.reply_code) != "404":
            raise
        return 0.0


# ------------------------------------------------------------ the database


def of_database() -> list[Sample]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [f"{ANSWER_WITHIN_S}s"])
        now = timezone.now()
        return [*_lanes(now), *_queue_ages(now), *_rollups(now), *_stock(now)]


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _lanes(now: datetime) -> Iterable[Sample]:
    pending = ChangeBatch.objects.filter(done_at=None).values_list("lane")
    lanes = {
        lane: (count, oldest) for lane, count, oldest in pending.annotate(Count("pk"), Min("created_at"))
    }
    yield "fleet_change_batches_pending", (), sum(count for count, _oldest in lanes.values())
    for lane in range(LANES):
        yield "fleet_lag_seconds", (f"rules-{lane}",), _seconds(now, lanes.get(lane, (0, None))[1])


def _queue_ages(now: datetime) -> Iterable[Sample]:
    actions = FiringAction.objects.filter(status=FiringAction.Status.PENDING, next_at__lte=now)
    # A trip that was found is PROCESSING for as long as its vehicle drives.
    trips = Trip.objects.filter(
        status__in=(Trip.Status.PENDING, Trip.Status.PROCESSING), origin=Trip.Origin.POSTED
    )
    oldest = {
        "actions": actions.aggregate(at=Min("next_at"))["at"],
        "trips": trips.aggregate(at=Min("created_at"))["at"],
        "uploads": _longest_still(),
    }
    for queue, since in oldest.items():
        yield "fleet_queue_age_seconds", (queue,), _seconds(now, since)


def _longest_still() -> datetime | None:
    """Since when that upload stands still of which nothing was read or applied for the longest time."""
    unfinished = Upload.objects.filter(
        status__in=(Upload.Status.UPLOADED, Upload.Status.READING, Upload.Status.APPLYING)
    )
    moved = unfinished.annotate(moved=Greatest(F("created_at"), F("started_at"), Max("chunks__done_at")))
    return min(moved.values_list("moved", flat=True), default=None)


def _rollups(now: datetime) -> Iterable[Sample]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(cardinality(vehicles)), 0), min(created_at) FROM telemetry_stalebuckets"
        )
        count, oldest = cursor.fetchone()
    yield "fleet_stale_buckets", (), float(count)
    yield "fleet_lag_seconds", ("rollups",), _seconds(now, oldest)


def _stock(now: datetime) -> Iterable[Sample]:
    yield "fleet_parked_entries", (), ParkedEntry.objects.count()
    yield "fleet_partitions_days_ahead", (), days_ahead(existing_days(), now.astimezone(UTC).date())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), current_setting('max_connections')::int"
            " FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        used, most = cursor.fetchone()
    yield "fleet_database_connections", (), used
    yield "fleet_database_connections_max", (), most


def days_ahead(days: Iterable[date], today: date) -> int:
    """How many days after today have a table without a gap; -1 where today has none."""
    made, ahead = set(days), -1
    while today + timedelta(days=ahead + 1) in made:
        ahead += 1
    return ahead


# ------------------------------------------------------------ this process's own connections

_noted_at = 0.0


def note_pool(*, every_s: float = 0.0) -> None:
    """Tell how this process's pool stands, unless that was told less than ``every_s`` ago."""
    global _noted_at  # noqa: PLW0603
    now = time.monotonic()
    if not settings.DATABASE_POOL_SIZE or now - _noted_at < every_s:
        return
    _noted_at = now
    database: Any = connections["default"]
    stats = database.pool.get_stats()
    for state, name in POOL_STATES.items():
        database_pool.labels(state).set(stats.get(name, 0))


SOURCES: dict[str, Probe[list[Sample]]] = {
    name: Probe(ask) for name, ask in {"database": of_database, "bus": of_bus, "broker": of_broker}.items()
}
