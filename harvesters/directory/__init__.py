"""A directory of owners: one YAML or CSV file of persons and teams, from a path or an address."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from pydantic import ValidationError, model_validator

from harvesters.base import Harvester
from harvesters.directory.harvest import DirectoryHarvest
from harvesters.directory.place import read_path, read_url
from harvesters.errors import SourceRefused
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings
from schemas.strict import Closed, Line

__all__ = ["DirectorySettings", "harvesters"]

ENDINGS: Final = (".csv", ".yaml", ".yml")


class DirectorySettings(Closed):
    """What a source of this kind is told, in `settings` of the sources file."""

    path: Line | None = None
    url: Line | None = None
    ca_file: Line | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) is (self.url is None):
            raise ValueError("name either `path` or `url`")
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError("`path` must begin with /")
        if self.path is not None and not self.path.endswith(ENDINGS):
            raise ValueError("`path` must end in .csv, .yaml or .yml")
        return self


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings, secret: Secret | None, environ: Mapping[str, str]
) -> Iterator[Harvester[Any]]:
    """The one harvester of a directory. Raises `SourceRefused` for settings that are none."""
    settings = _settings(source)
    if settings.path is not None:
        path = settings.path
        yield DirectoryHarvest(source.name, lambda: read_path(path), evidence=None)
    else:
        url, allow = settings.url or "", environ.get(VARIABLE, "")
        ca_file = settings.ca_file
        yield DirectoryHarvest(
            source.name,
            lambda: read_url(url, allow=allow, secret=secret, ca_file=ca_file),
            evidence=url if url.startswith("https:") else None,
        )


def _settings(source: SourceSettings) -> DirectorySettings:
    try:
        return DirectorySettings.model_validate(source.settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("settings", *(str(part) for part in first["loc"])))
        message = f"{where} of source {source.name}: {first['msg']}"
        raise SourceRefused(message) from None
