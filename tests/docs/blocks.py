"""Reads the fenced blocks of the documents: what is shown there is run, or at least looked at.

The words behind a fence say what a block is: `sh` is run; `sh by-hand` is not, because it needs
what a test machine lacks; `… file=NAME` is a file that later blocks use.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.architecture.source import ROOT

FENCE: Final = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIRST: Final = ("README.md", "docs/sources.md", "docs/commands.md", "docs/add-a-harvester.md")
COMMAND: Final = re.compile(r"\bmodel-catalog ((?:[a-z][a-z-]*)(?: [a-z]+\b)?)([^|;&)\n#]*)")
OPTION: Final = re.compile(r"(?<!\S)--[a-z][a-z-]*")
TARGET: Final = re.compile(r"^make ([a-z]+)", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block, and where it stands."""

    place: str  # document:line
    words: tuple[str, ...]
    text: str

    @property
    def is_run(self) -> bool:
        """Does the test machine do what it shows?"""
        return self.words == ("sh",)

    @property
    def file(self) -> str | None:
        """The file that it is."""
        named = (word.removeprefix("file=") for word in self.words if word.startswith("file="))
        return next(named, None)


def read_blocks() -> Iterator[Block]:
    """All blocks, in the order in which a reader goes through the documents."""
    others = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
    for name in dict.fromkeys((*FIRST, *others, "CONTRIBUTING.md")):
        yield from blocks_of(Path(name))


def blocks_of(document: Path) -> Iterator[Block]:
    """The blocks of one document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{document}:{line}", tuple(found[1].split()), found[2])


def commands_in(text: str) -> Iterator[tuple[str, set[str]]]:
    """The commands that a text calls, with their long options; lines may go on."""
    for name, rest in COMMAND.findall(text.replace("\\\n", " ")):
        yield name, set(OPTION.findall(rest))
