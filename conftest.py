"""Starts PostgreSQL and Valkey for this run of the tests, before Django reads its settings.

One PostgreSQL serves all workers of a parallel run, each with a database of its own; each has a Valkey of its
own, as what is published reaches every number of a Valkey.
Where DATABASE_URL and REDIS_URL are given, those servers are used instead.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from fleet_manager.supervisor.processes import Child
from fleet_manager.supervisor.servers import Postgres, Server, Valkey

STARTED: list[Child] = []
FOLDERS: list[Path] = []
OWN_VALKEY = "FLEET_TESTS_OWN_VALKEY"


def start(server: Server, home: Path) -> None:
    server.prepare()
    STARTED.append(Child(server.spec(), home / f"{server.name}.log"))
    deadline = time.monotonic() + 60
    while not server.is_ready():
        if time.monotonic() > deadline or not STARTED[-1].is_running():
            raise pytest.UsageError((home / f"{server.name}.log").read_text())
        time.sleep(0.05)
    server.after_start()


def set_up_environment() -> None:
    home = Path(tempfile.mkdtemp(prefix="fleet-test-"))
    FOLDERS.append(home)
    os.environ["DJANGO_ENV"] = "testing"
    os.environ["FLEET_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "fleet_manager.settings"
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(home, environment=os.environ.copy(), durable=False)
        start(postgres, home)
        os.environ["DATABASE_URL"] = postgres.url
    if not os.environ.get("REDIS_URL"):
        set_up_valkey(home)


def set_up_valkey(home: Path) -> None:
    valkey = Valkey(home, environment=os.environ.copy(), durable=False)
    start(valkey, home)
    os.environ["REDIS_URL"] = valkey.url
    os.environ[OWN_VALKEY] = "1"


def set_up_worker(name: str) -> None:
    """Worker gw3 has a folder gw3, and a Valkey in it where its parent's is one of ours."""
    home = Path(os.environ["FLEET_HOME"]) / name
    home.mkdir()
    os.environ["FLEET_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "fleet_manager.settings"
    if OWN_VALKEY in os.environ:
        set_up_valkey(home)
    else:
        number = int(name.removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("?db=0", f"?db={number}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[object]) -> None:
    """A worker that inherited it would read its settings before it has a Redis number of its own."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    for child in reversed(STARTED):
        child.stop()
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)


if settings.configured:
    raise pytest.UsageError(
        "DJANGO_SETTINGS_MODULE is set: unset it, the tests choose their settings themselves."
    )
if "PYTEST_XDIST_WORKER" in os.environ:
    set_up_worker(os.environ["PYTEST_XDIST_WORKER"])
else:
    set_up_environment()
# pytest-django sets Django up where settings were read by now.
assert settings.DATABASES
for folder in (settings.STATIC_ROOT, settings.FILE_UPLOAD_TEMP_DIR):
    Path(folder).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def leave_no_readings(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Django empties the tables that it made; that of the readings is not one of them."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM telemetry_reading)")
            if cursor.fetchone()[0]:
                cursor.execute("TRUNCATE telemetry_reading")
