"""The teams of an organisation and who is in them, so that CODEOWNERS leads to people."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.base import Told
from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.manifests.github.api import GitHubApi
from harvesters.manifests.rhythm import USUAL, Unhurried, cursor_of
from schemas.facts import OwnerFacts
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier, Kind
from schemas.observation import Evidence, Observation

VERSION: Final = "github-teams/1"
NOT_READABLE: Final = "not_readable"


class Team(NamedTuple):
    """One team; no members: they may not be read."""

    slug: str
    name: str
    members: tuple[str, ...] | None


class TeamPage(NamedTuple):
    """Some teams of an organisation; None: its teams may not be read."""

    at: datetime
    teams: tuple[Team, ...] | None


class TeamSweep(Unhurried):
    """All teams of one organisation that the credential may see."""

    version = VERSION

    def __init__(
        self,
        api: GitHubApi | None,
        organisation: str,
        *,
        host: str,
        seconds: int = USUAL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page, and nothing at all without `api`."""
        self.api, self.organisation, self.clock = api, organisation, clock
        self.seconds = seconds
        self.scope, self.host = f"teams/{organisation.lower()}", host
        self.counts: Mapping[str, int] = Counter()
        self._hidden = False

    def pages(self, cursor: str | None) -> Iterator[TeamPage]:
        """One a page of the listing, with the members of each."""
        del cursor
        if self.api is None:
            raise SourceRefused("a replay asks no server")
        if self.coverage is Coverage.DELTA:
            return
        at = self.clock()
        for answer in self.api.teams(self.organisation):
            if answer.json is None:
                self._hidden = True
                yield TeamPage(at, None)
                return
            yield TeamPage(at, tuple(self._teams(answer.json, api=self.api)))

    def observe(self, page: TeamPage) -> Iterator[Told]:
        """A team as an owner, with its members."""
        if page.teams is None:
            yield RecordUnreadable(NOT_READABLE, self._why())
            return
        for team in page.teams:
            yield self._observed(team, at=page.at)

    def cursor_after(self, page: TeamPage) -> str | None:
        """When they were read in full."""
        return cursor_of(page.at)

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Teams that may not be read any more are not gone."""
        if self._hidden:
            for one in unseen:
                yield RecordUnreadable(NOT_READABLE, self._why(), "", one.subject)

    def _teams(self, rows: Iterable[Any], *, api: GitHubApi) -> Iterator[Team]:
        for row in rows:
            slug = row.get("slug") if isinstance(row, Mapping) else None
            if isinstance(slug, str) and slug:
                yield Team(slug, str(row.get("name") or slug), self._members(slug, api=api))

    def _members(self, slug: str, *, api: GitHubApi) -> tuple[str, ...] | None:
        found: list[str] = []
        for answer in api.members(self.organisation, slug):
            if answer.json is None:
                return None
            found += [
                str(row["login"])
                for row in answer.json
                if isinstance(row, Mapping) and row.get("login")
            ]
        return tuple(sorted(set(found)))

    def _observed(self, team: Team, *, at: datetime) -> Told:
        subject: Identifier | None = None
        try:
            subject = self._owner(f"{self.organisation}/{team.slug}")
            facts: dict[str, Any] = {"kind": "team", "display_name": team.name}
            if team.members is not None:
                facts["members"] = tuple(map(self._owner, team.members))
            url = f"https://{self.host}/orgs/{self.organisation}/teams/{team.slug}"
            return Observation(
                subject=subject,
                observed_at=at,
                facts=OwnerFacts.model_validate(facts),
                evidence=Evidence(url=url),
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return RecordUnreadable("invalid", f"a team's {where}: {first['msg']}", "", subject)

    def _owner(self, name: str) -> Identifier:
        return Identifier(kind=Kind.OWNER, scheme="github", value=f"{self.host}/{name}")

    def _why(self) -> str:
        return (
            f"the teams of {self.organisation} may not be read: give the credential `members: read`"
            " there, or set `teams: none`"
        )
