"""What the hot route's processes learn of senders, vehicles and the bus is nothing for the next test."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connections

from telemetry import acceptance, directory


@contextmanager
def nothing_learnt(patch: pytest.MonkeyPatch) -> Iterator[None]:
    for known in (directory.senders, directory.vehicles):
        known._held.clear()
    patch.setattr(acceptance.rates, "_left", {})
    patch.setattr(acceptance.receipts, "_last", {})
    patch.setattr(acceptance.backlog, "_is_full", False)
    asking = ThreadPoolExecutor(1)
    patch.setattr(directory, "_asking", asking)
    yield
    asking.submit(connections.close_all).result()
    asking.shutdown()
