"""The training runs that versions of one workspace refer to, and what they say of these."""

from collections.abc import Iterator

from harvesters.mlflow.client import LOGGED_MODELS_BY_NAME, RUNS_BY_NAME
from harvesters.mlflow.run_pages import NAMEABLE, RunPage, RunPages, in_parts
from harvesters.mlflow.run_reader import RunReader
from harvesters.mlflow.runs_cursor import (
    ALL_AGAIN,
    SLACK,
    Progress,
    TrainingCursor,
    as_milliseconds,
    read_cursor,
    write_cursor,
)


class TrainingSweep(RunReader):
    """Reads those of new versions, those that have not ended, and once a day all of them.

    What a walk of all training runs has read just now is not read again.
    """

    listing = "training_runs"
    version = "mlflow-training/1"

    def pages(self, cursor: str | None) -> Iterator[RunPage]:
        """The last page is empty but for the cursor."""
        self._begin()
        self._check_namespace()
        self.settled = self.references.settled
        before = read_cursor(TrainingCursor, cursor)
        all_again = before is None or self.began - before.reread_at >= ALL_AGAIN
        since = before.versions_after - SLACK if before is not None else 0
        if all_again and not self.references.all_read:  # what is left is not there: asked once
            since = 0
        experiments = self.registry.experiments()
        yield from self._refer(since)
        self._resolve(experiments, since=since)
        wanted = set(self.references.runs_since(since))
        if before is not None and not (self.references.complete and self.references.walked):
            wanted |= self._still_open(before)
        progress = Progress(self.began)
        for page in RunPages(self.registry, experiments, clock=self.clock).named(wanted):
            progress.add(page.runs)
            yield page
        progress.open |= self.references.open
        newest = min(self.references.newest, as_milliseconds(self.began))
        yield RunPage(
            self.clock(),
            cursor=write_cursor(
                versions_after=max(newest, before.versions_after if before else 0),
                open=progress.remembered(),
                reread_at=self.began if before is None or all_again else before.reread_at,
            ),
        )

    def _refer(self, since: int) -> Iterator[RunPage]:
        """List versions, as far as the sweep of the registry has not done so just now.

        Empty pages: the time that one may take is limited.
        """
        if self.references.complete:
            return
        if since <= 0:
            for _ in self.registry.versions():  # which remembers what they refer to
                yield RunPage(self.clock())
            return
        for page in self.registry.new_versions():
            self.references.add(page)
            yield RunPage(self.clock())
            if any((row.creation_timestamp or 0) < since for row in page):
                return

    def _resolve(self, experiments: list[str], *, since: int) -> None:
        """Versions that name only a logged model: it knows its training run."""
        wanted = list(self.references.logged_models_since(since))
        for chunk in in_parts(wanted, LOGGED_MODELS_BY_NAME):
            for logged_model, run_id in self.registry.source_runs(experiments, chunk):
                self.references.resolve(logged_model, run_id)

    def _still_open(self, before: TrainingCursor) -> set[str]:
        """Those that had not ended, with all their versions, which may be older."""
        nameable = [run_id for run_id in before.open if NAMEABLE.fullmatch(run_id)]
        for chunk in in_parts([] if self.references.complete else nameable, RUNS_BY_NAME):
            for page in self.registry.versions_of(chunk):
                self.references.add(page)
        return set(nameable)
