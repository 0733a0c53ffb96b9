"""How harvests of SageMaker are recorded, and who observes their pages again; asks no server."""

from typing import Any, Final

from harvesters.base import Harvester
from harvesters.codec import Codec, PageUnreadable
from harvesters.registry import Replays
from harvesters.serving.sagemaker.observe import Variant
from harvesters.serving.sagemaker.settings import SageMakerSettings
from harvesters.serving.sagemaker.sweep import EndpointPage, EndpointSweep
from harvesters.serving.settings import read_settings
from schemas.sources import SourceSettings

CODEC: Final = Codec(EndpointPage, Variant)


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    what, _, region = scope.partition("/")
    if what != "endpoints" or not region:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)
    settings = read_settings(source, SageMakerSettings)
    return EndpointSweep(None, region, settings=settings, seconds=source.expected_interval)


REPLAYS: Final = Replays(CODEC, harvester)
