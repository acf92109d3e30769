"""The folder of one installation: its lock, its logs, and the notes about what runs."""

import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from fleet_manager.supervisor.processes import Child, environment_of, kill_group, start_time_of
from fleet_manager.supervisor.servers import ServerError

LOG_MAX_BYTES = 10 * 1024**2
LOGS_KEPT = 3
LEFTOVER_WAIT_S = 60.0


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.run = path / "run"
        self.metrics = self.run / "metrics"
        self.lock_file: int | None = None
        for folder in (path, self.logs, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (path / "uploads", path / "mail", path / "incoming"):
            folder.mkdir(mode=0o700, exist_ok=True)

    # ------------------------------------------------------------ one copy at a time

    def lock(self) -> None:
        """Held until this process ends, however it ends; children do not inherit it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ServerError(self._who_holds_it()) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self.lock_file = descriptor

    def _who_holds_it(self) -> str:
        holder = (self.path / "lock").read_text().strip() or "another process"
        return (
            f"A copy runs on the folder {self.path} already (process {holder}). "
            "Stop it first, or give this one a folder of its own: FLEET_HOME=… PORT=… make run"
        )

    # ------------------------------------------------------------ notes about what runs

    def write_run(self, about: dict[str, Any]) -> None:
        _write_atomically(self.path / "run.json", about)

    def write_children(self, children: list[Child]) -> None:
        """For the next start, should this process be killed: who was ours, told apart by the start time."""
        notes = [{"name": c.spec.name, "pid": c.pid, "start_time": c.start_time} for c in children]
        _write_atomically(self.run / "processes.json", notes)

    def forget_run(self) -> None:
        for note in (self.path / "run.json", self.run / "processes.json"):
            note.unlink(missing_ok=True)

    def end_leftovers(self) -> list[str]:
        """End what a killed supervisor left running, and nothing that is not provably ours."""
        ours = [note for note in self._noted_children() if self._is_ours(note)]
        for note in ours:
            os.kill(note["pid"], signal.SIGINT if note["name"] == "postgres" else signal.SIGTERM)
        deadline = time.monotonic() + LEFTOVER_WAIT_S
        for note in ours:
            while self._is_ours(note) and time.monotonic() < deadline:
                time.sleep(0.05)
            if self._is_ours(note):
                kill_group(note["pid"])
        self.forget_run()
        return [note["name"] for note in ours]

    def _noted_children(self) -> list[dict[str, Any]]:
        try:
            notes: list[dict[str, Any]] = json.loads((self.run / "processes.json").read_text())
        except FileNotFoundError:
            return []
        return notes

    def _is_ours(self, note: dict[str, Any]) -> bool:
        if start_time_of(note["pid"]) != note["start_time"]:
            return False
        return environment_of(note["pid"]).get("FLEET_HOME") == str(self.path)

    # ------------------------------------------------------------ logs

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def rotate_logs(self) -> None:
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LOG_MAX_BYTES:
                _rotate(path)


def _rotate(path: Path) -> None:
    """Copy and truncate: the writer holds the file open and appends to it."""
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = path.with_suffix(f".log.{number}")
        if older.exists():
            older.rename(path.with_suffix(f".log.{number + 1}"))
    shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)


def _write_atomically(path: Path, content: Any) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.chmod(0o600)
    draft.replace(path)
