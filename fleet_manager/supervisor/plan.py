"""What an installation consists of: its addresses, its servers, and the commands of its processes."""

import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from fleet_manager import env
from fleet_manager.supervisor.home import Home
from fleet_manager.supervisor.processes import Spec
from fleet_manager.supervisor.servers import Postgres, Server, ServerError, Valkey, refuse_old_postgres

DEMO_ACCOUNTS = (
    ("administrator", "admin@fleet.example", "Admin123!"),
    ("manager", "manager@fleet.example", "Manager123!"),
    ("operator", "operator@fleet.example", "Operator123!"),
)
WEB_POOL_SIZE = 16
# What the demo fleet does: modest enough for a laptop.
DEMO_DRIVES = (
    "--fleet-id",
    "fleet-demo-001",
    "--area",
    "hamburg",
    "--vehicles",
    "25",
    "--interval-ms",
    "2000",
)
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared with, not bound to


@dataclass
class Plan:
    home: Home
    port: int
    host: str
    demo: bool
    database_url: str
    redis_url: str
    servers: list[Server]
    environment: dict[str, str]
    listening: socket.socket | None = None
    web_workers: int = 1
    import_workers: int = 2
    job_workers: int = 2
    simulates: bool = False
    hears_mqtt: bool = False
    heartbeats: dict[str, Path] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{'127.0.0.1' if self.host == EVERY_ADDRESS else self.host}:{self.port}"

    def listen(self) -> None:
        """Taken once and handed to the web process, whose restarts then refuse no one."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.host, self.port))
        except OSError as error:
            listening.close()
            raise ServerError(
                f"Port {self.port} on {self.host} cannot be used ({error.strerror}). "
                f"Another program may hold it; choose another one: make run PORT={self.port + 1}"
            ) from None
        listening.listen(1024)
        self.listening = listening

    # ------------------------------------------------------------ processes

    def manage(self, *arguments: str) -> Spec:
        return self._command(f"setup-{arguments[0]}", *arguments)

    def processes(self) -> list[Spec]:
        """In the order in which they are started; they are stopped in the reverse one."""
        return [
            *(self._web(number) for number in range(1, self.web_workers + 1)),
            self._worker("worker", "imports", self.import_workers),
            self._worker("worker-2", "celery", self.job_workers),
            self._beat(),
            self._listener(),
            *([self._command("mqtt", "listen_mqtt")] if self.hears_mqtt else []),
            *([self._command("simulator", "simulate", "--wait", *DEMO_DRIVES)] if self.simulates else []),
        ]

    def _web(self, number: int) -> Spec:
        assert self.listening is not None
        name = "web" if number == 1 else f"web-{number}"
        spec = self._python(name, "-m", "fleet_manager.web", "--fd", str(self.listening.fileno()))
        spec.environment = {"DATABASE_POOL_SIZE": str(WEB_POOL_SIZE), **spec.environment}
        spec.files = (self.listening.fileno(),)
        return spec

    def _worker(self, name: str, queue: str, concurrency: int) -> Spec:
        return self._python(
            name, "-m", "celery", "-A", "fleet_manager", "worker", "-Q", queue, "-n", f"{name}@%h",
            "-c", str(concurrency), "--without-gossip", "--without-mingle", "--without-heartbeat",
        )  # fmt: skip

    def _beat(self) -> Spec:
        return self._python("beat", "-m", "celery", "-A", "fleet_manager", "beat", "--pidfile=")

    def _listener(self) -> Spec:
        spec = self._command("listener", "listen")
        self.heartbeats["listener"] = self.home.run / "listener.alive"
        spec.environment = {**spec.environment, "HEARTBEAT_FILE": str(self.heartbeats["listener"])}
        return spec

    def _command(self, name: str, *arguments: str) -> Spec:
        return self._python(name, str(env.CHECKOUT / "manage.py"), *arguments)

    def _python(self, name: str, *arguments: str) -> Spec:
        return Spec(
            name=name,
            command=[sys.executable, *arguments],
            environment=self.environment,
            folder=env.CHECKOUT,
        )


def make_plan() -> Plan:
    """Read the environment; a server whose address is given there is not started by us."""
    home = Home(env.folder("FLEET_HOME", env.CHECKOUT / "var"))
    kind = env.choice("DJANGO_ENV", "development", among=("development", "testing", "staging", "production"))
    demo = env.boolean("DEMO", kind == "development")
    port = env.integer("PORT", 8000, least=1, most=65535)
    environment = {**os.environ, "FLEET_HOME": str(home.path), "DEMO": str(int(demo)), "PORT": str(port)}
    servers: list[Server] = []
    database_url, redis_url = env.text("DATABASE_URL"), env.text("REDIS_URL")
    if not database_url:
        postgres = Postgres(home.path, environment=dict(environment))
        servers.append(postgres)
        database_url = postgres.url
    if not redis_url:
        valkey = Valkey(home.path, environment=dict(environment))
        servers.append(valkey)
        redis_url = valkey.url
    environment |= {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PROMETHEUS_MULTIPROC_DIR": str(home.metrics),
        "PYTHONUNBUFFERED": "1",
        "METRICS_PORT": "0",  # one for all of them: the web process's
    }
    return Plan(
        home=home,
        port=port,
        host=env.text("HOST", "127.0.0.1"),
        demo=demo,
        database_url=database_url,
        redis_url=redis_url,
        servers=servers,
        environment=environment,
        web_workers=env.integer("WEB_WORKERS", 1, least=1, most=32),
        import_workers=env.integer("IMPORT_WORKERS", 2, least=1, most=32),
        job_workers=env.integer("JOB_WORKERS", 2, least=1, most=32),
        simulates=demo and env.boolean("DEMO_SIMULATOR", True),
        hears_mqtt=bool(env.text("MQTT_URL")),
    )


def check_given_servers(plan: Plan) -> None:
    """Those that we did not start: do they answer, and are they new enough?"""
    started = {server.name for server in plan.servers}
    if "postgres" not in started:
        try:
            with psycopg.connect(plan.database_url, connect_timeout=10) as connection:
                refuse_old_postgres(connection)
        except psycopg.OperationalError as error:
            raise ServerError(
                f"DATABASE_URL {env.masked(plan.database_url)} does not answer: {error}"
            ) from None
    if "valkey" not in started:
        try:
            with redis.Redis.from_url(plan.redis_url, socket_connect_timeout=10) as client:
                client.ping()
        except redis.RedisError as error:
            raise ServerError(f"REDIS_URL {env.masked(plan.redis_url)} does not answer: {error}") from None
