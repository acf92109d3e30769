"""Every metric that a process counts for itself; docs/operations.md tells what each one means.

What is asked of the servers as `/metrics` is read stands in ``fleet_manager.gauges``.

Counting costs about a microsecond, an observation two (a counter with labels two as well: hold on to
``metric.labels(…)`` where it is hot, or count by the batch: ``inc(n)``). Labels come from small closed
sets; those that are known begin at 0, as an alert sees no rise in what was not there before.
"""

from itertools import product

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

# Processes that share their files do not tell when a series began; one alone need not either.
disable_created_metrics()

WAYS = ("hot", "django", "osmand", "mqtt", "bus")
REFUSALS = ("401", "403", "409", "413", "415", "422", "429", "503")
ROW_OUTCOMES = ("created", "updated", "unchanged", "repeated", "failed")
UPLOAD_OUTCOMES = ("applied", "review", "failed")
TRIP_OUTCOMES = ("completed", "failed")

readings_accepted = Counter("fleet_readings_accepted", "Readings that were answered 202.", ["way"])
readings_refused = Counter("fleet_readings_refused", "Requests with readings that were refused.", ["code"])
readings_drained = Counter("fleet_readings_drained", "Readings that listeners took from the bus.")
readings_stored = Counter("fleet_readings_stored", "Readings that were new and are stored.")
readings_late = Counter("fleet_readings_late", "Stored readings that are older than what was known.")
readings_repeated = Counter("fleet_readings_repeated", "Readings that were stored before.")
entries_parked = Counter("fleet_entries_parked", "Entries of the bus, or parts of them, that were parked.")
rule_evaluations = Counter(
    "fleet_rule_evaluations", "Changes of vehicles held against rules: each vehicle once for each rule."
)
rule_firings = Counter("fleet_rule_firings", "Times that a rule fired.")
actions = Counter("fleet_actions", "Attempts of rules' actions, by their outcome.", ["type", "outcome"])
trips_scored = Counter("fleet_trips_scored", "Trips that were scored, or failed.", ["outcome"])
import_rows = Counter("fleet_import_rows", "Rows of files, by what became of them.", ["outcome"])
uploads = Counter("fleet_uploads", "Files, by how their reading ended.", ["outcome"])

ingest_seconds = Histogram(
    "fleet_ingest_seconds",
    "Time from a request with readings to its 202.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
store_seconds = Histogram(
    "fleet_store_seconds",
    "Time of one transaction that stores a batch of readings.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
import_chunk_seconds = Histogram(
    "fleet_import_chunk_seconds",
    "Time of one transaction that applies a chunk of a file.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
request_seconds = Histogram(
    "fleet_request_seconds",
    "Time to answer a request, by method, route and status.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

database_pool = Gauge(
    "fleet_database_pool",
    "Connections that web processes may have (max), have (open), and do not use (idle); requests that wait"
    " for one (waiting).",
    ["state"],
    multiprocess_mode="livesum",
)


def begin_at_zero(metric: MetricWrapperBase, *values: tuple[str, ...]) -> None:
    """Make the series of all combinations of labels, given the values of each label."""
    for labels in product(*values):
        metric.labels(*labels)


begin_at_zero(readings_accepted, WAYS)
begin_at_zero(readings_refused, REFUSALS)
begin_at_zero(trips_scored, TRIP_OUTCOMES)
begin_at_zero(import_rows, ROW_OUTCOMES)
begin_at_zero(uploads, UPLOAD_OUTCOMES)
