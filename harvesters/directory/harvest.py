"""Reads a directory's file in full: who is not in it any more was not seen."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from harvesters.base import Harvester
from harvesters.codec import Codec, PageUnreadable
from harvesters.directory.people import Told, read_owner, unreadable
from harvesters.directory.table import FileUnreadable, Row, read_rows
from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.registry import Replays
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier
from schemas.observation import Observation
from schemas.sources import SourceSettings

SCOPE: Final = "owners"
VERSION: Final = "directory/1"
ROWS_A_PAGE: Final = 1_000
SHOWN: Final = 10


class DirectoryPage(NamedTuple):
    """Some rows of the file, and our time when it was read."""

    at: datetime
    rows: Sequence[Row]
    last: bool


class DirectoryHarvest:
    """Persons and teams of one file. An identifier that two rows bear belongs to the first."""

    scope = SCOPE
    coverage = Coverage.FULL
    version = VERSION

    def __init__(
        self,
        source: str,
        read: Callable[[], bytes],
        *,
        evidence: str | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`read` answers the file's bytes; nothing is read before the first page."""
        self.source, self.read, self.evidence, self.clock = source, read, evidence, clock
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts
        self._borne: dict[Identifier, int] = {}  # by which line
        self._teams: dict[Identifier, tuple[Identifier, ...]] = {}

    def pages(self, cursor: str | None) -> Iterator[DirectoryPage]:
        """The whole file is read first: one that breaks off has said nothing."""
        del cursor
        at = self.clock()
        try:
            rows = read_rows(self.read())
        except FileUnreadable as error:
            raise SourceRefused(str(error)) from None
        for start in range(0, max(len(rows), 1), ROWS_A_PAGE):
            part = rows[start : start + ROWS_A_PAGE]
            yield DirectoryPage(at, part, start + ROWS_A_PAGE >= len(rows))

    def observe(self, page: DirectoryPage) -> Iterator[Observation | RecordUnreadable]:
        """What the rows say, one at a time."""
        for row in page.rows:
            yield self._once(row, read_owner(row, at=page.at, evidence=self.evidence))
        if page.last and (circle := in_circles(self._teams)):
            named = ", ".join(sorted(one.value for one in circle)[:SHOWN])
            yield RecordUnreadable("member_cycle", f"teams are members of each other: {named}")

    def cursor_after(self, page: DirectoryPage) -> str | None:
        """A file is always read in full."""
        del page
        return None

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Nothing: who is not in the file was not seen, and is retired after some times."""
        del unseen
        return iter(())

    def _once(self, row: Row, told: Told) -> Observation | RecordUnreadable:
        """Two rows with one identifier would be one owner: nobody knows which row is right."""
        if not isinstance(told.said, Observation):
            return told.said
        if twice := next((one for one in told.known_by if one in self._borne), None):
            why = f"{twice.scheme} {twice.value} stands in line {self._borne[twice]} already"
            subject = told.said.subject
            return unreadable(row.line, why, subject=None if twice == subject else subject)
        self._borne |= dict.fromkeys(told.known_by, row.line)
        if told.members:
            for one in told.known_by:
                self._teams[one] = told.members
        return told.said


def in_circles(teams: Mapping[Identifier, Iterable[Identifier]]) -> set[Identifier]:
    """Teams that are members of each other: what remains when all others are taken away."""
    inside = {team: {one for one in members if one in teams} for team, members in teams.items()}
    around: dict[Identifier, set[Identifier]] = {team: set() for team in teams}
    for team, members in inside.items():
        for member in members:
            around[member].add(team)
    for forward, back in ((inside, around), (around, inside)):
        free = [team for team, others in forward.items() if not others]
        while free:
            team = free.pop()
            for other in back.pop(team, ()):
                forward[other].discard(team)
                if not forward[other]:
                    free.append(other)
            forward.pop(team, None)
        for team in list(back):
            if team not in forward:
                back.pop(team)
            else:
                back[team] &= forward.keys()
    return set(inside)


def _again(source: SourceSettings, scope: str) -> Harvester[Any]:
    """Who observes recorded pages."""
    if scope != SCOPE:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    url = source.settings.get("url")
    evidence = url if isinstance(url, str) and url.startswith("https:") else None

    def nothing() -> bytes:
        raise SourceRefused("a replay reads no file")

    return DirectoryHarvest(source.name, nothing, evidence=evidence)


REPLAYS: Final = Replays(Codec(DirectoryPage, Row), _again)
