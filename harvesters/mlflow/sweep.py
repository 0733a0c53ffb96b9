"""The sweep of one workspace's registry: all models, then versions, then what they lacked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from harvesters.errors import RecordUnreadable, SourceRefused, shown
from harvesters.mlflow.changes import MOST_IN_FULL, changed_since, changed_versions, changes_do
from harvesters.mlflow.client import Registry
from harvesters.mlflow.cursor import Changes, SweepCursor
from harvesters.mlflow.hinted import FOLLOWS, ModelHints
from harvesters.mlflow.inquiry import Inquiry
from harvesters.mlflow.known import COLLISION, KnownModels
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import Told, marker_of_version, observe_model, observe_version
from harvesters.mlflow.prompts import count_prompts
from harvesters.mlflow.rows import KnownModel, ModelRow, VersionRow
from harvesters.mlflow.uses import model_in
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation

VERSION: Final = "mlflow-registry/2"
USUAL: Final = timedelta(hours=1)  # the interval of a source that says nothing else
TO_BE_MENDED: Final = {  # by whoever set the tag
    "ambiguous_use", "catalog_tag_unknown", "catalog_tag_unusable",
}  # fmt: skip


class RegistryPage(NamedTuple):
    """What the registry answered, versions with their model; the last one carries the cursor."""

    models: Sequence[ModelRow] = ()
    versions: Sequence[tuple[VersionRow, KnownModel]] = ()
    left_out: Mapping[str, int] = {}
    colliding: Sequence[str] = ()
    cursor: str | None = None


class RegistrySweep:
    """Everything in one workspace's registry, in full: no time of change sees an alias move.

    In a large one most harvests read the models in full, and of the versions what changed. What
    webhooks hint at is read alone, as long as everything was read within the source's interval.
    """

    coverage = Coverage.FULL
    follows = FOLLOWS
    settled: Sequence[int] = ()
    version = VERSION

    def __init__(
        self,
        registry: Registry,
        place: Place,
        *,
        exclude: Sequence[str] = (),
        most_in_full: int = MOST_IN_FULL,
        within: timedelta = USUAL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page."""
        self.scope = f"registry/{place.workspace}"
        self.registry, self.place, self.exclude, self.clock = registry, place, exclude, clock
        self.most_in_full, self.within = most_in_full, within
        self.hinted, self.only_hinted = ModelHints(place), False
        self.last_full: str | None = None
        self._begin(None)

    def hint(self, hints: Sequence[Hint]) -> None:
        """What webhooks told of this workspace."""
        self.hinted.take(hints)

    def choose(self, full_cursor: str | None) -> None:
        """In full, unless there is much or little is hinted at, and a full sweep not long ago."""
        last, self.last_full = SweepCursor.read(full_cursor), full_cursor
        now = self.clock()
        self.only_hinted = self.hinted.suffice(last, now=now, within=self.within)
        enough = self.only_hinted or changes_do(last, above=self.most_in_full, now=now)
        self.coverage = Coverage.DELTA if enough else Coverage.FULL

    def pages(self, cursor: str | None) -> Iterator[RegistryPage]:
        """Models first, for aliases stand on them; the last page is empty but for the cursor."""
        if self.place.namespace is None:
            message = f"namespace_unmapped: name one for {self.place.workspace} in `namespaces`"
            raise SourceRefused(message)
        full = self.coverage is Coverage.FULL
        self._begin(cursor if full else self.last_full)
        if self.only_hinted:
            yield from self._hinted_pages()
            return
        experiments = self.registry.probe()
        changes, count = Changes(), 0
        for models in self.registry.models():
            self.hinted.see(models)
            changes.add(models)
            yield RegistryPage(models=self._wanted(models))
        if not self.known.models and not experiments:
            raise SourceRefused("neither model nor experiment: this may be no tracking server")
        if not self.known.models and not full:
            raise SourceRefused("the listing is empty, but a full sweep saw many models")
        self.known.leave_out_prompts(count_prompts(self.registry))
        for versions in self._versions():
            self.hinted.see((), versions)
            changes.add(versions)
            count += len(versions)
            yield self._joined(versions)
        self._check(changes)
        ended = changes.cursor(self.began, versions=count) if full else None
        yield self._last_page(ended)

    def _hinted_pages(self) -> Iterator[RegistryPage]:
        """Models that were hinted at, each with all its versions; nothing is said of the others."""
        for name in self.hinted.models:
            if not self.known.keeps(name):
                continue
            models = [self.known.asked[name]]
            yield RegistryPage(models=models)
            self.hinted.see(models)
            for versions in self.registry.versions_named(name):
                self.read.update((row.name, str(row.version)) for row in versions)
                self.hinted.see((), versions)
                yield self._joined(versions)
        yield self._last_page(None)

    def _last_page(self, cursor: str | None) -> RegistryPage:
        self.settled = self.hinted.settled(self.known.models)
        left_out, colliding = +self.known.left_out, self.known.colliding
        return RegistryPage(left_out=left_out, colliding=colliding, cursor=cursor)

    def observe(self, page: RegistryPage) -> Iterator[Observation | RecordUnreadable]:
        """What the rows of a page say; what is left out of them is counted."""
        for row in page.models:
            yield from self._said(observe_model(row, self.place, at=self.began))
        for version, model in page.versions:
            yield from self._said(observe_version(version, self.place, at=self.began, model=model))
        for name in page.colliding:
            message = "another model's name differs in its normal form alone; rename one of them"
            yield RecordUnreadable(COLLISION, f"{shown(name)}: {message}")
        self._counts.update(page.left_out)

    def beside(self, page: RegistryPage) -> Mapping[str, datetime]:
        """Every row is observed as of the sweep's beginning."""
        del page
        return {"began": self.began}

    def recall(self, beside: Mapping[str, datetime]) -> None:
        """Begin when a recorded sweep began."""
        self.began = beside["began"]

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

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Ask by name for what the models, which are all listed, say otherwise than is known."""
        if not self.doubtful:
            yield from self.ask([one for one in known if self._is_otherwise(one)])

    def _begin(self, cursor: str | None) -> None:
        self.began = self.clock()
        self.previous = SweepCursor.read(cursor)
        self.known = KnownModels(self.registry.find_model, exclude=self.exclude)
        self.uses: set[Identifier] = set()
        self.read: set[tuple[str, str]] = set()  # changed versions
        self.doubtful = False
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts
        self._inquiry: Inquiry | None = None

    def _versions(self) -> Iterator[Sequence[VersionRow]]:
        if self.coverage is Coverage.FULL or self.previous is None:
            yield from self.registry.versions()
            return
        for page in changed_versions(self.registry, since=changed_since(self.previous)):
            self.read.update((row.name, str(row.version)) for row in page)
            yield page

    def _check(self, changes: Changes) -> None:
        """Was the server restored? If changes cannot tell, they say of nothing that it is gone."""
        if self.previous is None or not self.previous.is_ahead_of(changes):
            return
        if self.coverage is Coverage.DELTA:
            since = changed_since(self.previous)
            self.doubtful = not self.previous.contradicted_by(changes, since=since)
        if not self.doubtful:
            raise SourceRefused("source_went_back: what changed last is older than it was before")

    def _is_otherwise(self, known: KnownSubject) -> bool:
        if self.only_hinted:
            return self._is_missing(known)
        if known.subject.kind is Kind.USE:
            return known.subject not in self.uses
        names = self.place.names_in(known.subject)
        if names is None:
            return False
        written = self.known.written(names[0])
        model = self.known.models.get(written)
        if not isinstance(model, KnownModel):
            return True
        if not model.kept or len(names) == 1 or (written, names[1]) in self.read:
            return False
        return known.marker != marker_of_version(model, names[1])

    def _is_missing(self, known: KnownSubject) -> bool:
        """Of a model that was hinted at and is there: a use or a version that is not any more.

        A model that is not there may have another name by now, which only a full sweep finds.
        """
        if known.subject.kind is Kind.USE:
            told = model_in(known.marker)
            names: tuple[str, ...] | None = (told[1],) if told else None
        else:
            names = self.place.names_in(known.subject)
        if names is None or not isinstance(self.known.models.get(names[0]), KnownModel):
            return False
        if known.subject.kind is Kind.USE:
            return known.subject not in self.uses
        return len(names) > 1 and (names[0], names[1]) not in self.read

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
        for use in told.uses:
            if use.subject in self.uses:
                message = "two models have one name in the catalog: which is used is not known"
                yield RecordUnreadable(COLLISION, message, "", use.subject)
            else:
                self.uses.add(use.subject)
                yield use
