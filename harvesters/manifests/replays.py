"""How harvests of repositories are recorded, and who observes their pages again; asks no server."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

from harvesters.base import Harvester
from harvesters.ci.github import scopes as github_ci
from harvesters.ci.gitlab import scopes as gitlab_ci
from harvesters.ci.pages import CiPage
from harvesters.codec import Codec, PageUnreadable, Shape
from harvesters.errors import SourceRefused
from harvesters.manifests.git.host import VERSION as GIT
from harvesters.manifests.git.settings import GitSettings
from harvesters.manifests.github.host import GitHubHost
from harvesters.manifests.github.listed import web_host
from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manifests.github.teams import Team, TeamPage, TeamSweep
from harvesters.manifests.gitlab.host import VERSION as GITLAB
from harvesters.manifests.gitlab.members import GroupPage, GroupSweep, Person
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.pages import Author, File, Head, Repository, RepositoryPage, Unread
from harvesters.manifests.settings import RepositorySettings, read_settings
from harvesters.manifests.sweep import RepositorySweep
from harvesters.registry import Replays
from outbound.addresses import read_url
from schemas.harvest import KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceKind, SourceSettings

CODEC: Final = Codec(
    RepositoryPage, Repository, Head, File, Unread, Author, TeamPage, Team, GroupPage, Person,
    CiPage,
    choices=(Kind,),
    shapes=(
        Shape("Identifier", ("kind", "scheme", "value"), Identifier),
        Shape("KnownSubject", ("subject", "digest", "marker"), KnownSubject),
    ),
)  # fmt: skip
SETTINGS: Final[dict[str, type[RepositorySettings]]] = {
    SourceKind.GIT: GitSettings,
    SourceKind.GITHUB: GitHubSettings,
    SourceKind.GITLAB: GitLabSettings,
}
SCOPE: Final = "repositories"


class Elsewhere:
    """The host whose pages were recorded: its pages are observed, it is not asked."""

    def __init__(self, version: str, dialect: str) -> None:
        """As the host says of itself."""
        self.version, self.dialect = version, dialect

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """Raises `SourceRefused`, as everything here."""
        _refuse()

    def claims(self, hint: Hint) -> bool:
        """Nothing is hinted at."""
        del hint
        return False

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """Refused."""
        del identity, url
        _refuse()

    def heads(self, repositories: Sequence[Repository]) -> Iterator[Any]:
        """Refused."""
        del repositories
        _refuse()

    def open(self, repository: Repository, head: Head) -> NoReturn:
        """Refused."""
        del repository, head
        _refuse()


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    what, _, name = scope.partition("/")
    if (what, source.kind) == ("teams", SourceKind.GITHUB):
        told = read_settings(source, GitHubSettings)
        return TeamSweep(None, name, host=web_host(read_url(told.url)))
    if (what, source.kind) == ("groups", SourceKind.GITLAB):
        site = Site.of(read_settings(source, GitLabSettings).url)
        return GroupSweep(None, site, group=name)
    if (of_ci := _of_ci(source, scope)) is not None:
        return of_ci
    if what != SCOPE:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    settings = read_settings(source, SETTINGS[source.kind])
    host = _host(source, settings)
    return RepositorySweep(host, source, scope=scope, settings=settings)


def _of_ci(source: SourceSettings, scope: str) -> Harvester[Any] | None:
    if source.kind == SourceKind.GITHUB:
        return github_ci.replayed(read_settings(source, GitHubSettings), scope)
    if source.kind == SourceKind.GITLAB:
        return gitlab_ci.replayed(read_settings(source, GitLabSettings), scope)
    return None


def _host(source: SourceSettings, settings: RepositorySettings) -> Elsewhere:
    if isinstance(settings, GitSettings):
        return Elsewhere(GIT, settings.codeowners)
    if source.kind == SourceKind.GITLAB:
        return Elsewhere(GITLAB, "gitlab")
    return Elsewhere(GitHubHost.version, GitHubHost.dialect)


def _refuse() -> NoReturn:
    raise SourceRefused("a replay asks no server")


REPLAYS: Final = Replays(CODEC, harvester)
