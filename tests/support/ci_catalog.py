"""A catalog in memory that CI systems are harvested into by the real runner."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from harvesters.base import Harvester
from harvesters.recording import Tape
from harvesters.runner import harvest
from schemas.commits import NamedCommit
from schemas.harvest import (
    CloseHarvest,
    Coverage,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
    Outcome,
)
from schemas.hooks import Hint
from schemas.identifiers import Identifier
from schemas.observation import Observation, Receipt, Sighting, Wanted, parse_observation


class CiCatalog:
    """Holds what was said, as far as harvests ask for it."""

    def __init__(self) -> None:
        """It knows of nothing."""
        self.named: list[NamedCommit] = []
        self.open_hints: list[Hint] = []
        self.cursors: dict[tuple[str, Coverage], str | None] = {}
        self.held: dict[Identifier, Observation] = {}
        self.written = 0  # observations of the last harvest
        self.closed = CloseHarvest(outcome=Outcome.FAILED)
        self._asked: OpenHarvest | None = None
        self._seen: set[Identifier] = set()
        self._scopes: dict[Identifier, str] = {}

    def name(self, commit: str, *repositories: Identifier, built: bool = False) -> None:
        """A version names a commit of a repository."""
        self.named = [one for one in self.named if one.commit != commit]
        self.named.append(NamedCommit(commit=commit, repositories=repositories, built=built))

    def harvest(self, harvester: Harvester[Any], *, tape: Tape | None = None) -> CloseHarvest:
        """One harvest by the real runner; how it closed."""
        self.written = 0
        harvest(harvester, self, tape=tape)
        assert self.closed.outcome is Outcome.COMPLETE
        return self.closed

    def facts(self, kind: str) -> dict[str, dict[str, Any]]:
        """What is held of a kind that is not gone, by the last part of its identifier."""
        return {
            one.subject.value.rpartition("/")[2]: one.facts.model_dump(exclude_unset=True)
            for one in self.held.values()
            if one.subject.kind == kind and one.facts is not None and not one.gone
        }

    def full_cursor(self, scope: str) -> str | None:
        """Where the last complete full harvest ended."""
        return self.cursors.get((scope, Coverage.FULL))

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """One page each."""
        yield from ([one] for one in self.named)

    def hints(self) -> Sequence[Hint]:
        """Those that nobody followed."""
        return tuple(self.open_hints)

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin."""
        self._asked, self._seen = asked, set()
        live = (one.subject for one in self.held.values() if not one.gone)
        return HarvestOpened(
            harvest=asked.harvest, cursor=self.cursors.get((asked.scope, asked.coverage)),
            limits=Limits(), lease_until=datetime.now(UTC), dry_run=dry_run,
            ever_seen=any(self._scopes[one] == asked.scope for one in live),
        )  # fmt: skip

    def sight(self, _harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """What is not known as it is."""
        wanted = []
        for index, one in enumerate(sightings):
            self._see(one.subject)
            known = self.held.get(one.subject)
            if known is None or known.digest() != one.digest:
                wanted.append(index)
        return Wanted(wanted=tuple(wanted))

    def send(self, _harvest: UUID, batch: bytes) -> Receipt:
        """Keep it."""
        for document in json.loads(batch)["observations"]:
            one = parse_observation(document)
            self._see(one.subject)
            self.held[one.subject] = one
            self.written += 1
        return Receipt(recorded=self.written, unchanged=0)

    def unseen(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """What the scope's harvests saw before and this one did not."""
        for page in self.known(_harvest):
            yield [one for one in page if one.subject not in self._seen]

    def known(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """What the scope's harvests saw."""
        assert self._asked is not None
        yield [
            KnownSubject(subject=one.subject, digest=one.digest())
            for one in list(self.held.values())
            if self._scopes[one.subject] == self._asked.scope and not one.gone
        ]

    def heartbeat(self, _harvest: UUID) -> None:
        """It lives."""

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End."""
        assert self._asked is not None
        self.closed = asked
        if asked.outcome is Outcome.COMPLETE:
            self.cursors[self._asked.scope, self._asked.coverage] = asked.cursor
            self.open_hints = [one for one in self.open_hints if one.id not in asked.hints]
        now = datetime.now(UTC)
        return HarvestReport(
            harvest=harvest, source="s", scope=self._asked.scope, coverage=self._asked.coverage,
            outcome=asked.outcome, opened_at=now, closed_at=now, seconds=0.0,
        )  # fmt: skip

    def _see(self, subject: Identifier) -> None:
        assert self._asked is not None
        self._seen.add(subject)
        self._scopes[subject] = self._asked.scope
