"""The small form of `make losses`: what was answered 202 is stored once, whatever is killed meanwhile."""

import pytest

from benchmarks.losses import compare_answers, repeated, under_kills

pytestmark = pytest.mark.slow


def test_nothing_that_was_accepted_is_lost_or_doubled_while_processes_are_killed():
    told = under_kills(1_000, rate=100, kills=5, seed=3)

    assert sum(told["kills"].values()) == 5
    assert told["acknowledged"] == told["stored"] == 1_000
    assert (told["lost"], told["twice"]) == (0, 0)
    assert 500 not in told["answers"]


def test_readings_that_repeat_count_once_in_every_answer():
    told = repeated(1_000, 3, 5, compare_answers)

    assert (told["stored"], told["lost"], told["twice"]) == (1_000, 0, 0)
    assert told["wrong"] == []
