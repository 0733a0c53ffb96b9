"""The cursors of training runs: bounded, and never ahead of our clock."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest

from harvesters.mlflow.runs_cursor import (
    MOST_OPEN,
    Progress,
    TrainingCursor,
    WalkCursor,
    as_milliseconds,
    read_cursor,
    write_cursor,
)
from schemas.harvest import LONGEST_CURSOR
from tests.harvesters.mlflow.conftest import NOON

LIMIT: Final = as_milliseconds(NOON)


@dataclass
class Info:
    """What a training run is, as far as cursors care."""

    run_id: str
    start_time: int | None
    end_time: int | None = None
    status: str = "RUNNING"


@dataclass
class Run:
    """A training run."""

    info: Info
    data: Any = field(default=None)


def progress(*runs: Info) -> Progress:
    """What a harvest that began at noon saw."""
    seen = Progress(NOON)
    rows: Any = [Run(info) for info in runs]
    seen.add(rows)
    return seen


def test_progress_times() -> None:
    """The newest times count, but none that lies ahead of our clock, or that is none."""
    seen = progress(
        Info("a", 5, 9, "FINISHED"), Info("b", None), Info("c", -1), Info("d", 7, 3, "KILLED")
    )
    assert (seen.started, seen.ended) == (7, 9)
    ahead = progress(Info("a", 10**18, 10**18, "FINISHED"))
    assert (ahead.started, ahead.ended) == (LIMIT, LIMIT)


def test_progress_open() -> None:
    """Only the newest open training runs are remembered; the cursor can be stored and read."""
    seen = progress(*(Info(f"{n:032x}", n) for n in range(5_000)), Info("z", 9, 9, "FAILED"))
    remembered = seen.remembered()
    assert remembered == [f"{n:032x}" for n in range(5_000 - MOST_OPEN, 5_000)]
    text = write_cursor(started=seen.started, ended=0, open=remembered, all_read=NOON)
    assert len(text) <= LONGEST_CURSOR
    assert read_cursor(WalkCursor, text) == WalkCursor(
        format=1, started=4_999, ended=0, open=tuple(remembered), all_read=NOON
    )


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 2}', '{"format": 1}'])
def test_read_cursor_unknown(text: str | None) -> None:
    """A cursor of another format means none."""
    assert read_cursor(WalkCursor, text) is None
    assert read_cursor(TrainingCursor, text) is None


def test_write_cursor_times() -> None:
    """Times of ours are written the one way they are written."""
    written = write_cursor(versions_after=7, open=[], reread_at=NOON + timedelta(hours=1))
    assert read_cursor(TrainingCursor, written) == TrainingCursor(
        format=1, versions_after=7, reread_at=NOON + timedelta(hours=1)
    )
