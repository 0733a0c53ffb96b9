"""A full sweep of one workspace's registry: models, then versions, then what the listing lacked."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.client import Missing, NotReadable, Registry
from harvesters.mlflow.observe import Place, is_prompt, model_observation, version_observation
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier, Kind, decode_segment
from schemas.observation import Observation

CURSOR_FORMAT: Final = 1
VERSION: Final = "mlflow/1"
PARTS: Final = 3  # source, workspace, name; versions have a fourth


class Page(NamedTuple):
    """Rows of the registry: models, or versions."""

    kind: Kind
    rows: list[Any]


class RegistrySweep:
    """Everything that the registry of one workspace holds (`search_registered_models`, …)."""

    coverage = Coverage.FULL
    version = VERSION

    def __init__(  # noqa: PLR0913  # what a sweep is
        self,
        registry: Registry,
        *,
        source: str,
        workspace: str,
        namespace: str,
        uri: str,
        exclude: tuple[str, ...] = (),
    ) -> None:
        """Nothing is read yet."""
        self.registry, self.workspace, self.exclude = registry, workspace, exclude
        self.scope = f"registry/{workspace}"
        self.counts: Counter[str] = Counter()
        self.place = Place(source, workspace, namespace, uri, datetime.now(UTC))
        self.models: dict[str, Any] = {}
        self.aliases: dict[tuple[str, str], tuple[str, ...]] = {}
        self.versions: dict[str, list[Any]] = {}
        self.newest = 0

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Models first: they carry the aliases of their versions."""
        self.place = self.place._replace(observed_at=datetime.now(UTC))
        self.registry.enter(self.workspace)
        self.registry.probe()
        for rows in self._readable(self.registry.models()):
            kept = [row for row in rows if self._is_wanted(row)]
            for row in kept:
                self._learn(row)
            yield Page(Kind.MODEL, kept)
        for rows in self._readable(self.registry.versions()):
            yield Page(Kind.VERSION, [row for row in rows if self._belongs(row)])
        before = max_updated(cursor)
        if before is not None and self.newest < before:
            raise SourceRefused(
                "source_went_back: the newest change is older than at the last harvest; the server "
                "was restored or is another one. Nothing was retired"
            )

    def observe(self, page: Page) -> Iterator[Observation | RecordUnreadable]:
        """One observation a row."""
        for row in page.rows:
            if page.kind is Kind.MODEL:
                yield model_observation(row, self.place, self.counts)
            else:
                yield self._version(row)

    def cursor_after(self, _page: Page) -> str | None:
        """The newest change seen; a server whose newest change is older was restored."""
        return json.dumps({"format": CURSOR_FORMAT, "max_updated": self.newest})

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Ask for each missing model and version by name; a renamed model keeps its history."""
        self.registry.enter(self.workspace)  # the pages were read in another thread
        models = [known for known in unseen if known.subject.kind is Kind.MODEL]
        gone: set[str] = set()
        for known in models:
            name = _names(known.subject)[0]
            found = self._ask(known.subject, lambda name=name: self.registry.model(name))
            if isinstance(found, Missing):
                gone.add(name)
                yield from self._renamed(known, name)
                yield self._gone(known.subject)
            elif isinstance(found, RecordUnreadable):
                yield found
            elif self._is_wanted(found):
                self._learn(found)
                yield model_observation(found, self.place, self.counts)
        for known in unseen:
            if known.subject.kind is Kind.VERSION and _names(known.subject)[0] not in gone:
                yield from self._ask_version(known.subject)

    def _ask_version(self, subject: Identifier) -> Iterator[Observation | RecordUnreadable]:
        name, number = _names(subject)
        found = self._ask(subject, lambda: self.registry.version(name, number))
        if isinstance(found, Missing):
            yield self._gone(subject)
        elif isinstance(found, RecordUnreadable):
            yield found
        else:
            yield self._version(found)

    def _ask(self, subject: Identifier, read: Any) -> Any:
        try:
            return read()
        except Missing as missing:
            return missing
        except NotReadable as refusal:
            return RecordUnreadable("not_readable", str(refusal), "", subject)

    def _renamed(self, known: KnownSubject, name: str) -> Iterator[Observation | RecordUnreadable]:
        """Creation times survive a rename: one model that is gone, one of its age that is new."""
        twins = [
            row for row in self.models.values() if str(row.creation_timestamp) == known.marker
        ]
        if len(twins) != 1 or known.marker in {None, "0"}:
            return
        row = twins[0]
        yield model_observation(row, self.place, self.counts, same_as=(known.subject,))
        for version in self.versions.get(row.name, ()):
            old = self.place.identifier(Kind.VERSION, name, str(version.version))
            yield self._version(version, same_as=(old,))

    def _gone(self, subject: Identifier) -> Observation:
        return Observation(subject=subject, observed_at=datetime.now(UTC), gone=True)

    def _version(
        self, row: Any, *, same_as: tuple[Identifier, ...] = ()
    ) -> Observation | RecordUnreadable:
        aliases = self.aliases.get((row.name, str(row.version)), ())
        return version_observation(row, aliases, self.place, self.counts, same_as=same_as)

    def _readable(self, walk: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """A listing that may not be read at all is a refusal, not an empty one."""
        try:
            yield from walk
        except (NotReadable, Missing) as error:
            message = f"the registry cannot be listed: {error}"
            raise SourceRefused(message) from None

    def _is_wanted(self, row: Any) -> bool:
        if is_prompt(row):
            self.counts["prompt"] += 1
            return False
        if any(fnmatchcase(row.name, glob) for glob in self.exclude):
            self.counts["excluded"] += 1
            return False
        return True

    def _belongs(self, row: Any) -> bool:
        """A version whose model was not listed: excluded, a prompt, or the pages raced."""
        if row.name not in self.models:
            if not self._is_wanted(row):
                return False
            try:
                model = self.registry.model(row.name)
            except (Missing, NotReadable):
                self.counts["version_without_model"] += 1
                return False
            if not self._is_wanted(model):
                return False
            self._learn(model)
        self.versions.setdefault(row.name, []).append(row)
        self.newest = max(self.newest, row.last_updated_timestamp or 0)
        return True

    def _learn(self, row: Any) -> None:
        self.models[row.name] = row
        self.newest = max(self.newest, row.last_updated_timestamp or 0)
        by_number: dict[str, list[str]] = {}
        for alias, number in (row.aliases or {}).items():
            by_number.setdefault(str(number), []).append(str(alias))
        for number, names in by_number.items():
            self.aliases[row.name, number] = tuple(sorted(names))


def _names(subject: Identifier) -> list[str]:
    """The free names in an identifier: the model's, and the version's number."""
    return [decode_segment(part) for part in subject.value.split("/")[PARTS - 1 :]]


def max_updated(cursor: str | None) -> int | None:
    """The newest change that an earlier sweep saw; an unknown form of cursor means none."""
    try:
        read = json.loads(cursor or "null")
    except ValueError:
        return None
    if not isinstance(read, dict) or read.get("format") != CURSOR_FORMAT:
        return None
    newest = read.get("max_updated")
    return newest if isinstance(newest, int) else None
