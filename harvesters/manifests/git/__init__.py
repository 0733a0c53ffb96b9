"""Repositories at any git server: a list of URLs, read by the `git` command, never checked out."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harvesters.base import Harvester
from harvesters.errors import SourceRefused
from harvesters.manifests.git.host import GitHost, Told
from harvesters.manifests.git.settings import GitSettings
from harvesters.manifests.settings import read_settings
from harvesters.manifests.sweep import RepositorySweep
from harvesters.registry import Secret
from outbound.addresses import VARIABLE, Allowed
from outbound.credentials import Credential
from outbound.git import KEY
from schemas.sources import SourceSettings

__all__ = ["GitSettings", "harvesters"]

SCOPE: Final = "repositories"
MEGABYTE: Final = 1024 * 1024


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings, secret: Secret | None, environ: Mapping[str, str]
) -> Iterator[Harvester[Any]]:
    """The one harvester of a list of repositories. Raises `SourceRefused`."""
    settings = read_settings(source, GitSettings)
    known = settings.ssh_known_hosts
    host = GitHost(
        Told(
            settings.remotes(),
            _allowed(environ),
            settings.seconds,
            settings.megabytes * MEGABYTE,
            dialect=settings.codeowners,
            credential=_credential(source, secret),
            ca_file=settings.ca_file,
            known_hosts=Path(known) if known else None,
        )
    )
    yield RepositorySweep(host, source, scope=SCOPE, settings=settings)


def _allowed(environ: Mapping[str, str]) -> Allowed:
    try:
        return Allowed(environ.get(VARIABLE, ""))
    except ValueError as error:
        raise SourceRefused(str(error)) from None


def _credential(source: SourceSettings, secret: Secret | None) -> Credential | None:
    if secret is None:
        return None
    if not KEY.match(secret.text) and not (secret.text.isascii() and secret.text.isprintable()):
        message = (
            f"the credential of source {source.name} is neither a private key nor text that a "
            "header carries"
        )
        raise SourceRefused(message)
    return Credential(secret.host.lower(), secret.text)
