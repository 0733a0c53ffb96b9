"""How a value is written in a cell: exact, and never run by a spreadsheet."""

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from types import NoneType
from typing import Any, Final
from uuid import UUID

LITERALS: Final = frozenset({"unknown", "not_applicable", "withheld"})
UNKNOWN: Final = "unknown"
ONE_OF: Final = "one of "
# Full width too, and the minus sign. Escaped as both Python and PostgreSQL read it.
STARTS: Final = r"=+\-@\uff1d\uff0b\uff0d\uff20\u2212"
COMMANDS: Final = r"\t\r\n"
INVISIBLE: Final = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp", "Mn"})  # Unicode's categories
BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol without ink
LONGEST_CELL: Final = 32_767  # what a spreadsheet holds, in UTF-16 units
CUT: Final = " [cut: a spreadsheet's cell holds 32,767 characters]"


class NotStated:
    """Marks a fact that no source states; stated empty is None."""


def _decimal(number: float | Decimal) -> str:
    """Without exponent, without zeros that say nothing."""
    written = f"{Decimal(str(number)):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


EXACT: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (  # nobody's text: nothing would run
    (NoneType, lambda _: ""),
    (bool, lambda value: "true" if value else "false"),  # before int, which it is too
    (int, str),
    (float, _decimal),
    (Decimal, _decimal),
    (datetime, lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    (UUID, str),
)


def cell(value: Any, *, raw: bool = False) -> str:
    """One value as text: `unknown` when not stated, empty when stated empty.

    `raw` leaves out the apostrophe that keeps spreadsheets from running text.
    `service.exports.statement` writes the same in PostgreSQL; a test compares them.
    """
    if value is NotStated:
        return UNKNOWN
    if (exact := _exact(value)) is not None:
        return exact
    if isinstance(value, Mapping) and value.keys() == {"one_of"}:
        return ONE_OF + _unix(_joined(value["one_of"]))
    text = _unix(
        _joined(_items(value)) if isinstance(value, list | tuple | Mapping) else str(value)
    )
    return text if raw else neutral(text)


def _exact(value: Any) -> str | None:
    return next((written(value) for kind, written in EXACT if isinstance(value, kind)), None)


def _items(value: Any) -> list[Any]:
    """The members of a list; those of an object as `name=value`."""
    if isinstance(value, Mapping):
        return [f"{name}={_plain(member)}" for name, member in value.items()]
    return [_plain(member) for member in value]


def _plain(value: Any) -> str:
    exact = _exact(value)
    return str(value) if exact is None else exact


def _unix(text: str) -> str:
    """Every line end as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _joined(items: Any) -> str:
    """Sorted, separated by `; `, a semicolon inside an item doubled."""
    return "; ".join(sorted(str(item).replace(";", ";;") for item in items))


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


def fitting(text: str) -> tuple[str, bool]:
    """A cell that a spreadsheet can hold, and whether it had to be cut; a cut one says so."""
    if len(text) <= LONGEST_CELL // 2 or len(text.encode("utf-16-le")) <= 2 * LONGEST_CELL:
        return text, False
    kept = text.encode("utf-16-le")[: 2 * (LONGEST_CELL - len(CUT))]
    return kept.decode("utf-16-le", "ignore") + CUT, True


def quoted(cells: Sequence[str]) -> str:
    """One record: every field quoted, CRLF at its end."""
    return ",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in cells) + "\r\n"
