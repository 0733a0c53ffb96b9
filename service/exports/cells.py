"""How a value is written in a CSV cell: exact, and never run by a spreadsheet."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

LITERALS: Final = frozenset({"unknown", "not_applicable", "withheld"})
UNKNOWN: Final = "unknown"
ONE_OF: Final = "one of "
STARTS: Final = frozenset("=+-@") | frozenset("＝＋－＠−")
COMMANDS: Final = frozenset("\t\r\n\0")


class NotStated:
    """Marks a fact that no source states; stated empty is None."""


def cell(value: Any, *, raw: bool = False) -> str:
    """One value as text: `unknown` when not stated, empty when stated empty.

    `raw` leaves out the apostrophe that keeps spreadsheets from running text.
    """
    if value is NotStated:
        return UNKNOWN
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping) and value.keys() == {"one_of"}:
        return ONE_OF + _joined(value["one_of"])
    text = _joined(value) if isinstance(value, list | tuple) else str(value)
    return text if raw else neutral(text)


def _joined(items: Any) -> str:
    """Sorted, separated by `; `, a semicolon inside an item doubled."""
    return "; ".join(sorted(str(item).replace(";", ";;") for item in items))


def neutral(text: str) -> str:
    """One apostrophe before what a spreadsheet would run, or would take for one of our words."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if not _begins_bare(text) else text
    return f"'{text}" if _would_run(text) or _is_literal(text) else text


def _begins_bare(text: str) -> bool:
    return bool(text.lstrip("'")[:1] in COMMANDS and text.lstrip("'"))


def _would_run(text: str) -> bool:
    bare = text.lstrip("'")
    if bare[:1] and bare[0] in COMMANDS:
        return True
    for character in text:
        if character in STARTS:
            return True
        if character != "'" and not character.isspace() and not _invisible(character):
            return False
    return False


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Zs", "Zl", "Zp", "Mn"}


def _is_literal(text: str) -> bool:
    bare = text.lstrip("'")
    return bare in LITERALS or bool(re.match(ONE_OF, bare))


def quoted(cells: list[str]) -> str:
    """One record: every field quoted, CRLF at its end."""
    return ",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in cells) + "\r\n"
