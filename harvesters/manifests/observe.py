"""What a page says: the repository, its models, and what files of others add to them. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from harvesters.base import Told
from harvesters.errors import RecordUnreadable
from harvesters.manifests.declared import declare
from harvesters.manifests.foreign import Before, add_foreign
from harvesters.manifests.markers import Marker, marker_of, origin_of, short
from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.owners import add_owners
from harvesters.manifests.pages import File, RepositoryPage, Unread
from harvesters.manifests.place import Place
from harvesters.manifests.settings import RepositorySettings
from harvesters.manifests.wanted import is_manifest
from schemas.digest import canonical_json
from schemas.facts import RepositoryFacts
from schemas.harvest import KnownSubject
from schemas.identifiers import Identifier, Kind
from schemas.manifest import Manifest
from schemas.observation import Evidence, Observation
from schemas.sources import SourceSettings

MOST_WARNINGS: Final = 20
DECIDING: Final = {"namespace", "namespaces", "may_name", "settings"}
LASTING: Final = {  # why a file is not read the next time either, as long as it is what it is
    "not_a_file", "too_large", "too_deep", "too_many_files", "path_unnameable", "odd_path",
}  # fmt: skip


DOUBTFUL: Final = {"unknown_purpose"}


class Models(NamedTuple):
    """The manifests of a repository by path, and those that could not be read."""

    read: Mapping[str, Manifest]
    unread: Sequence[Unread]
    doubted: Sequence[str] = ()  # what is read all the same, and rates a use lower if it is a slip


class Teller:
    """Turns pages into what they say, for one source."""

    def __init__(
        self, source: SourceSettings, settings: RepositorySettings, *, version: str, dialect: str
    ) -> None:
        """`version` is that of the code that reads: another one reads everything again."""
        self.source, self.settings, self.dialect = source, settings, dialect
        told = source.model_dump(mode="json", include=DECIDING)
        self.format = short(f"{version} {canonical_json(told)}")[:8]
        self.counts: Counter[str] = Counter()

    def tell(self, page: RepositoryPage) -> Iterator[Told]:
        """What a page says. What is known and could not be read again is not missed."""
        if page.failure is not None:
            yield from _excused(page.repository.identity, page.known, why=page.failure)
        elif page.unchanged:
            yield from page.known
        else:
            try:
                yield from self._changed(page)
            except ValueError as error:  # what no contract takes: the others are read all the same
                why = "record_unreadable", f"{page.repository.url}: {error}"
                yield from _excused(page.repository.identity, page.known, why=why)

    def _changed(self, page: RepositoryPage) -> Iterator[Told]:
        if page.files is not None:
            yield from self._contents(page, page.files)
            return
        yield self._repository(page, manifests=known_manifests(page.known), unread=())
        yield from (one for one in page.known if one.subject.kind is not Kind.REPOSITORY)

    def _contents(self, page: RepositoryPage, files: Sequence[File]) -> Iterator[Told]:
        models = self._models(page, files)
        told = self._repository(page, manifests=sorted(models.read), unread=models.unread)
        yield _doubting(told, models.doubted)
        for one in models.unread:
            yield from self._unread(page, one)
        for one in page.unread:
            if not is_manifest(one.path):
                yield RecordUnreadable(one.code, f"{page.repository.url} {one.path}: {one.message}")
        for path, manifest in models.read.items():
            place = self._place(page, path)
            try:
                yield from declare(manifest, place)
            except (ValidationError, ValueError) as error:
                yield from self._unread(page, Unread(path, "invalid", str(error)))
                continue
            yield from add_owners(place, files=files, authors=page.authors)
        root = self._place(page, "")
        unread = [one.path for one in (*page.unread, *models.unread)]
        yield from add_foreign(
            root,
            files=files,
            manifests=models.read,
            settings=self.settings,
            counts=self.counts,
            before=Before(unread, page.known),
        )

    def _models(self, page: RepositoryPage, files: Sequence[File]) -> Models:
        """Which manifests are ours, and say what they should."""
        read: dict[str, Manifest] = {}
        doubted: list[str] = []
        unread = [one for one in page.unread if is_manifest(one.path)]
        for file in files:
            if not is_manifest(file.path):
                continue
            reading = read_manifest(file.raw)
            if not reading.ours:
                self.counts["not_our_manifest"] += 1
            elif reading.manifest is None:
                first = reading.problems[0]
                where = f"line {first.line}, column {first.column}: "
                message = f"{where}{first.message}; {first.fix}"
                unread.append(Unread(file.path, first.code, message))
            else:
                read[file.path] = reading.manifest
                found = (one for one in reading.problems if one.code in DOUBTFUL)
                doubted += (f"{file.path}: line {one.line}: {one.message}" for one in found)
        return Models(read, unread, doubted)

    def _repository(
        self, page: RepositoryPage, *, manifests: Sequence[str], unread: Sequence[Unread]
    ) -> Observation:
        """The repository itself; without a marker it is read again, as is one with faults."""
        repository, head = page.repository, page.head
        facts = dict(repository.facts) | {
            "url": repository.url,
            "manifests": list(manifests),
            "expects_models": self.settings.expects(repository.path),
        }
        if head is not None:
            facts["head_commit"] = head.commit
            if head.branch is not None and "default_branch" not in facts:
                facts["default_branch"] = head.branch
        inferred: tuple[str, ...] = ()
        if page.committed_at is not None and "pushed_at" not in facts:
            facts["pushed_at"], inferred = page.committed_at, ("pushed_at",)
        if unread:
            faults = sorted(f"{one.path}: {one.message}"[:500] for one in unread)
            facts["warnings"] = [*facts.get("warnings", ()), *faults][:MOST_WARNINGS]
        url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=repository.url)
        passing = any(one.code not in LASTING for one in page.unread)
        marker = None if unread or passing else str(self.marker(page))
        return Observation(
            subject=repository.identity,
            observed_at=page.at,
            same_as=() if url == repository.identity else (url,),
            facts=RepositoryFacts.model_validate(facts),
            inferred=inferred,
            evidence=Evidence(url=repository.url),
            marker=marker,
        )

    def marker(self, page: RepositoryPage) -> Marker:
        """Of a repository."""
        commit = page.head.commit if page.head else None
        origin = origin_of(page.repository.identity)
        return Marker(self.format, origin, commit or "", page.wanted, page.repository.stamp)

    def _place(self, page: RepositoryPage, path: str) -> Place:
        commit = page.head.commit if page.head else None
        return Place(
            self.source, page.repository, commit or "HEAD", path, page.at,
            self.marker(page), self.dialect,
        )  # fmt: skip

    def _unread(self, page: RepositoryPage, one: Unread) -> Iterator[RecordUnreadable]:
        """A faulty manifest: what it said last stays, with all that stands by it."""
        place = self._place(page, one.path)
        why = (one.code, f"{one.path}: {one.message}")
        standing = [
            known
            for known in page.known
            if (marker := marker_of(known)) is not None and marker.file == short(one.path)
        ]
        yield from _excused(place.manifest, standing, why=why)


def known_manifests(known: Iterable[KnownSubject]) -> list[str]:
    """The paths of a repository's manifests, as the catalog knows them."""
    return sorted(
        one.subject.value.partition("#")[2].replace("%23", "#").replace("%25", "%")
        for one in known
        if one.subject.kind is Kind.MODEL and one.subject.scheme == "manifest"
    )


def _excused(
    subject: Identifier, known: Iterable[KnownSubject], *, why: tuple[str, str]
) -> Iterator[RecordUnreadable]:
    """Why something was not read; what is known of it does not count as missed."""
    code, message = why
    yield RecordUnreadable(code, message, "", subject)
    within = f"{subject.value}#"  # the catalog excuses what stands in a repository with it
    for one in known:
        inside = subject.kind is Kind.REPOSITORY and one.subject.value.startswith(within)
        if one.subject != subject and not inside:
            yield RecordUnreadable(code, message, "", one.subject)


def _doubting(said: Observation, doubted: Sequence[str]) -> Observation:
    """The repository, with what its manifests say and nobody may have meant."""
    if not doubted or said.facts is None:
        return said
    facts = said.facts.model_dump(exclude_unset=True)
    warnings = [*(facts.get("warnings") or ()), *(one[:500] for one in sorted(doubted))]
    told = RepositoryFacts.model_validate(facts | {"warnings": warnings[:MOST_WARNINGS]})
    return said.model_copy(update={"facts": told})
