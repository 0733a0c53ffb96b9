"""The inventory of the uses of AI that US agencies publish every year: one CSV file."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvesters.base import Harvester
from harvesters.directory.place import read_path, read_url
from harvesters.inventory.harvest import InventoryHarvest
from harvesters.inventory.settings import InventorySettings, read_settings
from harvesters.inventory.table import LARGEST
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings

__all__ = ["InventorySettings", "harvesters"]


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings, secret: Secret | None, environ: Mapping[str, str]
) -> Iterator[Harvester[Any]]:
    """The one harvester of an inventory. Raises `SourceRefused` for settings that are none."""
    settings = read_settings(source)

    def read() -> bytes:
        if settings.path is not None:
            return read_path(settings.path, largest=LARGEST)
        return read_url(
            settings.url or "",
            allow=environ.get(VARIABLE, ""),
            secret=secret,
            ca_file=settings.ca_file,
            largest=LARGEST,
        )

    yield InventoryHarvest(source, read)
