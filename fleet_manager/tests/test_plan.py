"""Which processes an installation consists of, as the environment asks for."""

from pathlib import Path

import pytest

from fleet_manager.supervisor.plan import make_plan

ALWAYS = ["worker", "worker-2", "beat", "listener"]


@pytest.mark.parametrize(
    ("environment", "more"),
    [
        ({"DEMO": "0"}, []),
        ({"DEMO": "1"}, ["simulator"]),
        ({"DEMO": "1", "DEMO_SIMULATOR": "0"}, []),
        ({"DEMO": "0", "DEMO_SIMULATOR": "1"}, []),
        ({"DEMO": "0", "MQTT_URL": "mqtt://localhost"}, ["mqtt"]),
    ],
)
def test_the_simulator_runs_for_the_demo_and_the_adapter_for_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], more: list[str]
):
    for name, value in {
        "FLEET_HOME": str(tmp_path),
        "DEMO_SIMULATOR": "",
        "MQTT_URL": "",
        **environment,
    }.items():
        monkeypatch.setenv(name, value)
    plan = make_plan()
    plan.web_workers = 0

    assert [spec.name for spec in plan.processes()] == ALWAYS + more
