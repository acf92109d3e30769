"""One process of ours: spawned so that it dies with us, found again by its start time, and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(kw_only=True)
class Spec:
    """How one process is run."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str = "keep"
    stop_signal: int = signal.SIGTERM
    stop_within_s: float = 10.0
    death_signal: int = signal.SIGKILL
    """What the kernel sends it when the supervisor is killed."""
    files: tuple[int, ...] = ()


class Child:
    """A running process; the log that it writes to is opened by whoever spawns it."""

    def __init__(self, spec: Spec, log: Path) -> None:
        self.spec = spec
        self.started_at = time.monotonic()
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [*launcher(spec), *spec.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(spec.environment) or None,
                cwd=spec.folder,
                start_new_session=True,
                pass_fds=spec.files,
            )
        self.pid = self.popen.pid
        self.start_time = start_time_of(self.pid)

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def how_it_ended(self) -> str:
        code = self.popen.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def runs_for_s(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_stop(self) -> None:
        if self.is_running():
            self.popen.send_signal(self.spec.stop_signal)

    def stop(self) -> None:
        """Ask, wait, and insist; whatever it left behind in its process group goes too."""
        self.ask_to_stop()
        try:
            self.popen.wait(self.spec.stop_within_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self.end_group()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end_group(self) -> None:
        """The group carries our child's pid, and no one else's: no pid that is a group's is reused."""
        kill_group(self.pid)


def launcher(spec: Spec) -> list[str]:
    return [
        sys.executable, "-I", "-S", str(LAUNCH),
        "--parent", str(os.getpid()), "--signal", str(int(spec.death_signal)), "--user", spec.user, "--",
    ]  # fmt: skip


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def start_time_of(pid: int) -> int:
    """In clock ticks since boot: with the pid it names one process for good. 0 where none runs."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else 0


def cpu_ticks_of_group(group: int) -> int:
    """User and system time that all processes of one group have used."""
    total = 0
    for entry in Path("/proc").iterdir():
        fields = stat_fields(int(entry.name)) if entry.name.isdigit() else []
        if fields and int(fields[2]) == group:
            total += int(fields[11]) + int(fields[12])
    return total


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (the name before it may hold spaces)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def environment_of(pid: int) -> dict[str, str]:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)
