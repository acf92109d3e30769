"""What a running installation tells at /metrics, and that alerts, dashboards and docs speak of just that."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import requests
import yaml

from benchmarks.installation import Installation, running
from fleet_manager.env import CHECKOUT
from fleet_manager.tests.expressions import Series, faults_of, labels_left, placeholders, read_series, runs_of

DEPLOY = CHECKOUT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()
TOLD = re.compile(r"^\| `(fleet_\w+)(?:\{([\w, ]+)\})?` \| (\w+) \|", re.MULTILINE)
PROGRAMS = {"supervisor", "postgres", "valkey", "web", "worker", "worker-2", "beat", "listener"}

SMALL = read_series(
    """# TYPE fleet_made counter
fleet_made_total{way="hot"} 1
# TYPE fleet_waits gauge
fleet_waits 1
# TYPE fleet_takes_seconds histogram
fleet_takes_seconds_bucket{le="1.0"} 1
fleet_takes_seconds_bucket{le="+Inf"} 1
fleet_takes_seconds_count 1
fleet_takes_seconds_sum 1
"""
)

by_rule = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
by_board = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
by_panel = pytest.mark.parametrize(
    "panel", [panel for _name, panel in PANELS], ids=[f"{name}-{panel['title']}" for name, panel in PANELS]
)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with running() as installation:
        yield installation


@pytest.fixture(scope="module")
def people(installation: Installation) -> requests.Session:
    return installation.log_in()


@pytest.fixture(scope="module")
def series(installation: Installation, people: requests.Session) -> Series:
    """As they are in a system that has just been started and used a little."""
    people.get(f"{installation.url}/api/v1/vehicles", timeout=30).raise_for_status()
    return scrape(installation)


def scrape(installation: Installation) -> Series:
    answer = requests.get(f"{installation.url}/metrics", timeout=30)
    answer.raise_for_status()
    return read_series(answer.text)


def wait_for(holds: Callable[[], bool], *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# ---------------------------------------------------------------- what the system tells


def test_what_one_process_counts_is_told_by_another_and_outlives_both(
    installation: Installation, people: requests.Session, series: Series
):
    api = f"{installation.url}/api/v1"
    people.post(f"{api}/vehicles", json={"vehicle_id": "W-1"}, timeout=30).raise_for_status()
    reading = {"vehicle_id": "W-1", "speed_kmh": 50}
    people.post(f"{api}/telemetry", json=reading, timeout=30).raise_for_status()

    wait_for(lambda: scrape(installation).value("fleet_readings_stored_total") == 1)
    before = scrape(installation)
    for name in ("web", "listener"):
        pid = installation.pid(name)
        installation.kill(name)
        wait_for(lambda name=name, pid=pid: installation.pid(name) not in (None, pid))
    installation.wait_until_ready()
    after = scrape(installation)

    assert before.value("fleet_readings_accepted_total", way="hot") == 1
    assert after.value("fleet_readings_accepted_total", way="hot") == 1
    assert after.value("fleet_readings_stored_total") == 1
    assert after.value("fleet_store_seconds_count") == before.value("fleet_store_seconds_count")


def test_every_process_is_told_of(series: Series):
    assert {one["process"] for one in series.samples["fleet_process_cpu_seconds_total"]} >= PROGRAMS


def test_everything_that_is_told_bears_our_name(series: Series):
    assert {name for name in series.families if not name.startswith("fleet_")} == set()


# ---------------------------------------------------------------- alerts


@by_rule
def test_an_alert_speaks_of_series_that_there_are(rule: dict[str, Any], series: Series):
    assert faults_of(rule["expr"], series) == []


@by_rule
def test_an_alert_says_who_must_look_when_and_what_to_do(rule: dict[str, Any], series: Series):
    page, _hash, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["for"].endswith("m")
    assert rule["annotations"]["summary"].endswith(".")
    assert placeholders(rule["annotations"]["summary"]) <= labels_left(rule["expr"], series)
    assert (page, anchor) == ("docs/operations.md", rule["alert"].lower())
    assert f"\n#### {rule['alert']}\n" in OPERATIONS


def test_no_paragraph_speaks_of_an_alert_that_there_is_not():
    told = re.findall(r"^#### (Fleet\w+)$", OPERATIONS, re.MULTILINE)

    assert told == [rule["alert"] for rule in RULES]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yaml"), ("test", "rules", "alerts.test.yaml")],
    ids=["the configuration", "when each alert fires"],
)
def test_prometheus_itself_agrees(arguments: tuple[str, ...]):
    done = subprocess.run(
        ["promtool", *arguments],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- dashboards


@by_panel
def test_a_panel_asks_for_series_that_there_are(panel: dict[str, Any], series: Series):
    for title, expression, legend in runs_of([panel]):
        assert faults_of(expression, series) == [], title
        assert placeholders(legend) <= labels_left(expression, series), title


@by_panel
def test_a_panel_tells_what_it_shows_and_in_which_unit(panel: dict[str, Any]):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None


@by_board
def test_a_dashboard_can_be_imported_anywhere(board: dict[str, Any], series: Series):
    names = [variable["name"] for variable in board["templating"]["list"]]
    asked = re.findall(r"label_values\((\w+), (\w+)\)", json.dumps(board["templating"]))
    sources = {one["uid"] for panel in board["panels"] for one in (panel["datasource"], *_sources(panel))}

    assert names == ["datasource", "job"]
    assert sources == {"${datasource}"}
    assert asked
    assert all(metric in series.samples and label == "job" for metric, label in asked)
    assert all('job=~"$job"' in expression for _title, expression, _legend in runs_of(board["panels"]))


@by_board
def test_a_dashboard_s_panels_lie_side_by_side(board: dict[str, Any]):
    places = [panel["gridPos"] for panel in board["panels"]]

    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(_overlap(one, other) for one, other in combinations(places, 2))
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


def test_dashboards_are_told_apart():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 5


def _sources(panel: dict[str, Any]) -> list[dict[str, str]]:
    return [target["datasource"] for target in panel["targets"]]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


# ---------------------------------------------------------------- docs


def test_every_metric_is_told_with_its_kind_and_labels(series: Series):
    told = {
        name: (kind, frozenset(labels.split(", ")) if labels else frozenset())
        for name, labels, kind in TOLD.findall(OPERATIONS)
    }

    assert told == series.families


# ---------------------------------------------------------------- that the checks see what is wrong


@pytest.mark.parametrize(
    "expression",
    [
        "fleet_waits > 1",
        'sum by (way) (rate(fleet_made_total{way="hot", job="x"}[5m]))',
        "histogram_quantile(0.9, sum by (le) (rate(fleet_takes_seconds_bucket[$__rate_interval])))",
        "rate(fleet_takes_seconds_sum[5m]) / rate(fleet_takes_seconds_count[5m])",
    ],
)
def test_an_expression_that_fits_has_no_fault(expression: str):
    assert faults_of(expression, SMALL) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("fleet_wait > 1", "No series is named fleet_wait."),
        ("rate(fleet_made[5m])", "No series is named fleet_made."),
        ("rate(fleet_made_total{road='hot'}[5m])", "fleet_made_total has no label road."),
        ("rate(fleet_made_total{way='cold'}[5m])", "is chosen by"),
        ("rate(fleet_made_total{way=~'c.+'}[5m])", "is chosen by"),
        ("sum by (road) (rate(fleet_made_total[5m]))", "fleet_made_total has no label road to group by."),
        ("fleet_made_total > 1", "A counter is read without its rate."),
        ("rate(fleet_takes_seconds[5m])", "No series is named fleet_takes_seconds."),
        (
            "histogram_quantile(0.9, sum by (job) (rate(fleet_takes_seconds_bucket[5m])))",
            "A quantile needs its buckets: group by le.",
        ),
        ("fleet_waits >", "invalid promql query"),
    ],
)
def test_an_expression_that_does_not_fit_is_told(expression: str, fault: str):
    assert fault in " ".join(faults_of(expression, SMALL))
