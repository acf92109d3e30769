from typing import Any

from django.core.management.base import BaseCommand

from telemetry.retention import archive_readings


class Command(BaseCommand):
    help = "Archives the readings that are older than their fleet keeps them, as the worker does every hour."

    def handle(self, *args: Any, **options: Any) -> None:
        for archive in archive_readings():
            self.stdout.write(f"{archive.name}: {archive.readings:,} readings, {archive.size:,} bytes")
        self.stdout.write("nothing is due any more")
