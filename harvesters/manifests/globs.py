"""Patterns of paths, as the hosts of CODEOWNERS files compare them; nothing is tried twice."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

ANY_FOLDERS: Final = None  # in place of a segment: any number of folders
Segment = str | re.Pattern[str]  # without a wildcard, or with
Folded = tuple[Segment | None, ...]
ANYTHING: Final[Segment] = re.compile(".*", re.DOTALL)
LONE_STARS: Final = 2


class Glob(NamedTuple):
    """Segments of a path."""

    segments: Folded
    plain: frozenset[str] = frozenset()  # segments without a wildcard: to look for them is cheap

    def matches(self, path: Sequence[str]) -> bool:
        """Does a path match, given by its segments?"""
        return self.plain.issubset(path) and _fits(self.segments, path)


def github_glob(pattern: str) -> Glob | None:
    """As GitHub reads it: like .gitignore, without `!` and `[a-z]`. None where it is no pattern."""
    if "***" in pattern or pattern.startswith("\\#") or not pattern.strip("/"):
        return None
    names = pattern.split("/")
    if not names[0]:
        names = names[1:]
    elif len(names) == 1 or (len(names) == LONE_STARS and not names[1]):
        names = ["**", *names]
    inside = not names[-1]
    if inside:
        names = [*names[:-1], "**"]
    segments = _segments(names)
    if segments[-1] is ANY_FOLDERS:
        return _glob((*segments, ANYTHING))
    if names[-1] != "*":  # what lies in a folder that matches matches too
        return _glob((*segments, ANY_FOLDERS))
    return _glob(segments)


def gitlab_glob(pattern: str) -> Glob | None:
    """As GitLab reads it: only `/` at the beginning binds it to the root. None for no pattern.

    Only one at the end means all that lies in a folder.
    """
    if not pattern.strip("/"):
        return None
    if pattern == "*":
        return _glob((ANY_FOLDERS, ANYTHING))
    names = pattern.split("/")
    names = names[1:] if not names[0] else ["**", *names]
    if not names[-1]:
        names = [*names[:-1], "**", "*"]
    segments = _segments(names)
    return _glob((*segments[:-1], ANYTHING if segments[-1] is ANY_FOLDERS else segments[-1]))


def _glob(segments: Folded) -> Glob:
    return Glob(segments, frozenset(one for one in segments if isinstance(one, str)))


def _segments(names: Sequence[str]) -> Folded:
    """Several `**` in a row mean what one does."""
    found: list[Segment | None] = []
    for name in names:
        segment = ANY_FOLDERS if name == "**" else _segment(name)
        if segment is not ANY_FOLDERS or not found or found[-1] is not ANY_FOLDERS:
            found.append(segment)
    return tuple(found)


@lru_cache(maxsize=1024)
def _segment(name: str) -> Segment:
    r"""`\` takes the next character as it is; `[` means itself.

    What stands between two stars is taken where it comes first and never sought elsewhere (`(?>`):
    a file of patterns is written by anybody, and read for each manifest.
    """
    text, pieces, wild = "", [""], False
    characters = iter(name)
    for character in characters:
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "."
            wild = True
        else:
            meant = next(characters, character) if character == "\\" else character
            pieces[-1] += re.escape(meant)
            text += meant
    first, *others = pieces
    if not others:
        return re.compile(first, re.DOTALL) if wild else text
    between = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    return re.compile(f"{first}{between}.*{others[-1]}", re.DOTALL)


def _is_named(segment: Segment | None, name: str) -> bool:
    if segment is ANY_FOLDERS or not name:
        return False
    if isinstance(segment, str):
        return segment == name
    return segment.fullmatch(name) is not None


def _fits(wanted: Folded, given: Sequence[str]) -> bool:
    """Compare two rows, where some of the wanted stand for any number of the given.

    Only the last of those ever has to take more, so that this costs the product of both lengths.
    """
    at, place = 0, 0
    resume: tuple[int, int] | None = None
    while place < len(given):
        if at < len(wanted) and wanted[at] is ANY_FOLDERS:
            resume = (at, place)
            at += 1
        elif at < len(wanted) and _is_named(wanted[at], given[place]):
            at, place = at + 1, place + 1
        elif resume is not None:
            at, place = resume[0] + 1, resume[1] + 1
            resume = (resume[0], place)
        else:
            return False
    return all(rest is ANY_FOLDERS for rest in wanted[at:])
