"""How harvests of Azure are recorded, and who observes their pages again; asks no server."""

from typing import Any, Final

from harvesters.base import Harvester
from harvesters.ci.azure.harvest import SCOPE, AzureBuilds
from harvesters.ci.azure.names import UUID, Site
from harvesters.ci.azure.observe import Deployed, ProjectPage
from harvesters.ci.azure.settings import AzureSettings
from harvesters.codec import Codec, PageUnreadable
from harvesters.manifests.settings import read_settings
from harvesters.registry import Replays
from schemas.sources import SourceSettings

CODEC: Final = Codec(ProjectPage, Deployed)


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    project = scope.removeprefix(SCOPE)
    if not scope.startswith(SCOPE) or not UUID.fullmatch(project):
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    settings = read_settings(source, AzureSettings)
    site = Site.of(settings.url)
    return AzureBuilds(None, site, project=project, source=source, told=settings)


REPLAYS: Final = Replays(CODEC, harvester)
