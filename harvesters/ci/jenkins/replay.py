"""How harvests of Jenkins are recorded, and who observes their pages again; asks no server."""

from typing import Any, Final

from harvesters.base import Harvester
from harvesters.ci.jenkins.harvest import SCOPE, JenkinsBuilds
from harvesters.ci.jenkins.names import Site
from harvesters.ci.jenkins.observe import JobPage, Row
from harvesters.ci.jenkins.settings import JenkinsSettings
from harvesters.codec import Codec, PageUnreadable
from harvesters.manifests.settings import read_settings
from harvesters.registry import Replays
from schemas.sources import SourceSettings

CODEC: Final = Codec(JobPage, Row)


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    if scope != SCOPE:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    settings = read_settings(source, JenkinsSettings)
    return JenkinsBuilds(None, Site.of(settings.url), source=source, told=settings)


REPLAYS: Final = Replays(CODEC, harvester)
