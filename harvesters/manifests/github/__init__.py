"""GitHub and GitHub Enterprise Server: an organisation's, a user's and single repositories."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from importlib.util import find_spec
from typing import Any, NamedTuple

import httpx2

from harvesters.base import Harvester
from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient, joined
from harvesters.manifests.github.api import GitHubApi
from harvesters.manifests.github.host import GitHubHost, Whose
from harvesters.manifests.github.limits import limited
from harvesters.manifests.github.listed import web_host
from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manifests.github.teams import TeamSweep
from harvesters.manifests.settings import read_settings
from harvesters.manifests.sweep import RepositorySweep
from harvesters.manners import Clock, Manners
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from outbound.credentials import Credential
from schemas.sources import SourceSettings

__all__ = ["GitHubSettings", "harvesters"]

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class Way(NamedTuple):
    """A way to the API with a credential, and whether it sees selected repositories only.

    `app`: signed as a GitHub App itself, where the credential is one's.
    """

    api: GitHubApi
    selected: Callable[[], bool]
    app: PoliteClient | None = None


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings, secret: Secret | None, environ: Mapping[str, str]
) -> Iterator[Harvester[Any]]:
    """One harvester an owner, one for single repositories, then one for each team listing.

    Raises `SourceRefused` for settings that cannot be used.
    """
    settings = read_settings(source, GitHubSettings)
    with closing(Ways(settings, secret, allow=environ.get(VARIABLE, ""))) as ways:
        yield from _scopes(source, settings, ways=ways)


def _scopes(
    source: SourceSettings, settings: GitHubSettings, *, ways: "Ways"
) -> Iterator[Harvester[Any]]:
    owners = [("orgs", name) for name in settings.organisations]
    owners += [("users", name) for name in settings.users]
    for owner in owners:
        whose = Whose(owner=owner, others=settings.owners)
        yield _sweep(source, settings, ways=ways, whose=whose)
    if settings.repositories:
        whose = Whose(single=settings.repositories, others=settings.owners)
        yield _sweep(source, settings, ways=ways, whose=whose)
    if settings.teams == "all" and ways.secret is not None:
        for name in settings.organisations:
            api = ways.to("orgs", name).api
            host, seconds = web_host(api.client.base), source.expected_interval
            yield TeamSweep(api, name, host=host, seconds=seconds)
    from harvesters.ci.github.scopes import ci_scopes  # noqa: PLC0415  # it needs what is here

    yield from ci_scopes(source, settings, ways=ways)


class Ways:
    """The API with the credential of each owner: an App has one for every installation."""

    def __init__(
        self,
        settings: GitHubSettings,
        secret: Secret | None,
        *,
        allow: str,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is asked yet. Raises `SourceRefused`."""
        self.settings, self.secret, self.allow = settings, secret, allow
        self.manners = Manners(headers=HEADERS, limiter=limited, clock=clock or Clock())
        self._known: dict[str, Way] = {}
        self._clients: list[PoliteClient] = []
        if settings.app_id is not None and secret is None:
            raise SourceRefused("app_id needs the App's private key: name its `credential`")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def to(self, *owner: str) -> Way:
        """The API for one owner (`orgs`, `acme`) or one repository (`repos`, `acme`, `churn`)."""
        where = joined(*owner, "installation")
        number = self.settings.installation_id
        if number is not None:
            where = joined("app", "installations", str(number))
        if self.settings.app_id is None:
            where = "/"
        if where not in self._known:
            self._known[where] = self._made(where)
        return self._known[where]

    def _made(self, where: str) -> Way:
        if self.secret is None or self.settings.app_id is None:
            auth = self._token()
            return Way(GitHubApi(self._client(auth)), lambda: False)
        if find_spec("cryptography") is None:
            raise SourceRefused("a GitHub App needs what comes with the extra `github`: install it")
        from harvesters.manifests.github.auth import AppClaim, Installation  # noqa: PLC0415

        host = self.secret.host.lower()
        now = self.manners.clock.now
        claim = AppClaim(self.settings.app_id, self.secret.text, host=host, now=now)
        app = self._client(claim)
        installation = Installation(app, where, host=host)
        api = GitHubApi(self._client(installation))
        return Way(api, lambda: installation.selected, app)

    def _token(self) -> Credential | None:
        if self.secret is None:
            return None
        if not (self.secret.text.isascii() and self.secret.text.isprintable()):
            raise SourceRefused("the credential is no token; an App's key needs `app_id` beside it")
        return Credential(self.secret.host.lower(), self.secret.text)

    def _client(self, auth: httpx2.Auth | None) -> PoliteClient:
        client = PoliteClient(
            self.settings.url,
            allow=self.allow,
            auth=auth,
            ca_file=self.settings.ca_file,
            manners=self.manners,
        )
        self._clients.append(client)
        return client


def _sweep(
    source: SourceSettings, settings: GitHubSettings, *, ways: Ways, whose: Whose
) -> RepositorySweep:
    first = whose.owner or ("repos", *settings.repositories[0].split("/"))
    way = ways.to(*first)
    host = GitHubHost(
        way.api, whose, seconds=settings.seconds, forks=settings.forks, selected=way.selected
    )
    scope = f"repositories/{whose.login}" if whose.login else "repositories"
    return RepositorySweep(host, source, scope=scope, settings=settings)
