"""Texts that a spreadsheet would run, or take for a word of ours: how they are marked and read."""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import Final

LITERALS: Final = frozenset({"unknown", "not_applicable", "withheld"})
ONE_OF: Final = "one of "
# Full width too, and the minus sign. Escaped as both Python and PostgreSQL read it.
STARTS: Final = r"=+\-@\uff1d\uff0b\uff0d\uff20\u2212"
COMMANDS: Final = r"\t\r\n"
INVISIBLE: Final = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp", "Mn"})  # Unicode's categories
BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol without ink


def neutral(text: str) -> str:
    """One apostrophe before what a spreadsheet would run, or would take for one of our words.

    The test looks past apostrophes, so that under the same test an importer takes one off again.
    """
    return f"'{text}" if _would_run(text) or _is_literal(text) else text


def taken_off(text: str) -> str:
    """The text that a cell stands for, for importers: the inverse of `neutral`."""
    return text[1:] if text.startswith("'") and neutral(text) != text else text


def _would_run(text: str) -> bool:
    if text.lstrip("'")[:1] == "\0":  # PostgreSQL holds no such text: its pattern has none
        return True
    return bool(_running().match(text.replace("\0", "\1")))


@cache
def _running() -> re.Pattern[str]:
    return re.compile(running())


@cache
def running() -> str:
    """The pattern of texts that a spreadsheet would run, for Python and for PostgreSQL.

    Made when it is needed first: to look through all of Unicode takes a quarter of a second.
    """
    return rf"^(?:['{_invisible()}]*[{STARTS}]|'*[{COMMANDS}])"


def _invisible() -> str:
    """White space and what shows no ink, as ranges of code points."""
    unseen = [
        point
        for point in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in INVISIBLE or chr(point) in BLANK
    ]
    runs = [list(run) for _, run in groupby(enumerate(unseen), lambda one: one[1] - one[0])]
    return "".join(f"\\U{run[0][1]:08x}-\\U{run[-1][1]:08x}" for run in runs)


def _is_literal(text: str) -> bool:
    bare = text.lstrip("'")
    return bare in LITERALS or bare.startswith(ONE_OF)
