"""GitLab.com and GitLabs of one's own: repositories of groups, and the groups as owners."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2

from harvesters.base import Harvester
from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient, TokenHeader
from harvesters.manifests.gitlab.api import API, GitLab, manners
from harvesters.manifests.gitlab.host import GitLabHost, GroupHost, ProjectsHost
from harvesters.manifests.gitlab.members import GroupSweep
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.settings import read_settings
from harvesters.manifests.sweep import RepositorySweep
from harvesters.manners import USUAL_MANNERS, Manners
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from outbound.credentials import Credential
from schemas.harvest import Coverage
from schemas.sources import SourceSettings

__all__ = ["GitLabSettings", "harvesters"]

SINGLE: Final = "repositories"  # the scope of projects that are named one by one


class GitLabSweep(RepositorySweep):
    """Also says what the listing showed that is no repository, and knows of groups' hints."""

    host: GitLabHost

    def choose(self, full_cursor: str | None) -> None:
        """A hint that names no project is about all of them: their group was renamed."""
        super().choose(full_cursor)
        if any(one.repository is None and one.url is None for one in self._hints):
            self.coverage = Coverage.FULL

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return Counter(super().counts) + self.host.counts


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings,
    secret: Secret | None,
    environ: Mapping[str, str],
    *,
    usual: Manners = USUAL_MANNERS,
) -> Iterator[Harvester[Any]]:
    """One harvester a group, one for single projects, then one a group for its members.

    Raises `SourceRefused` for settings that cannot be read safely.
    """
    settings = read_settings(source, GitLabSettings)
    site = Site.of(settings.url)
    client = PoliteClient(
        f"{site.url}{API}",
        allow=environ.get(VARIABLE, ""),
        auth=_auth(source, secret, settings=settings),
        ca_file=settings.ca_file,
        manners=manners(usual),
    )
    gitlab = GitLab(client, signed=secret is not None)
    try:
        for group in settings.groups:
            host: GitLabHost = GroupHost(gitlab, site, settings=settings, group=group)
            scope = f"repositories/{group}"
            yield GitLabSweep(host, source, scope=scope, settings=settings)
        if settings.projects:
            host = ProjectsHost(gitlab, site, settings=settings)
            yield GitLabSweep(host, source, scope=SINGLE, settings=settings)
        if settings.teams == "all" and secret is not None:  # GitLab tells nobody else
            for group in settings.groups:
                yield GroupSweep(gitlab, site, group=group, seconds=source.expected_interval)
        from harvesters.ci.gitlab.scopes import ci_scopes  # noqa: PLC0415  # it needs what is here

        yield from ci_scopes(source, settings, gitlab=gitlab, site=site)
    finally:
        client.close()


def _auth(
    source: SourceSettings, secret: Secret | None, *, settings: GitLabSettings
) -> httpx2.Auth | None:
    """The token, bound to its host; without one, only what is public is read."""
    if secret is None:
        return None
    if not (secret.text.isascii() and secret.text.isprintable()) or ":" in secret.text:
        message = f"the secret of source {source.name} is no token: it holds what no token holds"
        raise SourceRefused(message)
    bound = secret.host.lower()
    if settings.token == "oauth":  # noqa: S105
        return Credential(bound, secret.text)
    return TokenHeader(bound, secret.text)
