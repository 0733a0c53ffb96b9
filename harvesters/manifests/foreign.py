"""What files in formats of others add to the models of a repository. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from harvesters.errors import RecordUnreadable
from harvesters.manifests.foreign_created import create
from harvesters.manifests.foreign_said import Said, distinct, holds, say, say_dataset
from harvesters.manifests.foreign_targets import Aimed, Target, aim, distance, targets_of
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.datasets import CREDENTIAL
from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.markers import marker_of, short
from harvesters.manifests.pages import File
from harvesters.manifests.place import Place, folder_of
from harvesters.manifests.settings import RepositorySettings
from schemas.harvest import KnownSubject
from schemas.identifiers import Identifier, Kind
from schemas.manifest import Manifest


class Read(NamedTuple):
    """A file, and what it says."""

    format: Format
    path: str
    found: Sequence[Found]


class Before(NamedTuple):
    """Paths of files that could not be read, faulty manifests among them, and what is known.

    What stands by a faulty manifest is nobody else's.
    """

    unread: Collection[str] = ()
    known: Sequence[KnownSubject] = ()


NOTHING: Final = Before()


def add_foreign(
    root: Place,
    *,
    files: Sequence[File],
    manifests: Mapping[str, Manifest],
    settings: RepositorySettings,
    counts: Counter[str],
    before: Before = NOTHING,
) -> Iterator[Said]:
    """Facts of the models that the files stand by; a file that cannot be read is passed over.

    What was said before of files that could not be read stays as it was.
    """
    adding = _Adding(root, settings=settings, counts=counts)
    adding.targets = targets_of(root, manifests, unread=before.unread)
    adding.known = before.known
    for path in before.unread:
        yield from adding.excuse(path, code="not_read", message="could not be read")
    yield from adding.add(files)


class _Adding:
    """Goes through the files of one repository."""

    targets: dict[str, Target]
    known: Sequence[KnownSubject]

    def __init__(self, root: Place, *, settings: RepositorySettings, counts: Counter[str]) -> None:
        self.root, self.settings, self.counts = root, settings, counts
        self.created: list[Target] = []
        self.told: set[Identifier] = set()

    def add(self, files: Sequence[File]) -> Iterator[Said]:
        read: list[Read] = []
        for file in files:
            for one in FORMATS:
                if one.matches(file.path) and self.settings.treatment(one.name) != "ignore":
                    try:
                        read.append(Read(one, file.path, distinct(one.read(file.raw, file.path))))
                    except FileRefused as refused:
                        message = f"{self.root.repository.url} {file.path}: {refused.message}"
                        yield RecordUnreadable(refused.code, message)
                        yield from self.excuse(
                            file.path, code=refused.code, message=refused.message
                        )
        held = sum(CREDENTIAL in found.dropped for one in read for found in one.found)
        if held:
            self.counts["foreign_credential"] += held
        for said in self._say(sorted(read, key=self._turn)):
            if said.subject is None or said.subject not in self.told:
                yield said
            if said.subject is not None:
                self.told.add(said.subject)

    def excuse(self, path: str, *, code: str, message: str) -> Iterator[RecordUnreadable]:
        """What a file said the last time does not count as missed."""
        file = self.root.beside(path)
        for one in self.known:
            marker = marker_of(one)
            created = marker is not None and marker.file == short(path)
            if created or holds(file, one.subject):
                where = f"{self.root.repository.url} {path}: {message}"
                yield RecordUnreadable(code, where, "", one.subject)

    def _turn(self, read: Read) -> tuple[bool, int, str]:
        """Those that create models first: others add to these too."""
        name = read.format.name
        return self.settings.treatment(name) != "create", FORMATS.index(read.format), read.path

    def _say(self, read: Sequence[Read]) -> Iterator[Said]:
        aimed: list[tuple[Format, Aimed]] = []
        for one in read:
            shared = aim(one.path, one.found, format_=one.format, targets=self._targets(one.path))
            aimed += [(one.format, share) for share in shared.aimed]
            created = [
                found for found, why in shared.without if self._creates(one.format, found, why=why)
            ]
            self.counts.update(why for found, why in shared.without if found not in created)
            if created:
                yield from self._create(one, created)
        for format_, share in aimed:
            if share.target.readable:
                rivals = [other for one, other in aimed if one is format_]
                yield from say(self._nearest_only(share, rivals), self.root)

    def _targets(self, path: str) -> Mapping[str, Target]:
        """Those of manifests; one that a file created is for what lies in its folder alone."""
        folder = folder_of(path)
        return self.targets | {one.path: one for one in self.created if one.folder == folder}

    def _creates(self, format_: Format, found: Found, *, why: str) -> bool:
        """Only what bears a name of its own is no doubt another model than those around."""
        creates = self.settings.treatment(format_.name) == "create" and format_.reach == "folder"
        return creates and (why == "foreign_without_model" or found.entity is not None)

    def _create(self, read: Read, found: Sequence[Found]) -> Iterator[Said]:
        """Models that only this file describes; others of the same folder may add to them."""
        place = self.root.beside(read.path)
        if all(one.kind is Kind.DATASET for one in found):
            yield from (say_dataset(one, place, by=read.path) for one in found)
            return
        rest = [one for one in read.found if one.kind is not Kind.MODEL]
        for made in create(found, place):
            yield made.said
            if made.target is not None:
                self.created.append(made.target)
                own = [one for one in rest if not one.of or made.target.name in one.of]
                yield from say(Aimed(read.path, made.target, own), self.root)

    def _nearest_only(self, share: Aimed, rivals: Sequence[Aimed]) -> Aimed:
        """Of several files of a format, only the nearest say something of the model itself."""
        others = (one for one in rivals if one.target == share.target and _is_about_model(one))
        nearest = min((distance(one.path, one.target) for one in others), default=0)
        if distance(share.path, share.target) <= nearest:
            return share
        kept = [one for one in share.found if one.kind is not Kind.MODEL]
        self.counts["foreign_further_away"] += len(kept) < len(share.found)
        return share._replace(found=kept)


def _is_about_model(share: Aimed) -> bool:
    return any(one.kind is Kind.MODEL for one in share.found)
