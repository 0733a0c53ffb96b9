"""How a value is written in a cell: exact, and never run by a spreadsheet."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Final
from uuid import UUID

from schemas.neutral import LITERALS, ONE_OF, neutral, running, taken_off

__all__ = [
    "LITERALS", "ONE_OF", "UNKNOWN", "NotStated", "Withheld", "cell", "fitting", "neutral",
    "quoted", "running", "taken_off",
]  # fmt: skip

UNKNOWN: Final = "unknown"
WITHHELD: Final = "withheld"
LONGEST_CELL: Final = 32_767  # what a spreadsheet holds, in UTF-16 units
CUT: Final = " [cut: a spreadsheet's cell holds 32,767 characters]"


class NotStated:
    """Marks a fact that no source states; stated empty is None."""


class Withheld:
    """Marks what is there, and is not for this reader."""


def _decimal(number: float | Decimal) -> str:
    """Without exponent, without zeros that say nothing, or a sign of nothing."""
    written = f"{Decimal(str(number)):f}"
    shortest = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if shortest == "-0" else shortest


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
    if value is Withheld:
        return WITHHELD
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


def fitting(text: str) -> tuple[str, bool]:
    """A cell that a spreadsheet can hold, and whether it had to be cut; a cut one says so."""
    if len(text) <= LONGEST_CELL // 2 or len(text.encode("utf-16-le")) <= 2 * LONGEST_CELL:
        return text, False
    kept = text.encode("utf-16-le")[: 2 * (LONGEST_CELL - len(CUT))]
    return kept.decode("utf-16-le", "ignore") + CUT, True


def quoted(cells: Sequence[str]) -> str:
    """One record: every field quoted, CRLF at its end."""
    return ",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in cells) + "\r\n"
