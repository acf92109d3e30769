"""Processes that count in one folder are read as one, also when some of them have ended."""

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api_pattern import metrics
from api_pattern.exposition import CountedTogether, registry_with, serve_metrics
from api_pattern.metric_files import fold_ended, locked, make_empty
from fleet_manager.env import CHECKOUT
from fleet_manager.supervisor.processes import start_time_of

COUNTS = """
from api_pattern import metrics
metrics.readings_stored.inc(5)
metrics.store_seconds.observe(0.004)
metrics.request_seconds.labels("GET", "fleet", 200).observe(0.2)
metrics.database_pool.labels("open").set(3)
"""
GOES_ON = COUNTS + "print('counted', flush=True); input()"
FORKS = """
import os
from api_pattern import metrics
metrics.readings_stored.inc(5)
child = os.fork()
metrics.readings_stored.inc(5)
if child:
    os.waitpid(child, 0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_empty(tmp_path / "metrics")
    return tmp_path / "metrics"


def start(script: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def run(script: str, folder: Path, times: int = 1) -> None:
    processes = [start(script, folder) for _ in range(times)]
    assert [process.communicate() and process.returncode for process in processes] == [0] * times


def told(folder: Path) -> dict[str, float]:
    """Every sample by its name and labels as written."""
    registry = CollectorRegistry()
    registry.register(CountedTogether(folder))
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, _space, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nobody_runs(pid: int) -> bool:
    return False


def test_counts_of_all_processes_are_added_up(folder: Path):
    run(COUNTS, folder, times=3)

    found = told(folder)

    assert found["fleet_readings_stored_total"] == 15
    assert found['fleet_store_seconds_bucket{le="0.005"}'] == 3
    assert found['fleet_request_seconds_count{method="GET",route="fleet",status="200"}'] == 3


def test_a_forked_process_counts_for_itself(folder: Path):
    run(FORKS, folder)

    assert told(folder)["fleet_readings_stored_total"] == 15


def test_what_ended_processes_counted_stays_and_what_they_were_goes(folder: Path):
    run(COUNTS, folder, times=3)
    before = told(folder)

    fold_ended(folder, nobody_runs)

    after = told(folder)
    assert before['fleet_database_pool{state="open"}'] == 9
    assert 'fleet_database_pool{state="open"}' not in after
    assert after == {name: value for name, value in before.items() if "database_pool" not in name}


def test_folding_again_adds_to_what_was_folded(folder: Path):
    for _ in range(3):
        run(COUNTS, folder)
        fold_ended(folder, nobody_runs)

    assert told(folder)["fleet_readings_stored_total"] == 15
    assert told(folder)['fleet_store_seconds_bucket{le="+Inf"}'] == 3


def test_however_often_processes_start_there_are_few_files(folder: Path):
    for _ in range(4):
        run(COUNTS, folder, times=3)
        fold_ended(folder, nobody_runs)

    assert sorted(path.name for path in folder.glob("*.db*")) == ["counter_0.db", "histogram_0.db"]


def test_files_of_a_running_process_are_left_alone(folder: Path):
    process = start(GOES_ON, folder)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        folded = fold_ended(folder, lambda pid: start_time_of(pid) != 0)

        assert folded == []
        assert told(folder)['fleet_database_pool{state="open"}'] == 3
    finally:
        process.communicate(b"\n")
    assert fold_ended(folder, lambda pid: start_time_of(pid) != 0) == [process.pid]


def test_a_process_that_died_as_it_made_its_file_breaks_nothing(folder: Path):
    run(COUNTS, folder)
    (folder / "counter_99999999.db").touch()

    assert told(folder)["fleet_readings_stored_total"] == 5

    fold_ended(folder, nobody_runs)

    assert told(folder)["fleet_readings_stored_total"] == 5


def test_a_start_begins_with_an_empty_folder(folder: Path):
    run(COUNTS, folder)
    (folder / "counter_0.db.draft").touch()

    make_empty(folder)

    assert list(folder.glob("*.db*")) == []


def test_a_lock_whose_holder_hangs_is_waited_for_only_so_long(folder: Path, monkeypatch: pytest.MonkeyPatch):
    run(COUNTS, folder)
    monkeypatch.setattr("api_pattern.metric_files.LOCK_WITHIN_S", 0.05)

    with locked(folder, how=2):
        assert told(folder)["fleet_readings_stored_total"] == 5


class Beside(Collector):
    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("fleet_found_out", "Asked for as it is read.", value=7)]


@pytest.mark.parametrize("together", [True, False], ids=["together", "alone"])
def test_what_was_counted_stands_beside_what_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, together: bool
):
    if together:
        run(COUNTS, folder)
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    else:
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    text = generate_latest(registry_with(Beside())).decode()

    assert "fleet_found_out 7" in text
    assert "fleet_readings_stored_total" in text
    assert "_created" not in text


def test_a_process_without_the_web_answers_on_a_port_of_its_own():
    port = free_port()
    metrics.rule_firings.inc()

    server = serve_metrics(port, host="127.0.0.1")

    assert server is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b"fleet_rule_firings_total" in answer.read()
    server.shutdown()
    server.server_close()


def test_a_process_that_no_supervisor_watches_keeps_its_folder_small(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    run(COUNTS, folder, times=3)

    text = generate_latest(registry_with(folds=True)).decode()

    assert "fleet_readings_stored_total 15" in text
    assert sorted(path.name for path in folder.glob("*.db")) == ["counter_0.db", "histogram_0.db"]


def test_no_port_no_server():
    assert serve_metrics(0, host="127.0.0.1") is None


def test_a_counter_with_known_labels_begins_at_zero():
    registry = CollectorRegistry()
    counter = Counter("tries", "Tries.", ["way", "end"], registry=registry)

    metrics.begin_at_zero(counter, ("a", "b"), ("good", "bad"))

    assert registry.get_sample_value("tries_total", {"way": "b", "end": "bad"}) == 0


def test_every_metric_bears_our_name_and_a_help():
    ours = [metric for metric in vars(metrics).values() if hasattr(metric, "_documentation")]

    assert len(ours) > 10
    assert all(metric._name.startswith("fleet_") and metric._documentation.endswith(".") for metric in ours)
