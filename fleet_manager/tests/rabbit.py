"""RabbitMQ as Debian packages it, on ports and in a folder of its own; the system's service is left alone."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection, socket

# Not /usr/sbin/rabbitmq-server, which insists on the system's user and folders.
BINARY = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
STARTS_WITHIN_S = 60.0


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Rabbit:
    def __init__(self, home: Path) -> None:
        self.home, self.port, self._ports = home, free_port(), (free_port(), free_port())
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._processes: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        """Everything below ``home``; Erlang's own name server too, so that it ends with us."""
        names, distribution = self._ports
        home = str(self.home)
        return {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"fleet{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONF_ENV_FILE": f"{home}/none",
            "RABBITMQ_CONFIG_FILE": f"{home}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_PID_FILE": f"{home}/pid",
        }

    def start(self) -> None:
        # Erlang would start a name server by itself, which outlives it.
        names = self._run("epmd", "-address", "127.0.0.1", "-port", str(self._ports[0]))
        server = self._run(BINARY)
        self._processes = [server, names]
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ does not listen on port {self.port}; see {self.home}/log.")
            time.sleep(0.1)

    def _run(self, *command: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=self.environment(),
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        with suppress(OSError), create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(1))
        return False

    def kill(self) -> None:
        """The server with all it started, without warning."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes = []


@contextmanager
def running_rabbit(home: Path) -> Iterator[Rabbit]:
    rabbit = Rabbit(home)
    try:
        rabbit.start()
        yield rabbit
    finally:
        rabbit.kill()
