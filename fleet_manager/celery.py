"""The Celery application: a doorbell that wakes workers, never the place where work is kept."""

import ctypes
import os
import signal
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready
from django.conf import settings

from api_pattern.exposition import serve_metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_manager.settings")

PR_SET_PDEATHSIG = 1

app = Celery("fleet_manager")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def leave_logging_to_django(**kwargs: Any) -> None:
    """Django has configured logging already; a receiver here keeps Celery from replacing it."""


@worker_process_init.connect
def die_with_the_worker(**kwargs: Any) -> None:
    """Without this a killed worker leaves its pool processes behind, which go on importing."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@worker_ready.connect
def tell_metrics(**kwargs: Any) -> None:
    """Once the pool is there: what its processes count reaches us through a folder that we share with them."""
    serve_metrics(settings.METRICS_PORT, host=settings.METRICS_HOST)
