"""How a value is written in a CSV cell: exact, and never run by a spreadsheet."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Final
from uuid import UUID

LITERALS: Final = frozenset({"unknown", "not_applicable", "withheld"})
UNKNOWN: Final = "unknown"
ONE_OF: Final = "one of "
STARTS: Final = frozenset(
    "=+-@\uff1d\uff0b\uff0d\uff20\u2212"
)  # full width too, and the minus sign
COMMANDS: Final = frozenset("\t\r\n\0")


class NotStated:
    """Marks a fact that no source states; stated empty is None."""


EXACT: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (  # nobody's text: nothing would run
    (NoneType, lambda _: ""),
    (bool, lambda value: "true" if value else "false"),  # before int, which it is too
    (int, str),
    (float, lambda value: f"{Decimal(str(value)):f}"),
    (Decimal, lambda value: f"{value:f}"),
    (datetime, lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    (UUID, str),
)


def cell(value: Any, *, raw: bool = False) -> str:
    """One value as text: `unknown` when not stated, empty when stated empty.

    `raw` leaves out the apostrophe that keeps spreadsheets from running text.
    """
    if value is NotStated:
        return UNKNOWN
    for kind, written in EXACT:
        if isinstance(value, kind):
            return written(value)
    if isinstance(value, Mapping) and value.keys() == {"one_of"}:
        return ONE_OF + _unix(_joined(value["one_of"]))
    text = _unix(_joined(value) if isinstance(value, list | tuple) else str(value))
    return text if raw else neutral(text)


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


def _would_run(text: str) -> bool:
    if text.lstrip("'")[:1] in COMMANDS:
        return True
    shown = (c for c in text if c != "'" and not c.isspace() and not _invisible(c))
    return next(shown, "") in STARTS


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Zs", "Zl", "Zp", "Mn"}


def _is_literal(text: str) -> bool:
    bare = text.lstrip("'")
    return bare in LITERALS or bool(re.match(ONE_OF, bare))


def quoted(cells: list[str]) -> str:
    """One record: every field quoted, CRLF at its end."""
    return ",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in cells) + "\r\n"
