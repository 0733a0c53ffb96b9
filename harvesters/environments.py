"""Which class an environment is of, where a source's own patterns say so."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from schemas.strict import Word
from schemas.values import Environment

# In `settings` of a source: `environments: {"prod*": production}`; the first that fits holds.
Environments = Annotated[dict[Word, Environment], Field(max_length=100)]


def class_of(name: str | None, patterns: Mapping[str, Environment]) -> Environment | None:
    """The class of an environment; None where no pattern fits: never guessed by a name."""
    if name is None:
        return None
    fits = (kind for glob, kind in patterns.items() if fnmatchcase(name.lower(), glob.lower()))
    return next(fits, None)
