"""What a harvester is: pages in, observations out; the runner does all the rest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from harvesters.errors import RecordUnreadable
from schemas.harvest import Coverage, KnownSubject
from schemas.observation import Observation

Page = TypeVar("Page")


class Harvester(Protocol[Page]):
    """Reads one scope of one source."""

    scope: str
    coverage: Coverage
    version: str
    counts: Mapping[str, int]  # what it left out on purpose, by reason

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """What the source answers, page by page. Raises `SourceUnavailable`, `SourceRefused`."""
        ...

    def observe(self, page: Page) -> Iterator[Observation | RecordUnreadable]:
        """What a page says; pure."""
        ...

    def cursor_after(self, page: Page) -> str | None:
        """Where a next harvest may begin; None leaves the cursor alone."""
        ...

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Ask by name for what the listing lacked: gone, there after all, or not readable."""
        ...
