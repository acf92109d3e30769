"""Production refuses to start in a state that it must not be served in, and passes Django's own checks."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_manager.env import CHECKOUT

SOUND = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "fleet.example",
    "DEBUG": "",
    "DEMO": "",
}


def deployed() -> dict[str, str]:
    """The environment without what a browser test of the same worker may have put there."""
    return {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}


def manage(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=deployed() | SOUND | {"FLEET_HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is missing, short"),
        ({"SECRET_KEY": "django-insecure-" + "x9" * 40}, "a known default"),
        ({"DEBUG": "1"}, "DEBUG=1"),
        ({"DEMO": "1"}, "DEMO=1 makes accounts with well-known passwords"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must name the hosts"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts"),
    ],
)
def test_production_refuses_to_start(tmp_path: Path, variables: dict[str, str], reason: str):
    refused = manage(tmp_path, "check", **variables)

    assert refused.returncode != 0
    assert reason in refused.stderr


def test_production_passes_the_check_for_deployment_without_a_warning(tmp_path: Path):
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")

    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_production_writes_no_secret_of_its_own(tmp_path: Path):
    manage(tmp_path, "check")

    assert not (tmp_path / "secret_key").exists()
