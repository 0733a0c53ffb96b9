"""What a source of kind `sagemaker` is told, in `settings` of the sources file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from harvesters.environments import Environments
from schemas.strict import Closed, Count, Line, Word

Region = Annotated[Word, Field(pattern=r"^[a-z]{2}(-[a-z]{2,10}){1,2}-[0-9]{1,2}$")]


class SageMakerSettings(Closed):
    """Patterns are globs on names of endpoints.

    `url`: another address of SageMaker's API, such as that of a VPC; for one region only.
    `environment_tag`: the tag that names an environment; without, the account does.
    `list_every`: seconds after which every endpoint is looked at again, at the latest after the
    source's interval; a harvest before that looks at those that changed.
    """

    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=40)]
    url: Line | None = None
    exclude: Annotated[tuple[Word, ...], Field(max_length=200)] = ()
    environments: Environments = Field(default={})
    environment_tag: Word | None = None
    list_every: Annotated[Count, Field(le=86_400)] | None = None
    ca_file: Line | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len({*self.regions}) < len(self.regions):
            raise ValueError("a region stands twice in `regions`")
        if self.url is not None and len(self.regions) > 1:
            raise ValueError("`url` is the address of one region; declare a source for each")
        return self
