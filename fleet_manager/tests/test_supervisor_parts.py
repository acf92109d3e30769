"""The supervisor's parts, each by itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet_manager.supervisor import home as home_module
from fleet_manager.supervisor import servers
from fleet_manager.supervisor.home import Home
from fleet_manager.supervisor.processes import Child, Spec, environment_of, start_time_of
from fleet_manager.supervisor.runner import LONGEST_PAUSE_S, Restarts
from fleet_manager.supervisor.servers import Postgres, ServerError, socket_folder

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def note(home: Home, **about: object) -> None:
    (home.run / "processes.json").write_text(json.dumps([{"name": "web", **about}]))


def sleeper(home: Path) -> subprocess.Popen[bytes]:
    """Its environment can be read a moment after its pid: the kernel fills it in last."""
    process = subprocess.Popen(SLEEP, env={"FLEET_HOME": str(home)}, start_new_session=True)
    while not environment_of(process.pid):
        time.sleep(0.01)
    return process


def test_a_process_that_a_killed_supervisor_left_is_ended(tmp_path: Path):
    home = Home(tmp_path)
    left = sleeper(tmp_path)
    note(home, pid=left.pid, start_time=start_time_of(left.pid))

    assert home.end_leftovers() == ["web"]

    assert left.wait(10) != 0


@pytest.mark.parametrize(
    ("folder_of_it", "start_time_off_by"), [("elsewhere", 0), ("here", 1)], ids=["another's", "a reused pid"]
)
def test_a_process_that_is_not_provably_ours_is_left_alone(
    tmp_path: Path, folder_of_it: str, start_time_off_by: int
):
    home = Home(tmp_path / "here")
    other = sleeper(tmp_path / folder_of_it)
    note(home, pid=other.pid, start_time=start_time_of(other.pid) + start_time_off_by)

    assert home.end_leftovers() == []

    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_child_that_does_not_stop_when_asked_is_killed(tmp_path: Path):
    child = Child(
        Spec(name="stubborn", command=[sys.executable, "-c", STUBBORN], stop_within_s=0.2), tmp_path / "log"
    )
    while "up" not in (tmp_path / "log").read_text():
        time.sleep(0.02)

    child.stop()

    assert child.how_it_ended() == "was killed by SIGKILL"


def test_a_child_starts_again_at_once_and_then_after_ever_longer_pauses():
    restarts = Restarts()

    pauses = []
    for _ in range(8):
        restarts.ended("web", ran_for_s=1)
        pauses.append(restarts.due_at["web"] - time.monotonic())

    assert pauses[0] <= 0
    assert pauses[1:5] == sorted(pauses[1:5])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S, abs=0.1)


def test_a_child_that_ran_for_a_while_starts_again_at_once():
    restarts = Restarts()
    for _ in range(8):
        restarts.ended("web", ran_for_s=1)

    restarts.ended("web", ran_for_s=60)

    assert restarts.take_due() == ["web"]


def test_a_log_that_grew_too_long_is_put_aside_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(home_module, "LOG_MAX_BYTES", 10)
    home = Home(tmp_path)
    with home.log("web").open("a") as writer:
        for text in ("first and long", "second and long", "third"):
            writer.write(text)
            writer.flush()
            home.rotate_logs()

    kept = {path.name: path.read_text() for path in home.logs.iterdir()}

    assert kept == {"web.log": "third", "web.log.1": "second and long", "web.log.2": "first and long"}


def test_a_socket_whose_path_would_be_too_long_lies_in_a_private_temporary_folder(tmp_path: Path):
    deep = tmp_path.joinpath(*["a-long-name-of-a-folder"] * 6)

    folder = socket_folder(deep, ".s.PGSQL.5432.lock")

    assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= 107
    assert folder.stat().st_mode & 0o077 == 0
    assert folder == socket_folder(deep, ".s.PGSQL.5432.lock")
    assert folder != socket_folder(deep / "other", ".s.PGSQL.5432.lock")
    folder.rmdir()
    socket_folder(deep / "other", ".s.PGSQL.5432.lock").rmdir()


def test_a_folder_for_sockets_that_others_may_write_to_is_refused(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)

    with pytest.raises(ServerError, match="can be written by others"):
        socket_folder(tmp_path, "valkey.sock")


def test_postgres_runs_below_a_private_folder_for_root_with_and_without_user_namespaces_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tmp_path.chmod(0o700)

    for way in ("another", "namespace", "another") if os.getuid() == 0 else ("keep",):
        monkeypatch.setattr(servers, "postgres_user", lambda way=way: way)
        postgres = Postgres(tmp_path, environment=dict(os.environ), durable=False)
        postgres.prepare()
        child = Child(postgres.spec(), tmp_path / "log")
        while not postgres.is_ready():
            assert child.is_running(), (tmp_path / "log").read_text()
            time.sleep(0.05)
        child.stop()
        assert child.how_it_ended() == "ended with code 0"


def test_a_cluster_that_cannot_be_made_says_why(tmp_path: Path):
    (tmp_path / "postgres").write_text("in the way")
    postgres = Postgres(tmp_path, environment=dict(os.environ), durable=False)

    with pytest.raises((ServerError, OSError)):
        postgres.prepare()


def test_the_databases_address_of_a_home_survives_odd_characters_in_its_path(tmp_path: Path):
    odd = tmp_path / "a b%c"
    odd.mkdir()

    assert Postgres(odd, environment={}).url.endswith("a%20b%25c/run")
