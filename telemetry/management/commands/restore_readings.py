from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.archives import ArchiveIsDamaged
from telemetry.models import Archive
from telemetry.restoring import ArchiveIsBusy, restore_archive


class Command(BaseCommand):
    help = "Loads an archive's readings again, for some days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="such as archives/fleet-001/2026-03-02.parquet, or its number")
        parser.add_argument("--days", type=float, default=7, help="how long they stay (default: 7)")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        found = {"pk": int(name)} if name.isdecimal() else {"name": name}
        archive = Archive.objects.exclude(status=Archive.Status.WRITING).filter(**found).first()
        if archive is None:
            raise CommandError(f"There is no archive {name}; GET /api/v1/archives lists them.")
        if not options["days"] > 0:
            raise CommandError(f"--days {options['days']:g} is not more than 0.")
        try:
            restore_archive(archive, until=timezone.now() + timedelta(days=options["days"]))
        except (ArchiveIsBusy, ArchiveIsDamaged) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{archive.name}: {archive.readings:,} readings are at hand again")
