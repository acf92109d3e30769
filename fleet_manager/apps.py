"""The project as an application: it brings checks."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from fleet_manager.checks import check_postgres_version


class FleetManagerConfig(AppConfig):
    name = "fleet_manager"

    def ready(self) -> None:
        register(check_postgres_version, Tags.database)
