"""What a source of kind `omb-inventory` is told."""

from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator

from harvesters.errors import SourceRefused
from schemas.omb_words import BY_NAME
from schemas.sources import SourceSettings
from schemas.strict import Closed, Line

FIRST_YEAR: Final = 2020
NEEDED: Final = frozenset({"agency", "id"})  # identities are made of them


class InventorySettings(Closed):
    """`settings` of a source of this kind, in the sources file."""

    path: Line | None = None
    url: Line | None = None
    ca_file: Line | None = None
    year: Annotated[int, Field(strict=True, ge=FIRST_YEAR, le=2100)] = 2025
    leave_out: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) is (self.url is None):
            raise ValueError("name either `path` or `url`")
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError("`path` must begin with /")
        if self.url is not None and not self.url.startswith("https://"):
            raise ValueError("`url` must begin with https://")
        for name in self.leave_out:
            if name not in BY_NAME or name in NEEDED:
                message = f"`leave_out` names {name[:60]}, which is no column that can be left out"
                raise ValueError(message)
        return self


def read_settings(source: SourceSettings) -> InventorySettings:
    """The settings of a source. Raises `SourceRefused`."""
    try:
        return InventorySettings.model_validate(source.settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("settings", *(str(part) for part in first["loc"])))
        message = f"{where} of source {source.name}: {first['msg']}"
        raise SourceRefused(message) from None
