"""Every metric that a process counts for itself; docs/operations.md tells what each one means.

What is asked of the servers as `/metrics` is read stands in ``fleet_manager.health``.
"""

from prometheus_client import Counter, Histogram

readings_accepted = Counter("fleet_readings_accepted", "Readings that were answered 202.", ["way"])
readings_refused = Counter("fleet_readings_refused", "Requests with readings that were refused.", ["code"])
readings_drained = Counter("fleet_readings_drained", "Readings that listeners took from the bus.")
readings_stored = Counter("fleet_readings_stored", "Readings that were new and are stored.")
readings_late = Counter("fleet_readings_late", "Stored readings that are older than what was known.")
readings_repeated = Counter("fleet_readings_repeated", "Readings that were stored before.")
entries_parked = Counter("fleet_entries_parked", "Entries of the bus, or parts of them, that were parked.")
rule_evaluations = Counter("fleet_rule_evaluations", "Changes of vehicles that were held against rules.")
rule_firings = Counter("fleet_rule_firings", "Times that a rule fired.")
actions = Counter("fleet_actions", "Attempts of rules' actions, by their outcome.", ["type", "outcome"])
trips_scored = Counter("fleet_trips_scored", "Trips that were scored, or failed.", ["outcome"])
import_rows = Counter("fleet_import_rows", "Rows of files, by what became of them.", ["outcome"])

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
