"""The project as an application: it makes the folders that the settings name, and brings checks."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Tags, register

from fleet_manager.checks import check_postgres_version


class FleetManagerConfig(AppConfig):
    name = "fleet_manager"

    def ready(self) -> None:
        for folder in (settings.FILE_UPLOAD_TEMP_DIR, settings.EMAIL_FILE_PATH):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        register(check_postgres_version, Tags.database)
