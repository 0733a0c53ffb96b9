"""The sweep of one workspace's registry: all models, then all versions, then what they lacked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.client import Registry
from harvesters.mlflow.cursor import Changes, SweepCursor
from harvesters.mlflow.inquiry import Inquiry
from harvesters.mlflow.known import KnownModels
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import Told, observe_model, observe_version
from harvesters.mlflow.rows import KnownModel, ModelRow, VersionRow
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Kind
from schemas.observation import Observation

VERSION: Final = "mlflow-registry/1"
TO_BE_MENDED: Final = {"catalog_tag_unknown", "catalog_tag_unusable"}  # by whoever set the tag


class RegistryPage(NamedTuple):
    """What the registry answered, versions with their model; the last one carries the cursor."""

    models: Sequence[ModelRow] = ()
    versions: Sequence[tuple[VersionRow, KnownModel]] = ()
    left_out: Mapping[str, int] = {}
    cursor: str | None = None


class RegistrySweep:
    """Everything in one workspace's registry, in full: no time of change sees an alias move."""

    coverage = Coverage.FULL
    version = VERSION

    def __init__(
        self,
        registry: Registry,
        place: Place,
        *,
        exclude: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page."""
        self.scope = f"registry/{place.workspace}"
        self.registry, self.place, self.exclude, self.clock = registry, place, exclude, clock
        self._begin(None)

    def pages(self, cursor: str | None) -> Iterator[RegistryPage]:
        """Models first, for aliases stand on them; the last page is empty but for the cursor."""
        if self.place.namespace is None:
            message = f"namespace_unmapped: name one for {self.place.workspace} in `namespaces`"
            raise SourceRefused(message)
        self._begin(cursor)
        experiments = self.registry.probe()
        changes = Changes()
        for models in self.registry.models():
            changes.add(models)
            yield RegistryPage(models=self._wanted(models))
        if not self.known.models and not experiments:
            raise SourceRefused("neither model nor experiment: this may be no tracking server")
        for versions in self.registry.versions():
            changes.add(versions)
            yield self._joined(versions)
        if self.previous and self.previous.is_ahead_of(changes):
            raise SourceRefused("source_went_back: what changed last is older than it was before")
        yield RegistryPage(left_out=self.known.left_out, cursor=changes.cursor(self.began))

    def observe(self, page: RegistryPage) -> Iterator[Observation | RecordUnreadable]:
        """What the rows of a page say; what is left out of them is counted."""
        for row in page.models:
            yield from self._said(observe_model(row, self.place, at=self.began))
        for version, model in page.versions:
            yield from self._said(observe_version(version, self.place, at=self.began, model=model))
        self._counts.update(page.left_out)

    def cursor_after(self, page: RegistryPage) -> str | None:
        """Known once everything was read."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Ask by name for what the listing lacked.

        A workspace that vanished answers "not found" too, so it is probed once more before
        anything is said to be gone.
        """
        inquiry = self._inquire()
        models_first = sorted(unseen, key=lambda known: known.subject.kind is not Kind.MODEL)
        told = [answer for known in models_first for answer in inquiry.answers(known)]
        if any(isinstance(one.said, Observation) and one.said.gone for one in told):
            self.registry.probe()
        for one in told:
            yield from self._said(one)

    def _begin(self, cursor: str | None) -> None:
        self.began = self.clock()
        self.previous = SweepCursor.read(cursor)
        self.known = KnownModels(self.registry.find_model, exclude=self.exclude)
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts
        self._inquiry: Inquiry | None = None

    def _inquire(self) -> Inquiry:
        """Later than the sweep: a renamed model is observed twice, and the second must win."""
        if self._inquiry is None:
            at = max(self.clock(), self.began + timedelta(microseconds=1))
            last = self.previous.max_updated if self.previous else 0
            self._inquiry = Inquiry(self.registry, self.place, known=self.known, at=at, last=last)
        return self._inquiry

    def _wanted(self, models: Sequence[ModelRow]) -> list[ModelRow]:
        """Without prompts, excluded ones, and those that an insertion between pages repeated."""
        if not all(row.name for row in models):
            raise SourceRefused("the server lists a model without a name")
        return [row for row in models if (added := self.known.add(row)) and added.kept]

    def _joined(self, versions: Sequence[VersionRow]) -> RegistryPage:
        """Each with its model, which a deletion between pages may have hidden.

        When the model is not there any more, neither is the version.
        """
        late = [
            self.known.asked[name]
            for name in dict.fromkeys(row.name for row in versions)
            if name not in self.known.models and self.known.keeps(name)
        ]
        joined = [
            (row, model)
            for row in versions
            if isinstance(model := self.known.look_up(row.name), KnownModel) and model.kept
        ]
        return RegistryPage(models=late, versions=joined)

    def _said(self, told: Told) -> Iterator[Observation | RecordUnreadable]:
        yield told.said
        for reason, about in told.dropped:
            self._counts[reason] += 1
            if reason in TO_BE_MENDED:
                yield RecordUnreadable(reason, about, "/tags", told.said.subject)
