"""Who is up but does nothing any more is found out, and who is merely busy is left alone."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet_manager.supervisor import watch as watch_module
from fleet_manager.supervisor.watch import QUEUE_STUCK_S, SILENCES_ALLOWED, Watch


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch_module, "time", clock)
    return clock


@pytest.fixture
def watch() -> Any:
    child = SimpleNamespace(pid=4711, runs_for_s=lambda: 3_600.0)
    plan: Any = SimpleNamespace(redis_url="unix:///nowhere", servers=[], heartbeats={}, url="")
    return Watch(plan, {"worker": child, "listener": child})  # type: ignore[dict-item]


def look(watch: Watch, monkeypatch: pytest.MonkeyPatch, *, oldest: bytes | None, ticks: int) -> None:
    monkeypatch.setattr(watch_module, "oldest_message", lambda url, queue: oldest)
    monkeypatch.setattr(watch_module, "cpu_ticks_of_group", lambda pid: ticks)
    watch._look_at_queue("worker", "imports")


def test_a_process_that_is_silent_several_times_in_a_row_hangs(watch: Watch):
    for _ in range(SILENCES_ALLOWED):
        assert watch.hung == set()
        watch._count("web", lambda: True)

    assert watch.hung == {"web"}


def test_one_answer_in_between_forgives_the_silences_before(watch: Watch):
    for silent in [True] * (SILENCES_ALLOWED - 1) + [False] + [True] * (SILENCES_ALLOWED - 1):
        watch._count("web", lambda silent=silent: silent)

    assert watch.hung == set()


def test_a_worker_that_leaves_the_oldest_message_lying_and_idles_hangs(watch, clock, monkeypatch):
    look(watch, monkeypatch, oldest=b"m1", ticks=100)
    clock.now += QUEUE_STUCK_S + 1
    look(watch, monkeypatch, oldest=b"m1", ticks=110)

    assert watch.hung == {"worker"}


@pytest.mark.parametrize(
    ("oldest", "ticks"),
    [(b"m1", 5_000), (b"m2", 110), (None, 110)],
    ids=["it works on something long", "it takes messages", "nothing waits"],
)
def test_a_worker_that_does_something_is_left_alone(watch, clock, monkeypatch, oldest, ticks):
    look(watch, monkeypatch, oldest=b"m1", ticks=100)
    clock.now += QUEUE_STUCK_S + 1
    look(watch, monkeypatch, oldest=oldest, ticks=ticks)

    assert watch.hung == set()


@pytest.mark.parametrize(("age_s", "hangs"), [(30, False), (90, True)])
def test_a_sign_of_life_grows_old(watch: Watch, tmp_path: Path, age_s: float, hangs: bool):
    sign = tmp_path / "listener.alive"
    sign.touch()
    os.utime(sign, (time.time() - age_s,) * 2)

    watch._look_at_heartbeat("listener", sign)

    assert ("listener" in watch.hung) is hangs


def test_a_process_that_never_gave_a_sign_of_life_is_not_judged_by_it(watch: Watch, tmp_path: Path):
    watch._look_at_heartbeat("listener", tmp_path / "nothing")

    assert watch.hung == set()
