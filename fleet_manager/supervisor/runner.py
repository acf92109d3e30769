"""The supervisor itself: brings everything up, keeps it up, and takes it down."""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from api_pattern.metric_files import fold_ended, make_empty
from fleet_manager import env
from fleet_manager.supervisor.home import Home
from fleet_manager.supervisor.plan import DEMO_ACCOUNTS, Plan, check_given_servers
from fleet_manager.supervisor.processes import Child, Spec, start_time_of
from fleet_manager.supervisor.servers import Server, ServerError
from fleet_manager.supervisor.watch import Watch, answers

SERVER_START_S = 300.0
WEB_START_S = 60.0
STEADY_AFTER_S = 30.0
LONGEST_PAUSE_S = 10.0
LOOK_EVERY_S = 0.1
ROTATE_EVERY_S = 15.0


class StopAsked(Exception):
    """Ctrl-C or a polite signal: whatever is going on, go down cleanly."""


class Restarts:
    """How long to wait before a process is started again: first not at all, then longer each time."""

    def __init__(self) -> None:
        self.pause_s: dict[str, float] = {}
        self.due_at: dict[str, float] = {}

    def ended(self, name: str, ran_for_s: float) -> None:
        pause = 0.0 if ran_for_s > STEADY_AFTER_S else self.pause_s.get(name, 0.0)
        self.due_at[name] = time.monotonic() + pause
        self.pause_s[name] = min(max(pause * 2, 0.5), LONGEST_PAUSE_S)

    def take_due(self) -> list[str]:
        due = [name for name, at in self.due_at.items() if at <= time.monotonic()]
        for name in due:
            del self.due_at[name]
        return due


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home: Home = plan.home
        self.specs: dict[str, Spec] = {}
        self.children: dict[str, Child] = {}
        self.restarts = Restarts()
        self.stop_asked = False
        self.watch: Watch | None = None

    # ------------------------------------------------------------ the whole life

    def run(self) -> None:
        signal.signal(signal.SIGINT, self._ask_to_stop)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGHUP, self._ask_to_stop)
        self.home.lock()
        for name in self.home.end_leftovers():
            say(f"Ended {name}, which a killed supervisor had left.")
        make_empty(self.home.metrics)
        self.plan.listen()
        try:
            self._bring_up()
            self._announce()
            self._keep_up()
        except StopAsked:
            say("Stopping …")
        finally:
            self._take_down()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_asked = True

    # ------------------------------------------------------------ up

    def _bring_up(self) -> None:
        for server in self.plan.servers:
            self._start_server(server)
        check_given_servers(self.plan)
        self._run_once(self.plan.manage("migrate", "--no-input", "-v", "0"))
        self._run_once(self.plan.manage("ship_rules"))
        self._collect_static()
        if self.plan.demo:
            self._run_once(self.plan.manage("load_demo"))
        for spec in self.plan.processes():
            self._spawn(spec)
        self._wait_for_web()
        self.watch = Watch(self.plan, self.children)
        self.watch.start()

    def _start_server(self, server: Server) -> None:
        server.prepare()
        self._spawn(server.spec())
        deadline = time.monotonic() + SERVER_START_S
        while not server.is_ready():
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{server.name} did not answer within {SERVER_START_S:.0f} s.{self._tail(server.name)}"
                )
            self._tend()
            self._pause()
        server.after_start()

    def _run_once(self, spec: Spec) -> None:
        log = self.home.log(spec.name)
        log.write_bytes(b"")
        child = Child(spec, log)
        try:
            while child.is_running():
                self._tend()
                self._pause()
        finally:
            child.stop()
        if child.popen.returncode != 0:
            raise ServerError(f"{' '.join(spec.command[2:])} {child.how_it_ended()}.{self._tail(spec.name)}")

    def _collect_static(self) -> None:
        stamp = self.home.run / "static.stamp"
        wanted = digest_of_static_files()
        if not (stamp.exists() and stamp.read_text() == wanted):
            self._run_once(self.plan.manage("collectstatic", "--no-input", "--clear", "-v", "0"))
            stamp.write_text(wanted)

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_START_S
        while not answers(self.plan.url, timeout_s=1.0):
            if time.monotonic() > deadline:
                raise ServerError(f"The web process does not answer at {self.plan.url}.{self._tail('web')}")
            self._tend()
            self._pause()

    def _tail(self, name: str) -> str:
        lines = self.home.log(name).read_text(errors="replace").splitlines()[-15:]
        return f"\nThe end of {self.home.log(name)}:\n  " + "\n  ".join(lines) if lines else ""

    def _announce(self) -> None:
        say(f"Fleet Manager serves at http://localhost:{self.plan.port}  (Ctrl-C stops it)")
        if self.plan.demo:
            for role, email, password in DEMO_ACCOUNTS:
                say(f"  {role:<14} {email:<24} {password}")
        say(f"  logs           {self.home.logs}")

    # ------------------------------------------------------------ keeping it up

    def _keep_up(self) -> None:
        rotate_at = 0.0
        while True:
            self._tend()
            self._end_hung()
            if time.monotonic() > rotate_at:
                self.home.rotate_logs()
                self._fold_metrics()
                rotate_at = time.monotonic() + ROTATE_EVERY_S
            self._pause()

    def _tend(self) -> None:
        """Notice who ended, and start again whoever's pause is over."""
        for name, child in list(self.children.items()):
            if not child.is_running():
                say(
                    f"{name} (process {child.pid}) {child.how_it_ended()}; starting it again. "
                    f"See {self.home.log(name)}"
                )
                child.end_group()
                del self.children[name]
                self.restarts.ended(name, child.runs_for_s())
                self._fold_metrics()
        for name in self.restarts.take_due():
            self._spawn(self.specs[name])

    def _fold_metrics(self) -> None:
        """Also of the workers' own children, of which nobody tells us that they ended."""
        try:
            fold_ended(self.home.metrics, lambda pid: start_time_of(pid) != 0)
        except Exception as error:
            # Counts are worth less than what is counted: nothing stops for them.
            say(f"What ended processes counted cannot be added up in {self.home.metrics}: {error!r}")

    def _end_hung(self) -> None:
        while self.watch and self.watch.hung:
            name = self.watch.hung.pop()
            child = self.children.get(name)
            if child is not None:
                say(f"{name} (process {child.pid}) does not answer any more; ending it.")
                child.kill()

    def _spawn(self, spec: Spec) -> None:
        self.specs[spec.name] = spec
        heartbeat = self.plan.heartbeats.get(spec.name)
        if heartbeat is not None:
            heartbeat.unlink(missing_ok=True)
        self.children[spec.name] = Child(spec, self.home.log(spec.name))
        self._write_notes()

    def _write_notes(self) -> None:
        self.home.write_children(list(self.children.values()))
        self.home.write_run(
            {
                "url": self.plan.url,
                "database_url": self.plan.database_url,
                "redis_url": self.plan.redis_url,
                "processes": {"supervisor": os.getpid()} | {name: c.pid for name, c in self.children.items()},
            }
        )

    def _pause(self) -> None:
        if self.stop_asked:
            raise StopAsked
        time.sleep(LOOK_EVERY_S)

    # ------------------------------------------------------------ down

    def _take_down(self) -> None:
        """The programs together, then the servers one by one, the last one started first."""
        if self.watch is not None:
            self.watch.ended.set()
        servers = {server.name for server in self.plan.servers}
        programs = [child for name, child in self.children.items() if name not in servers]
        for child in reversed(programs):
            child.ask_to_stop()
        for child in reversed(programs):
            child.stop()
        for server in reversed(self.plan.servers):
            if server.name in self.children:
                self.children[server.name].stop()
        if self.plan.listening is not None:
            self.plan.listening.close()
        self.home.forget_run()


def digest_of_static_files() -> str:
    """Changes when a static file of ours, or a package that brings some, changes."""
    folders = [folder / "static" for folder in env.CHECKOUT.iterdir() if (folder / "apps.py").exists()]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256((env.CHECKOUT / "requirements.txt").read_bytes())
    for path in files:
        about = path.stat()
        digest.update(f"{path}|{about.st_size}|{about.st_mtime_ns}\n".encode())
    digest.update(os.environ.get("STATIC_ROOT", "").encode())
    return digest.hexdigest()


def say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)


def stop_running(path: Path) -> None:
    """Ask the supervisor of a folder to stop, and wait until it has."""
    home = Home(path)
    while True:
        try:
            home.lock()
        except ServerError:
            holder = (path / "lock").read_text().strip()
            if holder.isdigit():
                os.kill(int(holder), signal.SIGTERM)
            time.sleep(0.5)
        else:
            return
