"""What both scopes of training runs do with a page: say runs, versions and datasets."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.client import Registry
from harvesters.mlflow.datasets import ReadDataset
from harvesters.mlflow.inquiry import not_readable
from harvesters.mlflow.names import Place
from harvesters.mlflow.rows import Absent, RunRow
from harvesters.mlflow.run_pages import RunPage
from harvesters.mlflow.runs import is_open, observe_run
from harvesters.mlflow.trained import observe_trained
from schemas.facts import TrainingRunFacts
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier
from schemas.observation import Evidence, Observation

MOST_HELD: Final = 5_000  # datasets


class Held(NamedTuple):
    """A dataset, and when the training run began that showed it."""

    began: int
    dataset: ReadDataset
    at: datetime
    evidence: Evidence | None


class RunReader:
    """Reads training runs of one workspace; what it lacks is retired by asking only."""

    coverage = Coverage.DELTA
    version = ""
    listing = ""  # what the scope is called after
    read_all = False
    unlimited = True  # reading all means every one
    settled = 0  # what earlier ones read was told when all were read, in milliseconds
    _datasets: dict[Identifier, Held]

    def __init__(
        self,
        registry: Registry,
        place: Place,
        *,
        exclude: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page."""
        self.scope = f"{self.listing}/{place.workspace}"
        self.registry, self.place, self.exclude, self.clock = registry, place, exclude, clock
        self.references = registry.references
        self._begin()

    def observe(self, page: RunPage) -> Iterator[Observation | RecordUnreadable]:
        """What the training runs of a page say; datasets wait for the one that says it last."""
        for row in page.runs:
            yield from self._run(row, at=page.at)
        for run_id, why in page.absent.items():
            subject = self.place.training_run(run_id)
            if why is Absent.MISSING:
                yield Observation(subject=subject, observed_at=page.at, gone=True)
            else:
                yield not_readable(subject)
        if page.cursor is not None or len(self._datasets) >= MOST_HELD:
            yield from self._held()
        if page.cursor is not None:
            self._settle()

    def beside(self, page: RunPage) -> Mapping[str, Any]:
        """The versions that refer to a page's training runs, known from the registry's listing."""
        named = {row.info.run_id: tuple(self.references.of(row.info.run_id)) for row in page.runs}
        versions = {run_id: versions for run_id, versions in named.items() if versions}
        return {"settled": self.settled, "versions": versions}

    def recall(self, beside: Mapping[str, Any]) -> None:
        """Know what a recorded harvest knew of the page's training runs."""
        self.settled = beside["settled"]
        for run_id, versions in beside["versions"].items():
            self.references.by_run[run_id] = list(versions)

    def cursor_after(self, page: RunPage) -> str | None:
        """Known once everything was read."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Nothing: a delta harvest draws no conclusion from what it did not see."""
        del unseen
        return iter(())

    def _settle(self) -> None:
        """All was read."""

    def _begin(self) -> None:
        self.began = self.clock()
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts
        self._told: set[str] = set()
        self._datasets = {}

    def _check_namespace(self) -> None:
        if self.place.namespace is None:
            message = f"namespace_unmapped: name one for {self.place.workspace} in `namespaces`"
            raise SourceRefused(message)

    def _run(self, row: RunRow, *, at: datetime) -> Iterator[Observation | RecordUnreadable]:
        told = observe_run(row, self.place, at=at)
        self._counts.update(one.reason for one in told.dropped)
        yield told.said
        if not isinstance(told.said, Observation):
            return
        for dataset in told.datasets:
            self._hold(dataset, row, said=told.said)
        facts = told.said.facts
        assert isinstance(facts, TrainingRunFacts)  # noqa: S101  # observe_run states no others
        for version in self.references.of(row.info.run_id):
            self._told.add(row.info.run_id)
            if is_open(row):
                self.references.open[row.info.run_id] = row.info.start_time or 0
            if not any(fnmatchcase(version.name, glob) for glob in self.exclude):
                yield observe_trained(version, row, facts=facts, place=self.place, at=at)

    def _hold(self, dataset: ReadDataset, row: RunRow, *, said: Observation) -> None:
        """Of two statements the one of the training run that began later counts.

        Else which of them is current would depend on the order in which pages came, and one that
        is read again because it never ended would outdo all that began after it.
        """
        began = row.info.start_time or 0
        if began < self.settled:
            return
        held = self._datasets.get(dataset.subject)
        if held is None or held.began <= began:
            held = Held(began, dataset, said.observed_at, said.evidence)
            self._datasets[dataset.subject] = held

    def _held(self) -> Iterator[Observation]:
        held, self._datasets = self._datasets, {}
        for one in held.values():
            yield one.dataset.observation(at=one.at, evidence=one.evidence)
