"""Amazon SageMaker: endpoints of an account, variant by variant. Needs the extra `sagemaker`."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from harvesters.base import Harvester
from harvesters.manners import USUAL_MANNERS, Manners
from harvesters.registry import Secret
from harvesters.serving.sagemaker.client import (
    SageMaker,
    address_of,
    check_installed,
    isolate,
    keys_of,
)
from harvesters.serving.sagemaker.settings import SageMakerSettings
from harvesters.serving.sagemaker.sweep import EndpointSweep
from harvesters.serving.settings import read_settings
from schemas.sources import SourceSettings

__all__ = ["SageMakerSettings", "harvesters"]


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings,
    secret: Secret | None,
    environ: MutableMapping[str, str],
    *,
    usual: Manners = USUAL_MANNERS,
) -> Iterator[Harvester[Any]]:
    """One harvester a region.

    Changes the process: nothing of AWS and no proxy stays in `environ`. Whoever calls this has
    guarded the sockets. Raises `SourceRefused` for settings that cannot be read safely.
    """
    settings = read_settings(source, SageMakerSettings)
    check_installed()
    isolate(environ)
    for region in settings.regions:
        address = address_of(region, settings.url)
        keys = keys_of(secret, host=address.host)
        api = SageMaker(region, keys, url=str(address), ca_file=settings.ca_file, manners=usual)
        try:
            yield EndpointSweep(api, region, settings=settings, seconds=source.expected_interval)
        finally:
            api.close()
