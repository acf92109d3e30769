"""Telemetry in Django admin, a module per matter."""

from telemetry import parked_admin, retention_admin, trip_admin

__all__ = ["parked_admin", "retention_admin", "trip_admin"]
