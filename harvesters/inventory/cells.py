"""Reads single cells of the inventory. Pure; what a cell does not say is not guessed."""

import ast
import re
from typing import Final

from pydantic import ValidationError

from schemas.canonical import canonical_repository_url
from schemas.identifiers import Identifier, Kind
from schemas.omb_words import LABELS, OWNED, Column, folded
from schemas.strict import LONGEST_TEXT, UNWANTED

LONGEST_LINE: Final = 4_096
MOST_ITEMS: Final = 50
ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+")
CODE_HOSTS: Final = re.compile(r"//(?:[^/]*[.-])?(?:github|gitlab|bitbucket|git|code)[.-]")
ITEM: Final = re.compile(r"\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*(,|$)", re.DOTALL)


def read_label(column: Column, text: str) -> tuple[str | None, str]:
    """The label that a cell stands for, if any, and how it was read."""
    if not text:
        return None, "not_stated"
    if text in column.values:
        return text, "taken"
    spelling = folded(text)
    if label := LABELS[column.name].get(spelling):
        return label, "recoded"
    if column.narrowed and spelling.startswith(folded(column.narrowed)):
        return column.narrowed, "narrowed"
    if OWNED.get(spelling, column.name) != column.name:
        return None, "other_column"
    return None, "outside_enum"


def unreadable(raw: str) -> tuple[str, str] | None:
    """What is kept of a cell that no fact may hold, and why."""
    if UNWANTED.search(raw):
        return UNWANTED.sub("\ufffd", raw)[:LONGEST_TEXT], "unwanted_characters"
    if len(raw) > LONGEST_TEXT:
        return raw[:LONGEST_TEXT], "too_long"
    return None


def items(raw: str) -> list[str]:
    """The texts of a list as it is printed, `['a', 'b']`; any other text is the one of a list."""
    text = raw.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return [text] if text else []
    inside, place = text[1:-1], 0
    told: list[str] = []
    while place < len(inside) and len(told) < MOST_ITEMS:
        if not (found := ITEM.match(inside, place)):
            return [text]
        try:
            told.append(str(ast.literal_eval(found[1].replace("\n", "\\n"))))
        except (ValueError, SyntaxError):
            return [text]
        place = found.end()
    return [item for item in told if item.strip()]


def addresses(raw: str) -> list[str]:
    """The addresses of a cell of which each word is one; none of any other."""
    words = raw.split()
    if all(ADDRESS.fullmatch(word) and len(word) <= LONGEST_LINE for word in words):
        return words
    return []


def repository(url: str) -> str | None:
    """The canonical address of a repository on a host of code."""
    if not CODE_HOSTS.search(url.lower()):
        return None
    try:
        return Identifier(
            kind=Kind.REPOSITORY, scheme="url", value=canonical_repository_url(url)
        ).value
    except (ValueError, ValidationError):
        return None
