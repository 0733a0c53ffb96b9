"""Jenkins: builds of its jobs, in folders, of organisations and of branches."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from harvesters.base import Harvester
from harvesters.ci.jenkins.api import JenkinsApi
from harvesters.ci.jenkins.harvest import JenkinsBuilds
from harvesters.ci.jenkins.names import Site
from harvesters.ci.jenkins.settings import JenkinsSettings
from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient
from harvesters.manifests.settings import read_settings
from harvesters.manners import USUAL_MANNERS, Manners
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from outbound.credentials import Credential
from schemas.sources import SourceSettings

__all__ = ["JenkinsSettings", "harvesters"]


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings,
    secret: Secret | None,
    environ: Mapping[str, str],
    *,
    usual: Manners = USUAL_MANNERS,
) -> Iterator[Harvester[Any]]:
    """One harvester. Raises `SourceRefused` for settings that cannot be used."""
    settings = read_settings(source, JenkinsSettings)
    site = Site.of(settings.url)
    client = PoliteClient(
        site.url,
        allow=environ.get(VARIABLE, ""),
        auth=_auth(source, secret),
        ca_file=settings.ca_file,
        manners=usual,
    )
    with closing(client):
        yield JenkinsBuilds(JenkinsApi(client), site, source=source, told=settings)


def _auth(source: SourceSettings, secret: Secret | None) -> Credential | None:
    """`user:token`; without it, what everybody may see is read."""
    if secret is None:
        return None
    user, colon, token = secret.text.partition(":")
    if not (secret.text.isascii() and secret.text.isprintable()) or not (user and colon and token):
        message = f"the secret of source {source.name} must be user:token, of a Jenkins API token"
        raise SourceRefused(message)
    return Credential(secret.host.lower(), secret.text)
