"""Where the harvests of a workspace's training runs stood."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from harvesters.mlflow.rows import RunRow
from harvesters.mlflow.runs import is_open
from schemas.strict import Closed, Instant, Word, instant_text

SLACK: Final = 5 * 60 * 1_000  # clocks differ, and a page takes a while
ALL_AGAIN: Final = timedelta(hours=24)  # tags set late and runs deleted touch no time
MOST_OPEN: Final = 1_500  # ids; a cursor stays below 64 KiB
Cursor = TypeVar("Cursor", bound=BaseModel)


class WalkCursor(Closed):
    """How far the walks of all training runs came, in milliseconds of the source's clocks.

    `open` are the newest ones that had not ended. More need not be remembered: they are found by
    their status, and one that ends without showing an end time is found when all are read again.
    """

    format: Literal[1]
    started: int
    ended: int
    open: tuple[Word, ...] = Field(default=(), max_length=MOST_OPEN)
    all_read: Instant


class TrainingCursor(Closed):
    """Which versions' training runs were read, in milliseconds of the server's clock."""

    format: Literal[1]
    versions_after: int
    open: tuple[Word, ...] = Field(default=(), max_length=MOST_OPEN)
    reread_at: Instant


def read_cursor(model: type[Cursor], text: str | None) -> Cursor | None:
    """A stored cursor; one of another format means none."""
    try:
        return model.model_validate_json(text) if text else None
    except ValidationError:
        return None


def write_cursor(**members: Any) -> str:
    """A cursor as it is stored."""
    written = {
        name: instant_text(value) if isinstance(value, datetime) else value
        for name, value in members.items()
    }
    return json.dumps({"format": 1, **written})


def as_milliseconds(moment: datetime) -> int:
    """A time of ours as MLflow writes times."""
    return int(moment.timestamp() * 1_000)


class Progress:
    """What the pages of one harvest showed: the newest times, and who has not ended."""

    def __init__(self, began: datetime) -> None:
        """Times of the data never pass our clock: a run of the year 10,000 would hide others."""
        self.limit = as_milliseconds(began)
        self.started = self.ended = 0
        self.open: dict[str, int] = {}  # when they began

    def add(self, rows: Iterable[RunRow]) -> None:
        """Take the training runs of a page."""
        for row in rows:
            info = row.info
            self.started = max(self.started, min(info.start_time or 0, self.limit))
            self.ended = max(self.ended, min(info.end_time or 0, self.limit))
            if is_open(row):
                self.open[info.run_id] = info.start_time or 0

    def remembered(self) -> list[str]:
        """The newest of those that have not ended."""
        newest = nlargest(MOST_OPEN, ((at, run_id) for run_id, at in self.open.items()))
        return sorted(run_id for _, run_id in newest)
