"""The small form of `python -m benchmarks.sinks`: what actions owe is done, whoever is killed and whatever fails."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_no_action_is_missing_or_done_twice_while_its_runner_is_killed():
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sinks", "--firings", "60", "--kills", "4", "--runners", "2"],
        env=own,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("4 kills in ")
    assert "missing 0, tasks twice 0, log entries twice 0" in done.stdout
    assert "repeats, 0 of them under another id, 0 ids shared" in done.stdout
