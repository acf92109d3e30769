"""What Django checks about this installation before it starts."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections

from fleet_manager.supervisor.servers import LEAST_POSTGRES


def check_postgres_version(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    return [error for alias in databases or () for error in _too_old(alias)]


def _too_old(alias: str) -> list[CheckMessage]:
    version = connections[alias].pg_version  # type: ignore[attr-defined]  # of the PostgreSQL backend
    if version >= LEAST_POSTGRES:
        return []
    return [
        Error(
            f"The database server is PostgreSQL {version // 10_000}.",
            hint=f"Use PostgreSQL {LEAST_POSTGRES // 10_000} or newer.",
            id="fleet_manager.E001",
        )
    ]
