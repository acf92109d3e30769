"""The project: settings, addresses, errors, jobs and the supervisor that runs them all."""

from fleet_manager.celery import app as celery_app

__all__ = ["celery_app"]
