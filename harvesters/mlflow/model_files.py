"""The harvest of `MLmodel` files: bounded, oldest version first, each version's file once."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from heapq import nlargest, nsmallest
from typing import Any, Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationError

from harvesters.dropped import warnings_of
from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.artifacts import NoFile, locate, read_file
from harvesters.mlflow.changes import OVERLAP
from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place, identifier
from harvesters.mlflow.observe import LOGGED_MODEL, unreadable
from harvesters.mlflow.rows import VersionRow
from harvesters.mlmodel import read_mlmodel
from schemas.facts import VersionFacts
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Kind
from schemas.observation import Observation
from schemas.strict import Closed, Count, Word
from schemas.yaml_walk import YamlRefused

VERSION: Final = "mlflow-models/1"
FILES_A_HARVEST: Final = 500
FILES_A_PAGE: Final = 50  # three requests each, and a page may take ten minutes
REMEMBERED: Final = 1_500  # versions; a cursor stays below 64 KiB


class Wanted(NamedTuple):
    """A version whose file is to be read; ordered by when it was created."""

    created: int  # the server's milliseconds
    name: str
    number: str
    logged_model: str

    @property
    def key(self) -> str:
        """By which it is remembered."""
        return hashlib.sha256(json.dumps([self.name, self.number]).encode()).hexdigest()[:10]


class FilesPage(NamedTuple):
    """Versions with their files, or why there is none; and where a next harvest goes on."""

    files: Sequence[tuple[Wanted, bytes | NoFile]]
    cursor: str


class FilesCursor(Closed):
    """Every version created before `since` was read; of the later ones these, by creation."""

    format: Literal[1] = 1
    since: Count = 0
    read: Mapping[Word, Count] = Field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None) -> Self:
        """A stored cursor; one of another format means the beginning."""
        try:
            return cls.model_validate_json(text) if text else cls()
        except ValidationError:
            return cls()


class ModelFiles:
    """What `MLmodel` files add to the versions of one workspace.

    A version's file never changes: only a full harvest looks again for those that could not be
    read. It is a subject of its own, so that neither this nor the sweep
    of the registry overwrites what the other says.
    """

    coverage = Coverage.DELTA
    version = VERSION
    read_all = False  # asked for in full it begins anew; nothing is asked for by name

    def __init__(
        self,
        registry: Registry,
        place: Place,
        *,
        exclude: Sequence[str] = (),
        most: int = FILES_A_HARVEST,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page."""
        self.scope = f"models/{place.workspace}"
        self.registry, self.place, self.exclude, self.clock = registry, place, exclude, clock
        self.most = most
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts

    def pages(self, cursor: str | None) -> Iterator[FilesPage]:
        """Files of the oldest versions that were not read yet."""
        if self.place.namespace is None:
            message = f"namespace_unmapped: name one for {self.place.workspace} in `namespaces`"
            raise SourceRefused(message)
        self._counts.clear()
        self.began = self.clock()
        reading = _Reading(FilesCursor.of(cursor))
        wanted = nsmallest(self.most, self._unread(reading))
        for start in range(0, len(wanted), FILES_A_PAGE):
            part = wanted[start : start + FILES_A_PAGE]
            locations = locate(self.registry, [one.logged_model for one in part])
            files = [(one, self._read(one, locations)) for one in part]
            yield FilesPage(files, reading.after(part))

    def observe(self, page: FilesPage) -> Iterator[Observation | RecordUnreadable]:
        """What the files say; one that is missing or hostile is counted, and passed over."""
        for wanted, found in page.files:
            if isinstance(found, NoFile):
                self._counts[found.reason] += 1
                if found.reason in {"mlmodel_unreadable", "not_readable", "mlmodel_too_large"}:
                    yield self._unreadable(wanted, code=found.reason, message=str(found))
                continue
            try:
                yield self._observed(wanted, found)
            except YamlRefused as refused:
                self._counts["mlmodel_unreadable"] += 1
                yield self._unreadable(wanted, code="mlmodel_unreadable", message=str(refused))
            except ValueError as error:
                yield unreadable(error, f"{wanted.name} {wanted.number}", subject=None)

    def beside(self, page: FilesPage) -> Mapping[str, datetime]:
        """Every file is observed as of the harvest's beginning."""
        del page
        return {"began": self.began}

    def recall(self, beside: Mapping[str, datetime]) -> None:
        """Begin when a recorded harvest began."""
        self.began = beside["began"]

    def cursor_after(self, page: FilesPage) -> str | None:
        """Past the versions of the page."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Nothing is retired by absence, so that nothing is unseen."""
        del unseen
        yield from ()

    def _unread(self, reading: "_Reading") -> Iterator[Wanted]:
        """Versions with a logged model, the newest first, down to where all were read."""
        for page in self.registry.new_versions():
            for row in page:
                if (row.creation_timestamp or 0) < reading.cursor.since:
                    return
                wanted = _wanted(row)
                if wanted and reading.lacks(wanted) and not self._excluded(row.name):
                    yield wanted

    def _excluded(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.exclude)

    def _read(self, wanted: Wanted, locations: Mapping[str, str]) -> bytes | NoFile:
        try:
            location = locations.get(wanted.logged_model)
            return read_file(self.registry, wanted.logged_model, location=location)
        except NoFile as reason:
            return reason

    def _observed(self, wanted: Wanted, raw: bytes) -> Observation:
        version = self.place.version(wanted.name, wanted.number)
        read = read_mlmodel(raw)
        if not read.own_flavor:
            self._counts["flavor_unknown"] += 1
        for one in read.dropped:
            self._counts[one.reason] += 1
        stated: dict[str, Any] = {**read.stated, **read.inferred}
        if read.run_id:
            stated["training_run"] = self.place.training_run(read.run_id)
        if read.dropped:
            stated["warnings"] = warnings_of(read.dropped)
        return Observation(
            subject=identifier(Kind.VERSION, "mlflow-mlmodel", value=version.value),
            observed_at=self.began,
            same_as=(version,),
            facts=VersionFacts(**stated),
            inferred=tuple(sorted(read.inferred)),
            evidence=self.place.evidence(wanted.name, wanted.number),
        )

    def _unreadable(self, wanted: Wanted, *, code: str, message: str) -> RecordUnreadable:
        return RecordUnreadable(code, f"{wanted.name[:100]} {wanted.number}: {message}")


class _Reading:
    """What was read: moves on past each page, and remembers the versions of the last minutes.

    A version may be stored a little later than others that were created after it.
    """

    def __init__(self, cursor: FilesCursor) -> None:
        self.cursor = cursor
        self.read = dict(cursor.read)

    def lacks(self, wanted: Wanted) -> bool:
        """Was it not read yet?"""
        return wanted.key not in self.read

    def after(self, read: Iterable[Wanted]) -> str:
        """The cursor when these were read, too."""
        self.read |= {one.key: one.created for one in read}
        settled = max(self.read.values(), default=0) - int(OVERLAP.total_seconds() * 1_000)
        since = max(self.cursor.since, settled)
        recent = nlargest(REMEMBERED, ((at, key) for key, at in self.read.items() if at >= since))
        if len(recent) == REMEMBERED:
            since = max(since, recent[-1][0])
        self.cursor = FilesCursor(since=since, read={key: at for at, key in recent})
        return self.cursor.model_dump_json()


def _wanted(row: VersionRow) -> Wanted | None:
    logged = LOGGED_MODEL.fullmatch(row.source or "")
    if logged is None or not row.name:
        return None
    return Wanted(row.creation_timestamp or 0, row.name, str(row.version), logged[1])
