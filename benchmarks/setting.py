"""Where a benchmark runs: servers of its own, as `make run` starts them, in a folder that goes with it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from fleet_manager.supervisor.processes import Child
from fleet_manager.supervisor.servers import Postgres, Server, Valkey

VARIABLES = ("FLEET_HOME", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "DJANGO_ENV", "DEMO")


def prepare_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_manager.settings")
    django.setup()


def environment() -> dict[str, str]:
    return dict(os.environ)


@contextmanager
def servers() -> Iterator[Path]:
    """A migrated, empty installation; yields its folder."""
    home = Path(tempfile.mkdtemp(prefix="fleet-bench-"))
    before = {name: os.environ.get(name) for name in VARIABLES}
    started: list[Child] = []
    try:
        os.environ |= {"FLEET_HOME": str(home), "DJANGO_ENV": "development", "DEMO": "0"}
        for server in (
            Postgres(home, environment=os.environ.copy()),
            Valkey(home, environment=os.environ.copy()),
        ):
            started.append(_start(server, home))
            os.environ["DATABASE_URL" if server.name == "postgres" else "REDIS_URL"] = server.url
        prepare_django()
        _migrate()
        yield home
    finally:
        for child in reversed(started):
            child.stop()
        shutil.rmtree(home, ignore_errors=True)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _start(server: Server, home: Path) -> Child:
    server.prepare()
    child = Child(server.spec(), home / f"{server.name}.log")
    deadline = time.monotonic() + 60
    while not server.is_ready():
        if time.monotonic() > deadline or not child.is_running():
            raise SystemExit((home / f"{server.name}.log").read_text())
        time.sleep(0.05)
    server.after_start()
    return child


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def fleet_and_person() -> tuple[Any, Any]:
    """The fleet that files go to, and the administrator who sends them."""
    from accounts.models import Fleet, User

    fleet, _made = Fleet.objects.get_or_create(fleet_id="bench", defaults={"fleet_name": "Bench"})
    by = User.objects.filter(email="bench@fleet.example").first()
    return fleet, by or User.objects.create_superuser("bench@fleet.example", None)
