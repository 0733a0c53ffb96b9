"""Azure Pipelines: builds and deployments of the projects of an organisation, or of a collection.

Azure DevOps Services and servers of one's own.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from harvesters.base import Harvester
from harvesters.ci.azure.api import AzureApi, manners
from harvesters.ci.azure.harvest import AzureBuilds
from harvesters.ci.azure.names import Site
from harvesters.ci.azure.payloads import Project, read
from harvesters.ci.azure.settings import AzureSettings
from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient
from harvesters.manifests.settings import read_settings
from harvesters.manners import USUAL_MANNERS, Manners
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from outbound.credentials import Credential
from schemas.sources import SourceSettings

__all__ = ["AzureSettings", "harvesters"]


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings,
    secret: Secret | None,
    environ: Mapping[str, str],
    *,
    usual: Manners = USUAL_MANNERS,
) -> Iterator[Harvester[Any]]:
    """One harvester a project. Raises `SourceRefused` for settings that cannot be used."""
    settings = read_settings(source, AzureSettings)
    site = Site.of(settings.url)
    client = PoliteClient(
        site.url,
        allow=environ.get(VARIABLE, ""),
        auth=_auth(source, secret, settings=settings),
        ca_file=settings.ca_file,
        manners=manners(usual),
    )
    with closing(client):
        api = AzureApi(client, version=settings.api_version)
        missing: list[str] = []
        for project in _projects(api, settings, missing=missing):
            yield AzureBuilds(
                api,
                site,
                project=project.id.lower(),
                name=project.name,
                source=source,
                told=settings,
            )
        if missing:  # the others were read
            message = f"project {missing[0]} is not there, or the token may not see it"
            raise SourceRefused(message)


def _projects(api: AzureApi, settings: AzureSettings, *, missing: list[str]) -> list[Project]:
    """Those that are named, else all that are listed; none is no answer that can be believed."""
    found: list[Any] = []
    if settings.projects:
        for name in settings.projects:
            one = api.project(name)
            if one is None:
                missing.append(name)
            else:
                found.append(one)
    else:
        found += (row for rows in api.projects() for row in rows)
    projects = [one for one in (read(Project, row) for row in found) if one is not None]
    kept = {one.id.lower(): one for one in projects if settings.keeps(one.name or one.id)}
    if not kept and not missing:
        raise SourceRefused("Azure DevOps shows no project that is read: may the token see them?")
    return list(kept.values())


def _auth(
    source: SourceSettings, secret: Secret | None, *, settings: AzureSettings
) -> Credential | None:
    """A personal access token is a password without a name; one of Entra is a bearer's."""
    if secret is None:
        return None
    text = secret.text
    if not (text.isascii() and text.isprintable()):
        message = f"the secret of source {source.name} is no token: it holds what no token holds"
        raise SourceRefused(message)
    if settings.token == "personal":  # noqa: S105
        return Credential(secret.host.lower(), text if ":" in text else f":{text}")
    return Credential(secret.host.lower(), text)
