"""All training runs of one workspace: what began or ended lately, and once a day every one."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from harvesters.errors import RecordUnreadable
from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from harvesters.mlflow.run_pages import RunPage, RunPages
from harvesters.mlflow.run_reader import RunReader
from harvesters.mlflow.runs import ENDED, is_open
from harvesters.mlflow.runs_cursor import (
    ALL_AGAIN,
    SLACK,
    Progress,
    WalkCursor,
    as_milliseconds,
    read_cursor,
    write_cursor,
)
from schemas.harvest import KnownSubject
from schemas.observation import Observation

STILL_OPEN: Final = " AND ".join(f"attributes.status != '{status}'" for status in sorted(ENDED))


class ExperimentWalk(RunReader):
    """Walks by start and by end; those that are open are read until they have ended.

    No time tells of tags set late, of deletion or of what was imported under an old date. So all
    are read once a day, and then `read_all` lets the runner ask for those that were not seen.
    `days` limits how far back that goes: what began and ended before is read only when asked for.
    """

    listing = "experiments"
    version = "mlflow-experiments/1"

    def __init__(
        self, registry: Registry, place: Place, *, days: int | None = None, **options: Any
    ) -> None:
        """Nothing is asked before the first page."""
        super().__init__(registry, place, **options)
        self.days, self.unlimited = days, days is None

    def pages(self, cursor: str | None) -> Iterator[RunPage]:
        """The last page is empty but for the cursor."""
        self._begin()
        self._check_namespace()
        before = read_cursor(WalkCursor, cursor)
        self.runs = RunPages(self.registry, self.registry.experiments(), clock=self.clock)
        progress = Progress(self.began)
        self.read_all = before is None or self.began - before.all_read >= ALL_AGAIN
        if before is not None:
            self.settled = 0 if self.read_all else as_milliseconds(before.all_read)
        for page in self._all() if before is None or self.read_all else self._changed(before):
            progress.add(page.runs)
            yield page
        yield RunPage(self.clock(), cursor=self._cursor(before, progress))

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Ask by id for training runs that were known and not seen when all were read."""
        ids = [run_id for one in unseen if (run_id := self.place.run_in(one.subject)) is not None]
        for page in self.runs.named(ids):
            yield from self.observe(page)
        yield from self._held()

    def _settle(self) -> None:
        at = as_milliseconds(self.began) if self.unlimited else 0
        self.references.settle(self._told, all_read=self.read_all and self.unlimited, at=at)

    def _all(self) -> Iterator[RunPage]:
        if self.days is None:
            return self.runs.walk("start_time")
        since = as_milliseconds(self.began - timedelta(days=self.days))
        return self._since(since, since)

    def _changed(self, before: WalkCursor) -> Iterator[RunPage]:
        """Also those that left the open ones unnoticed: their clients wrote no end time, or any."""
        seen: set[str] = set()
        for page in self._since(before.started - SLACK, before.ended - SLACK):
            seen |= {row.info.run_id for row in page.runs}
            yield page
        yield from self.runs.named([run_id for run_id in before.open if run_id not in seen])

    def _since(self, began: int, ended: int) -> Iterator[RunPage]:
        """Began since, ended since, and still open; one that was resumed is both of the last."""
        earlier = f"attributes.start_time < {began}"
        yield from self.runs.walk("start_time", since=began)
        resumed: set[str] = set()
        for page in self.runs.walk("end_time", since=ended, where=earlier):
            resumed |= {row.info.run_id for row in page.runs if is_open(row)}
            yield page
        for page in self.runs.walk("start_time", where=f"{earlier} AND {STILL_OPEN}"):
            fresh = [row for row in page.runs if row.info.run_id not in resumed]
            yield page._replace(runs=fresh)

    def _cursor(self, before: WalkCursor | None, progress: Progress) -> str:
        return write_cursor(
            started=max(progress.started, before.started if before else 0),
            ended=max(progress.ended, before.ended if before else 0),
            open=progress.remembered(),
            all_read=self.began if before is None or self.read_all else before.all_read,
        )
