"""How harvests of a cluster are recorded, and who observes their pages again; asks no server."""

from typing import Any, Final

from harvesters.base import Harvester
from harvesters.codec import Codec, PageUnreadable
from harvesters.registry import Replays
from harvesters.serving.kubernetes import cluster_of
from harvesters.serving.kubernetes.objects import Served
from harvesters.serving.kubernetes.observe import Running, ServingPage
from harvesters.serving.kubernetes.settings import KubernetesSettings
from harvesters.serving.kubernetes.sweep import SCOPE, ServingSweep
from harvesters.serving.settings import read_settings
from schemas.sources import SourceSettings

CODEC: Final = Codec(ServingPage, Served, Running)


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    if scope != SCOPE:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    cluster = cluster_of(source, read_settings(source, KubernetesSettings))
    return ServingSweep(None, cluster, seconds=source.expected_interval)


REPLAYS: Final = Replays(CODEC, harvester)
