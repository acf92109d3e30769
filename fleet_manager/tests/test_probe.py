"""A small form of `make probe`: what Schemathesis sends is answered as the schema tells, and never with a 500."""

from benchmarks import probe
from benchmarks.installation import running


def test_every_answer_is_one_that_the_schema_tells() -> None:
    with running(DEMO="1") as installation:
        assert probe.probe(installation, "administrator", examples=2, seed=7, phases="examples,fuzzing")
