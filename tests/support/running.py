"""A source and a catalog for the runner, which do and remember what a test tells them."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from harvesters.base import Told
from harvesters.errors import RecordUnreadable
from schemas.commits import NamedCommit
from schemas.facts import ModelFacts
from schemas.harvest import (
    CloseHarvest,
    Coverage,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
)
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation, Receipt, Sighting, Wanted

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_observation(number: int = 0, *, description: str = "") -> Observation:
    """An observation of a model."""
    value = f"mlflow-prod/default/m{number}"
    return Observation(
        subject=Identifier(kind=Kind.MODEL, scheme="mlflow", value=value),
        observed_at=NOON,
        facts=ModelFacts(description=description),
    )


class Source:
    """Yields what it is told; a page is a number of observations."""

    scope: str = "all"
    coverage: Coverage = Coverage.FULL
    version: str = "tests/1"

    def __init__(self, *pages: int) -> None:
        """So many observations a page."""
        self.sizes, self.read = pages, 0
        self.counts: Mapping[str, int] = {"left_out": 1}
        self.failing: BaseException | None = None

    def pages(self, cursor: str | None) -> Iterator[range]:
        """Consecutive numbers."""
        assert cursor == "0"
        for size in self.sizes:
            start, self.read = self.read, self.read + size
            yield range(start, self.read)
        if self.failing:
            raise self.failing

    def observe(self, page: range) -> Iterator[Told]:
        """One each."""
        yield from (make_observation(number) for number in page)

    def cursor_after(self, page: range) -> str | None:
        """The number of the last one."""
        return str(page[-1]) if page else None

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Nothing is there."""
        for known in unseen:
            yield Observation(subject=known.subject, observed_at=NOON, gone=True)


class Sink:
    """Wants everything and remembers it."""

    def __init__(self, **limits: int) -> None:
        """With these limits."""
        self.limits = Limits(**limits)
        self.said: list[tuple[str, Any]] = []
        self.left: list[Hint] = []
        self.kept: dict[Identifier, str] = {}  # digests
        self.failing: dict[str, BaseException] = {}
        self.beats = threading.Semaphore(0)

    def full_cursor(self, _scope: str) -> str | None:
        """None yet."""
        return None

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """Nobody has named any."""
        return iter(())

    def hints(self) -> Sequence[Hint]:
        """Those that the test left."""
        return self.left

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin."""
        self.note("open", asked.scope)
        return HarvestOpened(
            harvest=asked.harvest, cursor="0", limits=self.limits, lease_until=NOON, dry_run=dry_run
        )

    def sight(self, _harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """All are wanted."""
        self.note("sight", len(sightings))
        new = [i for i, one in enumerate(sightings) if self.kept.get(one.subject) != one.digest]
        return Wanted(wanted=tuple(new))

    def send(self, _harvest: UUID, batch: bytes) -> Receipt:
        """All are new."""
        documents = json.loads(batch)["observations"]
        self.note("send", len(documents))
        return Receipt(recorded=len(documents), unchanged=0)

    def unseen(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Nothing."""
        yield from ()

    def known(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """What the test says, one a page."""
        for subject, digest in self.kept.items():
            yield [KnownSubject(subject=subject, digest=digest)]

    def heartbeat(self, _harvest: UUID) -> None:
        """Count it."""
        self.beats.release()
        if "beat" in self.failing:
            raise self.failing["beat"]

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End."""
        self.note("close", asked)
        return HarvestReport(
            harvest=harvest, source="s", scope="all", coverage=Coverage.FULL, outcome=asked.outcome,
            opened_at=NOON, closed_at=NOON, seconds=0.0,
        )  # fmt: skip

    def note(self, step: str, what: Any) -> None:
        """Remember, or fail."""
        self.said.append((step, what))
        if step in self.failing:
            raise self.failing.pop(step)

    def steps(self, *named: str) -> list[Any]:
        """What was said at these steps."""
        return [what for step, what in self.said if step in named]
