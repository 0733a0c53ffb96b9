"""What a source of repositories is told, whatever its host."""

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from harvesters.errors import SourceRefused
from harvesters.manifests.formats import FORMATS
from schemas.identities import IDENTITIES
from schemas.sources import SourceSettings
from schemas.strict import Closed, Count, Line, Word

Treatment = Literal["add", "create", "ignore"]
Globs = tuple[Word, ...]
Told = TypeVar("Told", bound=Closed)


class RepositorySettings(Closed):
    """In `settings` of the sources file. Patterns are globs on `owner/name`, case ignored.

    `branches`: which branch stands for a repository, by pattern; without, its default branch.
    `foreign`: what to do with files in formats of others, by format: `add` their facts to the model
    of a manifest (the default), `create` a model where there is none, or `ignore` them.
    `holds_models`: repositories that should hold a manifest; those without are a gap in coverage.
    """

    include: Globs = ("*",)
    exclude: Globs = ()
    branches: dict[Word, Line] = Field(default={})
    foreign: dict[Word, Treatment] = Field(default={})
    holds_models: Globs = ()
    seconds: Annotated[Count, Field(ge=1, le=290)] = 120  # for one repository
    ca_file: Line | None = None

    @field_validator("foreign")
    @classmethod
    def _known(cls, told: dict[str, Treatment]) -> dict[str, Treatment]:
        names = sorted(one.name for one in FORMATS)
        for name in told:
            if name not in names:
                near = get_close_matches(name, names, n=1) or names
                message = f"holds a format that is not read; the nearest is {near[0]}"
                raise ValueError(message)
        return told

    def keeps(self, path: str) -> bool:
        """Is the repository read at all?"""
        return matches(path, self.include) and not matches(path, self.exclude)

    def branch_of(self, path: str) -> str | None:
        """The branch that is read, where a pattern says so."""
        found = (branch for glob, branch in self.branches.items() if matches(path, (glob,)))
        return next(found, None)

    def expects(self, path: str) -> bool:
        """Should it hold a manifest?"""
        return matches(path, self.holds_models)

    def treatment(self, name: str) -> Treatment:
        """What is done with files of a format."""
        return self.foreign.get(name, "add")


def matches(path: str, globs: Globs) -> bool:
    """Does any pattern fit? Hosts compare names without case."""
    return any(fnmatchcase(path.lower(), glob.lower()) for glob in globs)


def read_settings(source: SourceSettings, told: type[Told]) -> Told:
    """What a source is told. Raises `SourceRefused`."""
    try:
        given = {name: value for name, value in source.settings.items() if name != IDENTITIES}
        return told.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"settings.{where} of source {source.name}: {first['msg']}"
        raise SourceRefused(message) from None
