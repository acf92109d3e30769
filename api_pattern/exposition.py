"""What this process, or all that count in one folder with it, have counted, as Prometheus reads it."""

import os
from collections.abc import Iterable
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api_pattern.metric_files import fold_ended, is_running, locked


class CountedTogether(Collector):
    """What all processes have counted that share a folder, also those that have ended."""

    def __init__(self, folder: Path, *, folds: bool = False) -> None:
        self.folder, self.folds = folder, folds

    def collect(self) -> Iterable[Metric]:
        if self.folds:
            fold_ended(self.folder, is_running)
        with locked(self.folder):
            # A file is empty for the moment in which it is made, and for ever where its process died then.
            files = [str(path) for path in self.folder.glob("*.db") if path.stat().st_size]
            return MultiProcessCollector.merge(files)


def registry_with(*collectors: Collector, folds: bool = False) -> CollectorRegistry:
    """What was counted and, beside it, what ``collectors`` find out as they are asked.

    ``folds``: this process keeps the folder small, as no supervisor does.
    """
    registry = CollectorRegistry()
    # As prometheus_client itself reads it, once, when it is imported.
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    counted = CountedTogether(Path(folder), folds=folds) if folder else REGISTRY
    for collector in (counted, *collectors):
        registry.register(collector)
    return registry


def serve_metrics(port: int, *, host: str) -> WSGIServer | None:
    """Answer at http://host:port/metrics from a thread of its own, for a process that serves no pages."""
    if not port:
        return None
    server, _thread = start_http_server(port, addr=host, registry=registry_with(folds=True))
    return server
