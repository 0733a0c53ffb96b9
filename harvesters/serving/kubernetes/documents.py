"""Reads members of foreign documents: what is not there, or of another type, is None."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

LONGEST: Final = 4_096


def member(document: Any, *path: str) -> Any:
    """What stands at the end of a path of members."""
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def text(document: Any, *path: str) -> str | None:
    """A text that says something."""
    found = member(document, *path)
    if not isinstance(found, str) or len(found) > LONGEST:
        return None
    return found.strip() or None


def number(document: Any, *path: str) -> float | None:
    """A number, also one that stands as text."""
    found = member(document, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < LONGEST:
        return float(found[:9])
    return None if isinstance(found, bool) or not isinstance(found, int | float) else float(found)


def flag(document: Any, *path: str) -> bool:
    """Does it say true?"""
    found = member(document, *path)
    return found is True or (isinstance(found, str) and found.strip().lower() == "true")


def items(document: Any, *path: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    found = member(document, *path)
    yield from (
        (one for one in found if isinstance(one, Mapping))
        if isinstance(found, list | tuple)
        else ()
    )


def texts(document: Any, *path: str) -> Iterator[str]:
    """The texts of a list."""
    found = member(document, *path)
    yield from (
        (one for one in found if isinstance(one, str)) if isinstance(found, list | tuple) else ()
    )


def pairs(document: Any, *path: str) -> Iterator[tuple[str, str]]:
    """The members of a mapping that are texts, as labels and annotations are."""
    found = member(document, *path)
    if isinstance(found, Mapping):
        yield from ((k, v) for k, v in found.items() if isinstance(k, str) and isinstance(v, str))
