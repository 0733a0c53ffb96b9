"""Reads the names that a document's tables define: what stands in backticks in the first column."""

import re
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
ROW: Final = re.compile(r"^\| `([^`]+)` \|(.*)$", re.MULTILINE)


def section(document: str, heading: str) -> str:
    """The part of a document below one heading of the second level."""
    text = (DOCS / document).read_text(encoding="utf-8")
    _, _, below = text.partition(f"\n## {heading}\n")
    return below.split("\n## ")[0]


def preamble(document: str) -> str:
    """The part of a document before its first heading of the second level."""
    return (DOCS / document).read_text(encoding="utf-8").split("\n## ")[0]


def documented(text: str) -> list[str]:
    """The names that the tables of a text define, in order."""
    return [name for name, _ in ROW.findall(text)]


def documented_pairs(text: str) -> set[tuple[str, str]]:
    """The names, each with the cell beside it."""
    return {(name, rest.split("|")[0].strip()) for name, rest in ROW.findall(text)}
