"""A small form of `make chaos`: a whole installation whose processes are killed while files are applied."""

from benchmarks import chaos


def test_kills_lose_nothing_and_double_nothing() -> None:
    told = chaos.run(uploads=6, kills=4, seed=3)
    assert told["wrong"] == []
    assert told["uploads"] >= 6
    assert sum(told["kills"].values()) == 4
    assert told["crossings"] > 0


def test_the_oracle_counts_a_crossing_when_a_value_goes_over() -> None:
    assert chaos.crossings([9_000, 10_001, 10_002, 9_999, 10_500]) == 2
    assert chaos.crossings([10_001]) == 1
    assert chaos.crossings([10_000]) == 0
