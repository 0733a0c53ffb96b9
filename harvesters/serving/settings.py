"""Reads what a source of a serving platform is told, in `settings` of the sources file."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TypeVar

from pydantic import ValidationError

from harvesters.errors import SourceRefused
from schemas.sources import SourceSettings
from schemas.strict import Closed

Told = TypeVar("Told", bound=Closed)


def read_settings(source: SourceSettings, told: type[Told]) -> Told:
    """What a source is told. Raises `SourceRefused`."""
    try:
        return told.model_validate(source.settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("settings", *first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        message = f"{where} of source {source.name}: {why}"
        raise SourceRefused(message) from None


def matches(name: str, globs: Iterable[str]) -> bool:
    """Does any pattern fit, whatever the case?"""
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)
