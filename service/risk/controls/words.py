"""What a result says to people: the control's message with its placeholders, or what is missing."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from schemas.controls import PLACEHOLDER
from service.risk.controls.snapshot_schema import read_at

MOST_NAMED: Final = 10
LONGEST: Final = 200  # of a value in a message
ITEMS: Final = "items"
BLAME: Final = "Tell who maintains the pack: the control decides nothing until it is mended."


def placeholders(template: str) -> tuple[tuple[str, ...], ...]:
    """The paths that a message names. Raises `ValueError` for brackets around anything else."""
    if re.search(r"[{}]", PLACEHOLDER.sub("", template)):
        raise ValueError("holds a bracket that closes or opens no path")
    return tuple(tuple(path.split(".")) for path in PLACEHOLDER.findall(template))


def rendered(template: str, *, within: Mapping[str, object], items: Sequence[str]) -> str:
    """The message with what its placeholders stand for."""

    def word(found: re.Match[str]) -> str:
        if found[1] == ITEMS:
            return listed(items)
        stated, value = read_at(within, tuple(found[1].split(".")))
        return _written(value) if stated else "(not stated)"

    return PLACEHOLDER.sub(word, template)


def undecided(title: str, *, missing: Sequence[tuple[str, str]], items: Sequence[str]) -> str:
    """What is not known, rather than what would be wrong."""
    what = listed([path for path, _ in missing])
    where = f" for {listed(items)}" if items else ""
    return f"Not decided: {title}. Not stated{where}: {what}."


def to_state(missing: Sequence[tuple[str, str]]) -> str:
    """Who could state what is missing."""
    return " ".join(f"{path} is stated by {who}." for path, who in missing[:MOST_NAMED])


def defective(title: str) -> str:
    """The control is at fault, and not the model."""
    return f"Not decided: {title}. The control itself cannot be evaluated."


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many more."""
    if not names:
        return "(none)"
    more = len(names) - MOST_NAMED
    first = ", ".join(_cut(name) for name in names[:MOST_NAMED])
    return f"{first} and {more} more" if more > 0 else first


def _written(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, list | tuple):
        return listed([str(item) for item in value])
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
