"""What a harvest of builds meets in the catalog: commits that it names, hints, where it stood."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

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
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation, Receipt, Sighting, Wanted, parse_observation

BEGUN: Final = datetime(2026, 11, 27, 12, tzinfo=UTC)


class BuildCatalog:
    """Remembers what it was told; nothing that it holds already is wanted again."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.named: list[NamedCommit] = []
        self.hinted: list[Hint] = []
        self.cursors: dict[str, str] = {}
        self.held: dict[Identifier, Observation] = {}
        self.sent: list[Observation] = []  # by the last harvest
        self._scope = ""

    def name(self, commit: str, *urls: str, built: bool = False) -> None:
        """A commit that a version, say, names; in these repositories."""
        repositories = tuple(repository(url) for url in urls)
        self.named.append(NamedCommit(commit=commit, repositories=repositories, built=built))

    def hint(self, number: int, **said: Any) -> None:
        """A webhook came."""
        told = {"id": number, "about": "build", "event": "build", "received_at": BEGUN} | said
        self.hinted.append(Hint.model_validate(told))

    def facts(self, value: str) -> dict[str, Any]:
        """What is held of the build, deployment or repository of a value."""
        (found,) = (one for subject, one in self.held.items() if subject.value == value)
        assert found.facts is not None
        return found.facts.model_dump(mode="json", exclude_unset=True)

    def values(self, kind: Kind = Kind.BUILD) -> list[str]:
        """What is held of a kind."""
        return sorted(one.value for one in self.held if one.kind is kind)

    def written(self) -> str:
        """Everything that was told, as text."""
        return json.dumps([one.model_dump(mode="json") for one in self.held.values()])

    def full_cursor(self, scope: str) -> str | None:
        """There is never a full harvest."""
        del scope
        return None

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """One page."""
        yield self.named

    def hints(self) -> Sequence[Hint]:
        """What is open."""
        return self.hinted

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin."""
        self._scope, self.sent = asked.scope, []
        return HarvestOpened(
            harvest=asked.harvest, cursor=self.cursors.get(asked.scope), limits=Limits(),
            lease_until=BEGUN + timedelta(days=1), dry_run=dry_run,
        )  # fmt: skip

    def sight(self, _harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """What is new, or says something else."""
        return Wanted(
            wanted=tuple(
                index
                for index, one in enumerate(sightings)
                if one.subject not in self.held or self.held[one.subject].digest() != one.digest
            )
        )

    def send(self, _harvest: UUID, batch: bytes) -> Receipt:
        """Keep it."""
        told = [parse_observation(one) for one in json.loads(batch)["observations"]]
        self.sent += told
        self.held |= {one.subject: one for one in told}
        return Receipt(recorded=len(told), unchanged=0)

    def unseen(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Never asked for."""
        yield from ()

    def known(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """All that is held."""
        every = [KnownSubject(subject=s, digest=one.digest()) for s, one in self.held.items()]
        if every:
            yield every

    def heartbeat(self, _harvest: UUID) -> None:
        """Nobody waits."""

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """Keep the cursor of what is complete, and settle its hints."""
        if asked.outcome is Outcome.COMPLETE:
            if asked.cursor is not None:
                assert len(asked.cursor) <= 65_536
                self.cursors[self._scope] = asked.cursor
            self.hinted = [one for one in self.hinted if one.id not in asked.hints]
        return HarvestReport(
            harvest=harvest, source="ci", scope=self._scope, coverage=Coverage.DELTA,
            outcome=asked.outcome, opened_at=BEGUN, closed_at=BEGUN, seconds=0.0,
            skipped=asked.skipped, counts=asked.counts,
        )  # fmt: skip


def repository(url: str) -> Identifier:
    """A repository by its address."""
    return Identifier(kind=Kind.REPOSITORY, scheme="url", value=url)
