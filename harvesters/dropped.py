"""What was read and left out: as a report counts it, and as an entry says it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import ValidationError

from harvesters.errors import shown

MOST_WARNINGS: Final = 100


class Dropped(NamedTuple):
    """Something that was read and left out: why, as a report counts it, and in words."""

    reason: str
    about: str


def warnings_of(dropped: Iterable[Dropped]) -> tuple[str, ...]:
    """What was dropped, as the entry says it; none is said too: everything could be used."""
    lines = sorted({shown(one.about) for one in dropped})
    if more := lines[MOST_WARNINGS:]:
        lines[MOST_WARNINGS:] = [f"and {len(more):,} more"]
    return tuple(lines)


def reason(error: ValueError) -> str:
    """Why a value is refused, without the value."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return first["msg"].removeprefix("Value error, ")
