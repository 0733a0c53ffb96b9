"""Benches run, and say truly what they measured. No test asserts a time: machines differ."""

import pytest

from bench.__main__ import BENCHES
from bench.result import Form, Result, Stage

SLOWER = Result("sweep", 1.75, Form.TIME, "bare paging", 1.5, ("500 models",))
FASTER = Result("ingest", 0.321, Form.RATE, "COPY's rate", 0.25)


@pytest.mark.long
@pytest.mark.parametrize("name", BENCHES)
def test_bench_small(pytestconfig: pytest.Config, name: str) -> None:
    """Every bench comes to a ratio, with the real services and little data."""
    stage = Stage(pytestconfig.cache.mkdir("mlflow"), small=True)

    result = BENCHES[name](stage)

    assert result.name == name
    assert result.ratio > 0
    assert not result.flaw


def test_result_lines() -> None:
    """One line says name, figure, target and verdict; details follow, indented."""
    assert SLOWER.lines() == [
        "sweep: 1.75 x bare paging, target at most 1.50: MISSED",
        "    500 models",
    ]
    assert FASTER.lines() == ["ingest: 32.1% of COPY's rate, target at least 25.0%: met"]


def test_result_with_a_flaw() -> None:
    """A good ratio counts for nothing when what was measured is not what is claimed."""
    flawed = SLOWER._replace(ratio=1.0, flaw="3 rows were written")

    assert not flawed.met
    assert flawed.lines()[0].endswith("MISSED: 3 rows were written")
