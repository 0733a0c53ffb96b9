"""What a harvester is: pages in, observations out; the runner does all the rest."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from harvesters.errors import RecordUnreadable
from schemas.commits import NamedCommit
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About, Hint
from schemas.identifiers import Identifier
from schemas.observation import Observation

Page = TypeVar("Page")
Told = Observation | RecordUnreadable | KnownSubject


class Harvester(Protocol[Page]):
    """Reads one scope of one source."""

    scope: str
    coverage: Coverage
    version: str

    @property
    def counts(self) -> Mapping[str, int]:
        """What it left out on purpose, by reason."""
        ...

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """What the source answers, page by page. Raises `SourceUnavailable`, `SourceRefused`."""
        ...

    def observe(self, page: Page) -> Iterator[Told]:
        """What a page says; pure. What is known already and unchanged is seen by saying so."""
        ...

    def cursor_after(self, page: Page) -> str | None:
        """Where a next harvest may begin; None leaves the cursor alone."""
        ...

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Ask by name for what the listing lacked: gone, there after all, or not readable."""
        ...


@runtime_checkable
class ChangeReader(Protocol):
    """A harvester that reads its scope in full, or between two times only what changed since."""

    def choose(self, full_cursor: str | None) -> None:
        """Set the `coverage` of the next harvest, by the cursor of the last complete full one."""
        ...

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Told]:
        """Of what the catalog knows, after the pages of a delta harvest: what no change tells."""
        ...


@runtime_checkable
class Rereader(Protocol):
    """A harvester of changes that now and then, or without a cursor, reads all of its scope."""

    read_all: bool  # this time, known after the pages: ask for what was known and not seen


@runtime_checkable
class Proving(Protocol):
    """A harvester that may know that its source is the same as ever, and really holds nothing."""

    proves_empty: bool  # this time, known after the pages


@runtime_checkable
class Remembering(Protocol):
    """A harvester that looks first at what the catalog holds: what did not change is not read."""

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """Some of it; called before `pages`, until all was told."""
        ...


@runtime_checkable
class Following(Protocol):
    """A harvester of CI systems: which commits are of interest, the catalog knows."""

    def follow(self, commits: Sequence[NamedCommit]) -> None:
        """Some of them; called before `pages`, until all were named."""
        ...


@runtime_checkable
class Vouching(Protocol):
    """A harvester whose markers stand for more than the observation that bears them."""

    def vouch(self, refused: Collection[Identifier]) -> Iterator[Observation]:
        """What may bear its marker now that all is told, but for what was refused of it."""
        ...


@runtime_checkable
class Hinted(Protocol):
    """A harvester that can look first, or only, at what webhooks say may have changed."""

    settled: Sequence[int]  # hints that the harvest followed, known after the pages

    def hint(self, hints: Sequence[Hint]) -> None:
        """What is open of the source; called before anything else."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A harvester that says which hints it follows; without this it may follow all, or none."""

    follows: Sequence[About]


@runtime_checkable
class Recalling(Protocol):
    """A harvester whose pages alone do not say all that `observe` needs: a recording keeps more."""

    def beside(self, page: Any) -> Mapping[str, Any]:
        """What `observe` reads of the harvester itself for this page."""
        ...

    def recall(self, beside: Mapping[str, Any]) -> None:
        """Take it from a recording, before the page is observed again."""
        ...
